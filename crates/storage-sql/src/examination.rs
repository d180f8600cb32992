//! What a connection to a database finds beside its tables: version, settings, missing rights.

mod setting;

use crossauth_core::storage::{StorageError, StorageErrorKind};

use crate::database::{Database, Dialect, Row, Statement, Value};
use crate::migration::is_current;
use crate::{OpenError, TableMap};

/// What a connection to a database finds beside its tables. Nothing is written to find it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Examination {
    /// Product and version of the server, such as `PostgreSQL 15.8`.
    pub server: String,
    /// What does not work, or makes trouble.
    pub problems: Vec<ServerProblem>,
}

/// A problem with a database server, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerProblem {
    /// The server or the database refuses writes.
    #[error("it is read-only: connect to the primary server, with a user who may write")]
    ReadOnly,
    /// The user lacks a right that is needed at run time.
    #[error("its user lacks a right: GRANT {right} ON {table} to the user")]
    MissingRight {
        /// `SELECT`, `INSERT`, `UPDATE` or `DELETE`.
        right: &'static str,
        /// Name of the table.
        table: String,
    },
    /// Tables must be created or migrated, for which the user lacks rights.
    #[error(
        "its tables must be created or migrated, but its user lacks a right: {missing}; or run \
         `crossauth migrate` as the owner of the tables"
    )]
    CannotMigrate {
        /// The missing right, and how to give it.
        missing: String,
    },
    /// The version of the server is not supported.
    #[error("this version is not supported: upgrade to {least} or later")]
    Unsupported {
        /// The earliest supported version.
        least: &'static str,
    },
    /// A setting with which the server cannot be used.
    #[error("its setting {name} is {value}: {consequence}")]
    Unusable {
        /// Name of the setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// What happens, and which value is right.
        consequence: &'static str,
    },
    /// A setting with which data can be lost.
    #[error("its setting {name} is {value}: {consequence}")]
    Unsafe {
        /// Name of the setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// What happens, and which value is right.
        consequence: &'static str,
    },
}

impl ServerProblem {
    /// Whether the database cannot be used before the problem is solved.
    pub fn is_fatal(&self) -> bool {
        !matches!(self, Self::Unsafe { .. })
    }
}

/// Our tables besides those of users, secrets and keys.
const OUR_TABLES: [&str; 6] = [
    "crossauth_audit",
    "crossauth_audit_marks",
    "crossauth_attempts",
    "crossauth_locks",
    "crossauth_outbox",
    "crossauth_totp_steps",
];

/// Examines the server of a database whose tables have been inspected.
pub(crate) async fn examine(
    database: &impl Database,
    map: &TableMap,
) -> Result<Examination, OpenError> {
    let dialect = database.dialect();
    let version = version(database).await?;
    let mut problems = Vec::new();
    problems.extend(unsupported(&version));
    problems.extend(setting::problems(database).await?);
    let ours = [&map.users.table, &map.secrets.table, &map.keys.table].map(String::as_str);
    let api_keys = map.api_keys.iter().map(|keys| keys.table.as_str());
    for table in ours.into_iter().chain(api_keys).chain(OUR_TABLES) {
        problems.extend(missing_rights(database, table).await?);
        if problems.contains(&ServerProblem::ReadOnly) {
            break;
        }
    }
    if !is_current(database, map).await? {
        let missing = missing_to_migrate(database).await?;
        problems.extend(missing.map(|missing| ServerProblem::CannotMigrate { missing }));
    }
    Ok(Examination { server: product(dialect, &version), problems })
}

/// What the server says about its version.
async fn version(database: &impl Database) -> Result<String, StorageError> {
    let select = match database.dialect() {
        Dialect::Sqlite => "SELECT sqlite_version()",
        Dialect::Postgres => "SELECT version()",
        Dialect::Mysql => "SELECT VERSION()",
    };
    Ok(first(database, select).await?.unwrap_or_default())
}

/// Product and version, without the platform and the compiler.
fn product(dialect: Dialect, version: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("SQLite {version}"),
        Dialect::Postgres => version.split(" (").next().unwrap_or_default().to_owned(),
        Dialect::Mysql => {
            let number = version.split('-').next().unwrap_or_default();
            format!("{} {number}", if is_mariadb(version) { "MariaDB" } else { "MySQL" })
        }
    }
}

