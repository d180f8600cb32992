//! Our tables in SQLite.

use super::Versions;

/// Users, secrets and keys.
pub(super) const ACCOUNTS: Versions = &[
    &[
        "CREATE TABLE crossauth_users (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            username TEXT NOT NULL,
            username_normalized TEXT NOT NULL UNIQUE,
            email TEXT,
            email_normalized TEXT UNIQUE,
            state TEXT NOT NULL,
            factor1 TEXT NOT NULL,
            factor2 TEXT NOT NULL,
            admin INTEGER NOT NULL,
            credential_epoch INTEGER NOT NULL DEFAULT 0,
            extra TEXT
        )",
        "CREATE INDEX crossauth_users_by_admin ON crossauth_users (admin) WHERE admin = 1",
        "CREATE TABLE crossauth_user_secrets (
            userid INTEGER PRIMARY KEY REFERENCES crossauth_users (id) ON DELETE CASCADE,
            password TEXT,
            totpsecret TEXT
        )",
        "CREATE TABLE crossauth_keys (
            value TEXT NOT NULL PRIMARY KEY,
            userid INTEGER REFERENCES crossauth_users (id) ON DELETE CASCADE,
            created INTEGER NOT NULL,
            expires INTEGER,
            lastactive INTEGER,
            data TEXT NOT NULL,
            epoch INTEGER NOT NULL DEFAULT 0,
            extra TEXT
        ) WITHOUT ROWID",
        "CREATE INDEX crossauth_keys_by_owner ON crossauth_keys (userid, created)",
        "CREATE INDEX crossauth_keys_by_expiry ON crossauth_keys (expires) \
             WHERE expires IS NOT NULL",
    ],
    &["ALTER TABLE crossauth_users ADD COLUMN created INTEGER"],
    &["CREATE INDEX crossauth_users_by_state \
           ON crossauth_users (state, username_normalized)"],
];

/// Counters of attempts, and the last steps of TOTP codes.
pub(super) const PROTECTION: Versions = &[
    &[
        "CREATE TABLE crossauth_attempts (
            subject TEXT NOT NULL PRIMARY KEY,
            count INTEGER NOT NULL,
            expires INTEGER NOT NULL
        ) WITHOUT ROWID",
        "CREATE INDEX crossauth_attempts_by_expiry ON crossauth_attempts (expires)",
        "CREATE TABLE crossauth_totp_steps (
            userid TEXT NOT NULL PRIMARY KEY,
            secret TEXT NOT NULL,
            step INTEGER NOT NULL
        ) WITHOUT ROWID",
    ],
    // A counter becomes the time at which it is idle: each attempt moved it by the interval of the
    // limit, which is an hour for challenges and, for the others, at most twelve minutes.
    &[
        "UPDATE crossauth_attempts SET expires = expires - 3600000 + count * \
             CASE WHEN subject LIKE 'challenge:%' OR subject LIKE 'resend:%' THEN 3600000 \
             ELSE 720000 END",
        "ALTER TABLE crossauth_attempts RENAME COLUMN expires TO idle",
        "ALTER TABLE crossauth_attempts DROP COLUMN count",
    ],
];

/// Messages that wait to be sent.
pub(super) const OUTBOX: Versions = &[&[
    "CREATE TABLE crossauth_outbox (
            id TEXT NOT NULL PRIMARY KEY,
            kind TEXT NOT NULL,
            userid TEXT,
            created INTEGER NOT NULL,
            due INTEGER NOT NULL,
            expires INTEGER NOT NULL,
            lease INTEGER NOT NULL DEFAULT 0,
            attempts INTEGER NOT NULL DEFAULT 0,
            died INTEGER,
            error TEXT,
            payload TEXT NOT NULL
        ) WITHOUT ROWID",
    "CREATE INDEX crossauth_outbox_by_due ON crossauth_outbox (due) WHERE died IS NULL",
    "CREATE INDEX crossauth_outbox_by_death ON crossauth_outbox (died) \
             WHERE died IS NOT NULL",
]];

/// The audit log, and the marks of its hash chain.
pub(super) const AUDIT: Versions = &[&[
    "CREATE TABLE crossauth_audit (
            id TEXT NOT NULL PRIMARY KEY,
            created INTEGER NOT NULL,
            act TEXT NOT NULL,
            actor TEXT NOT NULL,
            actor_user TEXT,
            actor_name TEXT,
            userid TEXT,
            request TEXT,
            detail TEXT NOT NULL,
            origin TEXT,
            origin_digest TEXT NOT NULL,
            about TEXT,
            about_digest TEXT NOT NULL,
            number INTEGER,
            key TEXT,
            hash TEXT
        ) WITHOUT ROWID",
    "CREATE INDEX crossauth_audit_by_user ON crossauth_audit (userid, id) \
             WHERE userid IS NOT NULL",
    "CREATE INDEX crossauth_audit_by_actor ON crossauth_audit (actor_user, id) \
             WHERE actor_user IS NOT NULL",
    "CREATE UNIQUE INDEX crossauth_audit_by_number ON crossauth_audit (number) \
             WHERE number IS NOT NULL",
    "CREATE INDEX crossauth_audit_unchained ON crossauth_audit (number, id) \
             WHERE number IS NULL",
    "CREATE TABLE crossauth_audit_marks (
            name TEXT NOT NULL PRIMARY KEY,
            number INTEGER NOT NULL,
            hash TEXT NOT NULL,
            key TEXT NOT NULL,
            seal TEXT NOT NULL
        ) WITHOUT ROWID",
    "INSERT INTO crossauth_audit_marks (name, number, hash, key, seal) \
             VALUES ('start', 0, '', '', ''), ('end', 0, '', '', '')",
]];

/// The tables of an import: its state, replaced ids, and findings.
pub(super) const IMPORT: Versions = &[&[
    "CREATE TABLE crossauth_import (
            id INTEGER NOT NULL PRIMARY KEY,
            source TEXT NOT NULL,
            started INTEGER NOT NULL,
            finished INTEGER,
            state TEXT NOT NULL
        )",
    "CREATE TABLE crossauth_import_ids (
            source TEXT NOT NULL PRIMARY KEY,
            id INTEGER NOT NULL
        ) WITHOUT ROWID",
    "CREATE TABLE crossauth_import_findings (
            number INTEGER NOT NULL PRIMARY KEY,
            finding TEXT NOT NULL
        )",
]];
