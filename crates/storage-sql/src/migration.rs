//! Our schema and its versions.

mod mysql;
mod plan;
mod postgres;
mod sqlite;

use crossauth_core::storage::StorageError;

use crate::OpenError;
use crate::column::Table;
use crate::database::{Database, Dialect, Row, Statement, Transaction, Value};
use crate::{Management, TableMap};

pub(crate) use plan::plan;
pub use plan::{GroupPlan, MigrationPlan};

/// The statements that migrate from each version to the next. Never change a released one.
type Versions = &'static [&'static [&'static str]];

/// A group of tables that is versioned separately.
struct Group {
    /// Its name in `crossauth_schema`.
    name: &'static str,
    versions: Versions,
}

impl Group {
    /// The latest version.
    fn latest(&self) -> i64 {
        i64::try_from(self.versions.len()).unwrap_or(i64::MAX)
    }
}

/// The groups of tables that are ours. Users, secrets and keys are not, if the table map names the
/// tables of another program.
fn groups(dialect: Dialect, map: &TableMap) -> Vec<Group> {
    let (outbox, protection, audit, accounts) = match dialect {
        Dialect::Sqlite => (sqlite::OUTBOX, sqlite::PROTECTION, sqlite::AUDIT, sqlite::ACCOUNTS),
        Dialect::Postgres => {
            (postgres::OUTBOX, postgres::PROTECTION, postgres::AUDIT, postgres::ACCOUNTS)
        }
        Dialect::Mysql => (mysql::OUTBOX, mysql::PROTECTION, mysql::AUDIT, mysql::ACCOUNTS),
    };
    let mut groups = vec![
        Group { name: "outbox", versions: outbox },
        Group { name: "protection", versions: protection },
        Group { name: "audit", versions: audit },
    ];
    if map.management == Management::Managed {
        groups.push(Group { name: "accounts", versions: accounts });
    }
    groups
}

/// Migrates our tables to their latest version, in one transaction (in MySQL, in one for each
/// statement; see [`mysql`]). If they have it, writes nothing:
/// the database may be one that can only be read, or the user may not create tables.
pub(crate) async fn migrate(database: &impl Database, map: &TableMap) -> Result<(), OpenError> {
    if is_current(database, map).await? {
        return Ok(());
    }
    advance_all(database, groups(database.dialect(), map)).await
}

/// Creates or migrates the tables of imports, which are not among those of every database.
pub(crate) async fn migrate_import(database: &impl Database) -> Result<(), OpenError> {
    let versions = match database.dialect() {
        Dialect::Sqlite => sqlite::IMPORT,
        Dialect::Postgres => postgres::IMPORT,
        Dialect::Mysql => mysql::IMPORT,
    };
    advance_all(database, vec![Group { name: "import", versions }]).await
}

async fn advance_all(database: &impl Database, groups: Vec<Group>) -> Result<(), OpenError> {
    let dialect = database.dialect();
    let create_versions = Statement::new(create_versions(dialect));
    let input = (groups, dialect.lock_schema(), create_versions);
    let newer = database
        .transaction(input, |transaction, (groups, lock, create_versions)| {
            Box::pin(async move {
                if let Some(lock) = lock
                    && !transaction.exists(lock, &[]).await?
                {
                    return Err(StorageError::unavailable("another process is migrating"));
                }
                transaction.execute(create_versions, &[]).await?;
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

/// The statement that creates the table of versions.
fn create_versions(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite | Dialect::Postgres => CREATE_VERSIONS,
        Dialect::Mysql => mysql::CREATE_VERSIONS,
    }
}

/// Whether our tables have their latest version. Changes nothing.
pub(crate) async fn is_current(
    database: &impl Database,
    map: &TableMap,
) -> Result<bool, OpenError> {
    if Table::find_optional(database, "crossauth_schema").await?.is_none() {
        return Ok(false);
    }
    let versions = found_versions(database).await?;
    let mut is_current = true;
    for group in groups(database.dialect(), map) {
        let found = versions.iter().find(|(name, _)| name == group.name);
        let (found, known) = (found.map_or(0, |(_, version)| *version), group.latest());
        if found > known {
            return Err(OpenError::Newer { found, known });
        }
        is_current &= found == known;
    }
    Ok(is_current)
}

/// The groups of tables in the database, and the version of each.
async fn found_versions(database: &impl Database) -> Result<Vec<(String, i64)>, StorageError> {
    let select = "SELECT tables, MAX(version) FROM crossauth_schema GROUP BY tables";
    let versions = database.scan(&Statement::new(select), &[], decode_version).await?;
    versions.into_iter().collect()
}

/// The name of a group, and a version.
fn decode_version(row: &dyn Row) -> Result<(String, i64), StorageError> {
    let name = row.value(0)?.into_text().map_err(StorageError::corrupt)?;
    Ok((name.unwrap_or_default().into_owned(), row.value(1)?.integer()?))
}

/// Migrates a group to its latest version. If the database has a newer one, returns that version
/// and the latest known one.
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