fn is_mariadb(version: &str) -> bool {
    version.to_ascii_lowercase().contains("mariadb")
}

/// Whether the version is too early. Those of other products than MySQL and MariaDB are not judged.
fn unsupported(version: &str) -> Option<ServerProblem> {
    let numbers: Vec<u32> = version
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|number| number.parse().ok())
        .take(3)
        .collect();
    let (least, name): (&[u32], _) = if is_mariadb(version) {
        (&[10, 6], "MariaDB 10.6")
    } else {
        (&[8, 0, 17], "MySQL 8.0.17")
    };
    // The version of PostgreSQL begins with its name, that of SQLite has a 3.
    let is_judged = numbers.first().is_some_and(|major| *major > 3);
    (is_judged && numbers.as_slice() < least).then_some(ServerProblem::Unsupported { least: name })
}

/// The rights that the user lacks in a table, found by statements that match no row. None if the
/// table does not exist.
async fn missing_rights(
    database: &impl Database,
    table: &str,
) -> Result<Vec<ServerProblem>, StorageError> {
    let dialect = database.dialect();
    if dialect == Dialect::Sqlite {
        return Ok(Vec::new());
    }
    let decode = move |row: &dyn Row| Ok(text(row, 0)?.map(|name| dialect.quote(&name)));
    let columns = database.scan(&dialect.columns(), &[Value::text(table)], decode).await?;
    let columns = columns
        .into_iter()
        .filter_map(Result::transpose)
        .collect::<Result<Vec<_>, StorageError>>()?;
    let Some(last) = columns.last() else { return Ok(Vec::new()) };
    let name = dialect.quote(table);
    let from = if dialect == Dialect::Mysql { "FROM DUAL " } else { "" };
    let nulls = vec!["NULL"; columns.len()].join(", ");
    let listed = columns.join(", ");
    let mut problems = Vec::new();
    for (right, statement) in [
        ("SELECT", format!("SELECT {last} FROM {name} WHERE 1 = 0")),
        ("INSERT", format!("INSERT INTO {name} ({listed}) SELECT {nulls} {from}WHERE 1 = 0")),
        ("UPDATE", format!("UPDATE {name} SET {last} = NULL WHERE 1 = 0")),
        ("DELETE", format!("DELETE FROM {name} WHERE 1 = 0")),
    ] {
        match run(database, statement).await.err().map(Refusal::try_from) {
            None | Some(Ok(Refusal::Other)) => {}
            Some(Ok(Refusal::ReadOnly)) => return Ok(vec![ServerProblem::ReadOnly]),
            Some(Ok(Refusal::Forbidden)) => {
                problems.push(ServerProblem::MissingRight { right, table: table.to_owned() });
            }
            Some(Err(error)) => return Err(error),
        }
    }
    Ok(problems)
}

/// Runs a statement that changes nothing.
async fn run(database: &impl Database, statement: String) -> Result<(), StorageError> {
    let statement = Statement::new(statement);
    database
        .transaction(statement, |transaction, statement| {
            Box::pin(async move { transaction.exists(statement, &[]).await.map(drop) })
        })
        .await
}

/// Why a statement was refused.
enum Refusal {
    /// The user lacks a right.
    Forbidden,
    /// Nothing can be written.
    ReadOnly,
    /// The statement does not fit the table, which says nothing about rights.
    Other,
}

impl TryFrom<StorageError> for Refusal {
    /// The server is not available.
    type Error = StorageError;

    fn try_from(error: StorageError) -> Result<Self, StorageError> {
        // As the drivers describe errors of the server.
        let text = error.source.to_string();
        let has = |codes: &[&str]| codes.iter().any(|code| text.contains(code));
        if has(&["SQLSTATE 42501)", "(error 1142,", "(error 1143,", "(error 1044,"]) {
            Ok(Self::Forbidden)
        } else if has(&["SQLSTATE 25006)", "(error 1290,", "(error 1792,", "(error 1836,"]) {
            Ok(Self::ReadOnly)
        } else if error.kind == StorageErrorKind::Unavailable {
            Err(error)
        } else {
            Ok(Self::Other)
        }
    }
}

