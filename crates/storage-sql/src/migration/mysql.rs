//! Our tables in MySQL and MariaDB.
//!
//! A statement that changes the schema commits at once, so a migration may be interrupted between
//! any two. The next start runs the statements of a version from the first, so each must be
//! harmless when it is repeated. The driver ignores the error that a table, column or index exists,
//! or that one to drop does not. Statements that change rows must find out themselves.
//!
//! The limits of lengths are those of indexes: 3072 bytes, with four for each character.

use super::Versions;

/// A table with text that is compared byte by byte, including spaces at its end. The comments are
/// instructions, for one of the two products each.
macro_rules! table {
    ($definition:literal) => {
        concat!(
            $definition,
            " ENGINE = InnoDB, ROW_FORMAT = DYNAMIC, DEFAULT CHARACTER SET = utf8mb4, COLLATE = ",
            "/*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */"
        )
    };
}

/// Versions.
pub(super) const CREATE_VERSIONS: &str = table!(
    "CREATE TABLE IF NOT EXISTS crossauth_schema (
        tables VARCHAR(63) NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (tables, version))"
);

/// Users, secrets and keys.
pub(super) const ACCOUNTS: Versions = &[&[
    table!(
        "CREATE TABLE IF NOT EXISTS crossauth_users (
            id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
            username VARCHAR(640) NOT NULL,
            username_normalized VARCHAR(640) NOT NULL,
            email VARCHAR(640),
            email_normalized VARCHAR(640),
            state VARCHAR(100) NOT NULL,
            factor1 VARCHAR(255) NOT NULL,
            factor2 VARCHAR(255) NOT NULL,
            admin BOOLEAN NOT NULL,
            credential_epoch BIGINT NOT NULL DEFAULT 0,
            extra LONGTEXT,
            created BIGINT,
            UNIQUE KEY crossauth_users_by_name (username_normalized),
            UNIQUE KEY crossauth_users_by_email (email_normalized),
            KEY crossauth_users_by_admin (admin),
            KEY crossauth_users_by_state (state, username_normalized)
        )"
    ),
    table!(
        "CREATE TABLE IF NOT EXISTS crossauth_user_secrets (
            userid BIGINT NOT NULL PRIMARY KEY,
            password TEXT,
            totpsecret TEXT,
            CONSTRAINT crossauth_secrets_of_user FOREIGN KEY (userid)
                REFERENCES crossauth_users (id) ON DELETE CASCADE
        )"
    ),
    table!(
        "CREATE TABLE IF NOT EXISTS crossauth_keys (
            value VARCHAR(512) NOT NULL PRIMARY KEY,
            userid BIGINT,
            created BIGINT NOT NULL,
            expires BIGINT,
            lastactive BIGINT,
            data LONGTEXT NOT NULL,
            epoch BIGINT NOT NULL DEFAULT 0,
            extra LONGTEXT,
            KEY crossauth_keys_by_owner (userid, created),
            KEY crossauth_keys_by_expiry (expires),
            CONSTRAINT crossauth_keys_of_user FOREIGN KEY (userid)
                REFERENCES crossauth_users (id) ON DELETE CASCADE
        )"
    ),
]];

/// Counters of attempts, the last steps of TOTP codes, and locks.
pub(super) const PROTECTION: Versions = &[&[
    table!(
        "CREATE TABLE IF NOT EXISTS crossauth_attempts (
            subject VARCHAR(640) NOT NULL PRIMARY KEY,
            idle BIGINT NOT NULL,
            KEY crossauth_attempts_by_expiry (idle)
        )"
    ),
    table!(
        "CREATE TABLE IF NOT EXISTS crossauth_totp_steps (
            userid VARCHAR(255) NOT NULL PRIMARY KEY,
            secret TEXT NOT NULL,
            step BIGINT NOT NULL
        )"
    ),
    // Rows to lock in the place of texts, by the hash of the text.
    table!(
        "CREATE TABLE IF NOT EXISTS crossauth_locks (
            bucket INTEGER NOT NULL PRIMARY KEY,
            uses BIGINT NOT NULL DEFAULT 0
        )"
    ),
    "INSERT IGNORE INTO crossauth_locks (bucket)
        WITH RECURSIVE buckets (bucket) AS
            (SELECT -1 UNION ALL SELECT bucket + 1 FROM buckets WHERE bucket < 255)
        SELECT bucket FROM buckets",
]];

/// Messages that wait to be sent.
pub(super) const OUTBOX: Versions = &[&[table!(
    "CREATE TABLE IF NOT EXISTS crossauth_outbox (
            id VARCHAR(255) NOT NULL PRIMARY KEY,
            kind VARCHAR(255) NOT NULL,
            userid VARCHAR(255),
            created BIGINT NOT NULL,
            due BIGINT NOT NULL,
            expires BIGINT NOT NULL,
            lease BIGINT NOT NULL DEFAULT 0,
            attempts BIGINT NOT NULL DEFAULT 0,
            died BIGINT,
            error TEXT,
            payload LONGTEXT NOT NULL,
            KEY crossauth_outbox_by_due (died, due)
        )"
)]];

/// The audit log, and the marks of its hash chain.
pub(super) const AUDIT: Versions = &[&[
    table!(
        "CREATE TABLE IF NOT EXISTS crossauth_audit (
            id VARCHAR(255) NOT NULL PRIMARY KEY,
            created BIGINT NOT NULL,
            act VARCHAR(255) NOT NULL,
            actor VARCHAR(255) NOT NULL,
            actor_user VARCHAR(255),
            actor_name TEXT,
            userid VARCHAR(255),
            request TEXT,
            detail LONGTEXT NOT NULL,
            origin LONGTEXT,
            origin_digest VARCHAR(255) NOT NULL,
            about LONGTEXT,
            about_digest VARCHAR(255) NOT NULL,
            number BIGINT,
            `key` VARCHAR(255),
            hash VARCHAR(255),
            KEY crossauth_audit_by_user (userid, id),
            KEY crossauth_audit_by_actor (actor_user, id),
            UNIQUE KEY crossauth_audit_by_number (number),
            KEY crossauth_audit_unchained (number, id)
        )"
    ),
    table!(
        "CREATE TABLE IF NOT EXISTS crossauth_audit_marks (
            name VARCHAR(63) NOT NULL PRIMARY KEY,
            number BIGINT NOT NULL,
            hash VARCHAR(255) NOT NULL,
            `key` VARCHAR(255) NOT NULL,
            seal VARCHAR(255) NOT NULL
        )"
    ),
    "INSERT IGNORE INTO crossauth_audit_marks (name, number, hash, `key`, seal)
        VALUES ('start', 0, '', '', ''), ('end', 0, '', '', '')",
]];

/// The tables of an import: its state, replaced ids, and findings.
pub(super) const IMPORT: Versions = &[&[
    table!(
        "CREATE TABLE IF NOT EXISTS crossauth_import (
            id INTEGER NOT NULL PRIMARY KEY,
            source LONGTEXT NOT NULL,
            started BIGINT NOT NULL,
            finished BIGINT,
            state LONGTEXT NOT NULL
        )"
    ),
    table!(
        "CREATE TABLE IF NOT EXISTS crossauth_import_ids (
            source VARCHAR(255) NOT NULL PRIMARY KEY,
            id BIGINT NOT NULL
        )"
    ),
    table!(
        "CREATE TABLE IF NOT EXISTS crossauth_import_findings (
            number BIGINT NOT NULL PRIMARY KEY,
            finding LONGTEXT NOT NULL
        )"
    ),
]];
