//! Settings of a database server with which it cannot be used, or with which data can be lost.

use std::collections::BTreeMap;

use crossauth_core::storage::StorageError;

use super::{ServerProblem, text};
use crate::database::{Database, Dialect, Row, Statement};

/// The settings that make trouble.
pub(super) async fn problems(database: &impl Database) -> Result<Vec<ServerProblem>, StorageError> {
    let settings = settings(database).await?;
    Ok(judge(database.dialect(), &settings).collect())
}

/// The settings of the server by their names.
async fn settings(database: &impl Database) -> Result<BTreeMap<String, String>, StorageError> {
    let select = match database.dialect() {
        Dialect::Sqlite => return Ok(BTreeMap::new()),
        Dialect::Postgres => {
            "SELECT name, setting FROM pg_settings WHERE name IN \
             ('fsync', 'full_page_writes', 'synchronous_commit', 'server_encoding')"
        }
        Dialect::Mysql => {
            "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('innodb_flush_log_at_trx_commit', \
             'innodb_doublewrite', 'log_bin', 'binlog_format', 'sync_binlog')"
        }
    };
    let decode = |row: &dyn Row| Ok::<_, StorageError>((text(row, 0)?, text(row, 1)?));
    let found = database.scan(&Statement::new(select), &[], decode).await?;
    let pairs = found.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(pairs.into_iter().filter_map(|(name, value)| Some((name?, value?))).collect())
}

/// A setting, the values with which it is no problem, and what happens otherwise.
type Expected = (&'static str, &'static [&'static str], &'static str);

const POSTGRES_UNUSABLE: [Expected; 1] = [(
    "server_encoding",
    &["UTF8"],
    "not every name can be stored; create the database with ENCODING 'UTF8'",
)];

const POSTGRES_UNSAFE: [Expected; 3] = [
    ("fsync", &["on"], "a crash of the machine destroys the database; set it to on"),
    ("full_page_writes", &["on"], "a crash of the machine can damage the database; set it to on"),
    (
        "synchronous_commit",
        &["on", "local", "remote_write", "remote_apply"],
        "a crash of the server undoes what was acknowledged, such as a logout; set it to on",
    ),
];

const MYSQL_UNUSABLE: [Expected; 1] =
    [("binlog_format", &["ROW", "MIXED"], "every write is refused; set it to ROW")];

const MYSQL_UNSAFE: [Expected; 3] = [
    (
        "innodb_flush_log_at_trx_commit",
        &["1"],
        "a crash of the machine undoes what was acknowledged, such as a logout; set it to 1",
    ),
    (
        "innodb_doublewrite",
        &["ON", "1"],
        "a crash of the machine can damage the database; set it to ON",
    ),
    (
        "sync_binlog",
        &["1"],
        "after a crash of the machine, replicas can differ from it; set it to 1",
    ),
];

fn judge(
    dialect: Dialect,
    settings: &BTreeMap<String, String>,
) -> impl Iterator<Item = ServerProblem> {
    let (unusable, dangerous): (&[Expected], &[Expected]) = match dialect {
        Dialect::Sqlite => (&[], &[]),
        Dialect::Postgres => (&POSTGRES_UNUSABLE, &POSTGRES_UNSAFE),
        Dialect::Mysql => (&MYSQL_UNUSABLE, &MYSQL_UNSAFE),
    };
    let has_log = settings.get("log_bin").is_some_and(|value| value == "ON");
    let differing = move |(name, expected, consequence): &Expected| {
        let value = settings.get(*name).filter(|value| !expected.contains(&value.as_str()))?;
        let is_used = has_log || !matches!(*name, "binlog_format" | "sync_binlog");
        is_used.then(|| (*name, value.clone(), *consequence))
    };
    let unusable = unusable.iter().filter_map(differing);
    let unusable = unusable.map(|(name, value, consequence)| ServerProblem::Unusable {
        name,
        value,
        consequence,
    });
    let dangerous = dangerous.iter().filter_map(differing);
    unusable.chain(dangerous.map(|(name, value, consequence)| ServerProblem::Unsafe {
        name,
        value,
        consequence,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_the_binary_log_matter_only_with_one() {
        let found = |log_bin: &str| {
            let pairs =
                [("log_bin", log_bin), ("binlog_format", "STATEMENT"), ("sync_binlog", "0")];
            let settings = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            judge(Dialect::Mysql, &settings).map(|it| it.is_fatal()).collect::<Vec<_>>()
        };
        assert_eq!(found("OFF"), [false; 0]);
        assert_eq!(found("ON"), [true, false]);
    }
}