/// The right that is missing to create and migrate tables.
async fn missing_to_migrate(database: &impl Database) -> Result<Option<String>, StorageError> {
    match database.dialect() {
        Dialect::Sqlite => Ok(None),
        Dialect::Postgres => missing_in_postgres(database).await,
        Dialect::Mysql => missing_in_mysql(database).await,
    }
}

async fn missing_in_postgres(database: &impl Database) -> Result<Option<String>, StorageError> {
    let Some(schema) = first(database, "SELECT current_schema()::text").await? else {
        return Ok(Some("no schema of its search_path exists; CREATE SCHEMA".to_owned()));
    };
    let may_create = "SELECT has_schema_privilege(current_schema(), 'CREATE')::text";
    if first(database, may_create).await?.is_some_and(|it| it == "false") {
        return Ok(Some(format!("GRANT CREATE ON SCHEMA {schema} to the user")));
    }
    let owned = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() \
                 AND tablename LIKE 'crossauth\\_%' AND NOT pg_has_role(tableowner, 'USAGE') \
                 ORDER BY tablename LIMIT 1";
    let foreign = first(database, owned).await?;
    Ok(foreign.map(|table| format!("the table {table} belongs to another user")))
}

/// The rights that the migrations need in MySQL.
const MIGRATING: [&str; 4] = ["ALTER", "CREATE", "INDEX", "REFERENCES"];

async fn missing_in_mysql(database: &impl Database) -> Result<Option<String>, StorageError> {
    // A role may give what these tables do not show.
    let role = first(database, "SELECT CURRENT_ROLE()").await?;
    if role.is_some_and(|role| !role.is_empty() && role != "NONE") {
        return Ok(None);
    }
    let of = "WHERE grantee = CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''', \
              SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')";
    let select = format!(
        "SELECT privilege_type FROM information_schema.user_privileges {of} UNION \
         SELECT privilege_type FROM information_schema.schema_privileges {of} \
         AND DATABASE() LIKE table_schema"
    );
    let granted = texts(database, &select).await?;
    let has = |right: &&str| granted.iter().any(|it| it == right);
    let missing: Vec<&str> = MIGRATING.into_iter().filter(|right| !has(right)).collect();
    Ok((!missing.is_empty()).then(|| format!("GRANT {} ON the database", missing.join(", "))))
}

/// The text in the first row, if there is one and it is not null.
async fn first(database: &impl Database, select: &str) -> Result<Option<String>, StorageError> {
    Ok(texts(database, select).await?.into_iter().next())
}

/// The texts of all rows with one column, apart from nulls.
async fn texts(database: &impl Database, select: &str) -> Result<Vec<String>, StorageError> {
    let decode = |row: &dyn Row| text(row, 0);
    let rows = database.scan(&Statement::new(select), &[], decode).await?;
    rows.into_iter().filter_map(Result::transpose).collect()
}

fn text(row: &dyn Row, column: usize) -> Result<Option<String>, StorageError> {
    let text = row.value(column)?.into_text().map_err(StorageError::corrupt)?;
    Ok(text.map(std::borrow::Cow::into_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_named_and_judged() {
        for (dialect, version, name, is_supported) in [
            (Dialect::Sqlite, "3.50.4", "SQLite 3.50.4", true),
            (
                Dialect::Postgres,
                "PostgreSQL 15.8 (Debian 15.8-0+deb12u1) on x86_64, compiled by gcc",
                "PostgreSQL 15.8",
                true,
            ),
            (Dialect::Mysql, "10.11.14-MariaDB-0+deb12u2", "MariaDB 10.11.14", true),
            (Dialect::Mysql, "10.5.29-MariaDB", "MariaDB 10.5.29", false),
            (Dialect::Mysql, "8.0.17", "MySQL 8.0.17", true),
            (Dialect::Mysql, "8.0.16", "MySQL 8.0.16", false),
            (Dialect::Mysql, "9.1.0", "MySQL 9.1.0", true),
            (Dialect::Mysql, "5.7.44-log", "MySQL 5.7.44", false),
        ] {
            assert_eq!(product(dialect, version), name);
            assert_eq!(unsupported(version).is_none(), is_supported, "{version}");
        }
    }
}
