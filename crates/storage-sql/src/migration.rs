//! Our own schema and its versions.

use crossauth_core::storage::StorageError;

use crate::OpenError;
use crate::database::{Database, Dialect, Statement, Transaction, Value};
use crate::{Management, TableMap};

/// A group of tables with versions of its own.
struct Group {
    /// Identifies it in `crossauth_schema`.
    name: &'static str,
    /// The statements that lead from each version to the next. Never change one that was released.
    versions: &'static [&'static [&'static str]],
}

/// Users, secrets and keys. Not migrated where the table map has the tables of another program.
fn accounts(dialect: Dialect) -> Group {
    let versions: &[&[&str]] = match dialect {
        Dialect::Sqlite => &[&[
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
        ]],
    };
    Group { name: "accounts", versions }
}

/// Brings the tables that are ours to their latest version, in one transaction.
pub(crate) async fn migrate(database: &impl Database, map: &TableMap) -> Result<(), OpenError> {
    let mut groups = Vec::new();
    if map.management == Management::Managed {
        groups.push(accounts(database.dialect()));
    }
    if groups.is_empty() {
        return Ok(());
    }
    let newer = database
        .transaction(groups, |transaction, groups| {
            Box::pin(async move {
                transaction.execute(&Statement::new(CREATE_VERSIONS), &[]).await?;
                let mut newer = None;
                for group in groups {
                    newer = newer.or(advance(transaction, group).await?);
                }
                Ok(newer)
            })
        })
        .await?;
    newer.map_or(Ok(()), |(found, known)| Err(OpenError::Newer { found, known }))
}

const CREATE_VERSIONS: &str = "CREATE TABLE IF NOT EXISTS crossauth_schema (
    tables VARCHAR(63) NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (tables, version))";

/// Brings a group to its latest version. Returns the version found and the latest one known if the
/// former is newer.
async fn advance(
    transaction: &mut dyn Transaction,
    group: &Group,
) -> Result<Option<(i64, i64)>, StorageError> {
    let select =
        Statement::new("SELECT COALESCE(MAX(version), 0) FROM crossauth_schema WHERE tables = ?");
    let params = [Value::text(group.name)];
    let found = transaction.find(&select, &params, |row| row.value(0)?.integer()).await?;
    let found = found.unwrap_or(0);
    let mut version = 0;
    for statements in group.versions {
        version += 1;
        if version > found {
            for statement in *statements {
                transaction.execute(&Statement::new(*statement), &[]).await?;
            }
            let insert = "INSERT INTO crossauth_schema (tables, version) VALUES (?, ?)";
            let params = [Value::text(group.name), Value::Integer(version)];
            transaction.execute(&Statement::new(insert), &params).await?;
        }
    }
    Ok((found > version).then_some((found, version)))
}
