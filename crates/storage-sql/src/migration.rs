//! Our own schema and its versions.

use crossauth_core::storage::StorageError;

use crate::OpenError;
use crate::database::{Database, Dialect, Statement, Transaction, Value};

/// The statements that lead from each version to the next. Never change one that was released.
fn migrations(dialect: Dialect) -> &'static [&'static [&'static str]] {
    match dialect {
        Dialect::Sqlite => &[&[
            "CREATE TABLE users (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                username TEXT NOT NULL,
                username_normalized TEXT NOT NULL UNIQUE,
                email TEXT,
                email_normalized TEXT UNIQUE,
                state TEXT NOT NULL,
                factor1 TEXT NOT NULL,
                factor2 TEXT NOT NULL,
                admin INTEGER NOT NULL,
                extra TEXT
            )",
            "CREATE INDEX users_by_admin ON users (admin)",
            "CREATE TABLE user_secrets (
                userid INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
                password TEXT,
                totpsecret TEXT
            )",
            "CREATE TABLE keys (
                value TEXT NOT NULL PRIMARY KEY,
                userid INTEGER REFERENCES users (id) ON DELETE CASCADE,
                created INTEGER NOT NULL,
                expires INTEGER,
                lastactive INTEGER,
                data TEXT NOT NULL,
                extra TEXT
            ) WITHOUT ROWID",
            "CREATE INDEX keys_by_owner ON keys (userid, created)",
            "CREATE INDEX keys_by_expiry ON keys (expires) WHERE expires IS NOT NULL",
        ]],
    }
}

/// Brings the schema to the latest version, in one transaction.
pub(crate) async fn migrate(database: &impl Database) -> Result<(), OpenError> {
    let migrations = migrations(database.dialect());
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    let found = database
        .transaction(move |transaction| {
            Box::pin(async move {
                let found = version(transaction).await?;
                for (statements, next) in migrations.iter().zip(1..) {
                    if next > found {
                        apply(transaction, statements, next).await?;
                    }
                }
                Ok(found)
            })
        })
        .await?;
    if found > known { Err(OpenError::Newer { found, known }) } else { Ok(()) }
}

async fn version(transaction: &mut dyn Transaction) -> Result<i64, StorageError> {
    let create = "CREATE TABLE IF NOT EXISTS crossauth_schema (version INTEGER PRIMARY KEY)";
    transaction.execute(&Statement::new(create), Vec::new()).await?;
    let select = Statement::new("SELECT MAX(version) FROM crossauth_schema");
    let rows = transaction.query(&select, Vec::new()).await?;
    match rows.first().and_then(|row| row.first()) {
        Some(Value::Integer(version)) => Ok(*version),
        _ => Ok(0),
    }
}

async fn apply(
    transaction: &mut dyn Transaction,
    statements: &[&str],
    version: i64,
) -> Result<(), StorageError> {
    for statement in statements {
        transaction.execute(&Statement::new(*statement), Vec::new()).await?;
    }
    let insert = Statement::new("INSERT INTO crossauth_schema (version) VALUES (?)");
    transaction.execute(&insert, vec![Value::Integer(version)]).await?;
    Ok(())
}
