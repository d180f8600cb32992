//! Differences between the SQL of databases.

use super::Statement;
use crate::column::Column;
use crate::record::IdKind;

/// The SQL dialect of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
}

/// The lock of migrations in PostgreSQL: an arbitrary number that identifies them among the advisory
/// locks.
pub(crate) const POSTGRES_MIGRATION_LOCK: &str = "pg_advisory_xact_lock(7236837140221)";

impl Dialect {
    /// Quotes an identifier.
    pub(crate) fn quote(self, identifier: &str) -> String {
        match self {
            Self::Sqlite | Self::Postgres => format!("\"{}\"", identifier.replace('"', "\"\"")),
            Self::Mysql => format!("`{}`", identifier.replace('`', "``")),
        }
    }

    /// A column in a condition that must not use an index.
    pub(crate) fn without_index(self, column: &str) -> String {
        match self {
            Self::Sqlite => format!("+{column}"),
            // These select the index by its statistics.
            Self::Postgres | Self::Mysql => column.to_owned(),
        }
    }

    /// The suffix that makes a `SELECT` lock its rows until the transaction ends.
    pub(crate) fn for_update(self) -> &'static str {
        match self {
            // There is only one writer at a time.
            Self::Sqlite => "",
            Self::Postgres | Self::Mysql => " FOR UPDATE",
        }
    }

    /// As [`for_update`](Self::for_update), but leaves out rows that other transactions have locked.
    pub(crate) fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres | Self::Mysql => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// A statement that prevents other processes from migrating until the transaction ends, and
    /// returns a row if it succeeds. It and the migration may wait for a minute: for each other, and
    /// for programs that use the tables.
    pub(crate) fn lock_schema(self) -> Option<Statement> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(Statement::new(format!(
                "SELECT set_config('lock_timeout', '1min', true), {POSTGRES_MIGRATION_LOCK}",
            ))),
            // Names of locks are those of the whole server, and up to 64 characters long.
            Self::Mysql => Some(Statement::new(
                "SELECT 1 FROM DUAL WHERE GET_LOCK(CONCAT('crossauth ', MD5(DATABASE())), 60) = 1",
            )),
        }
    }

    /// A statement that returns what prevents the user of the connection from migrating; null, or no
    /// row, if nothing does or it cannot be seen.
    pub(crate) fn missing_right(self) -> Option<Statement> {
        match self {
            // A right of the file.
            Self::Sqlite => None,
            Self::Postgres => Some(Statement::new(
                "SELECT CASE WHEN current_setting('transaction_read_only') = 'on' \
                 THEN 'the database is read-only' \
                 WHEN current_schema() IS NULL THEN 'no schema of search_path exists' \
                 WHEN NOT has_schema_privilege(current_schema(), 'CREATE') \
                 THEN format('the user %s may not create tables in the schema %s', \
                 current_user, current_schema()) \
                 ELSE (SELECT format('the user %s does not own the table %s', \
                 current_user, relname) FROM pg_class WHERE relname LIKE 'crossauth\\_%' \
                 AND relkind = 'r' AND pg_table_is_visible(oid) \
                 AND NOT pg_has_role(relowner, 'USAGE') ORDER BY relname LIMIT 1) END",
            )),
            // Rights of roles are not in these tables.
            Self::Mysql => Some(Statement::new(
                "SELECT CONCAT('the user ', CURRENT_USER(), ' may not create tables in ', \
                 DATABASE()) FROM DUAL WHERE COALESCE(CURRENT_ROLE(), 'NONE') = 'NONE' \
                 AND NOT EXISTS (SELECT 1 FROM (\
                 SELECT grantee, privilege_type FROM information_schema.user_privileges UNION ALL \
                 SELECT grantee, privilege_type FROM information_schema.schema_privileges \
                 WHERE DATABASE() LIKE table_schema) AS granted \
                 WHERE privilege_type = 'CREATE' AND grantee = CONCAT('''', \
                 LEFT(CURRENT_USER(), CHAR_LENGTH(CURRENT_USER()) - 1 \
                 - CHAR_LENGTH(SUBSTRING_INDEX(CURRENT_USER(), '@', -1))), '''@''', \
                 SUBSTRING_INDEX(CURRENT_USER(), '@', -1), ''''))",
            )),
        }
    }

    /// A statement after rows with given ids were written, so that new ids are greater.
    pub(crate) fn continue_ids(self, table: &str) -> Option<Statement> {
        match self {
            // These do it by themselves.
            Self::Sqlite | Self::Mysql => None,
            Self::Postgres => Some(Statement::new(format!(
                "SELECT setval(pg_get_serial_sequence('{table}', 'id'), \
                 GREATEST((SELECT MAX(id) FROM {table}), 1))"
            ))),
        }
    }

    /// A statement that locks a name, its parameter, until the transaction ends.
    pub(crate) fn advisory_lock(self) -> Option<Statement> {
        match self {
            // There is one writer at a time anyway.
            Self::Sqlite => None,
            // The first number distinguishes our names among the advisory locks.
            Self::Postgres => {
                Some(Statement::new("SELECT pg_advisory_xact_lock(723683714, hashtext(?))"))
            }
            // The lock of a row, because named locks do not end with the transaction, are not
            // found to be part of a deadlock, and are those of one node of a cluster.
            Self::Mysql => Some(Statement::new(
                "UPDATE crossauth_locks SET uses = uses + 1 WHERE bucket = CRC32(?) % 256",
            )),
        }
    }

    /// A statement that returns a row unless another transaction is deleting expired keys, and keeps
    /// others from it until this one ends. It does not wait.
    pub(crate) fn try_lock_purge(self) -> Option<Statement> {
        match self {
            // There is one writer at a time anyway.
            Self::Sqlite => None,
            // An arbitrary number that identifies this among the advisory locks, which are those of
            // the whole database, and the number of a table of ours, which other schemas do not share.
            Self::Postgres => Some(Statement::new(
                "SELECT 1 WHERE pg_try_advisory_xact_lock(\
                     7236837140222 + 'crossauth_schema'::regclass::oid::bigint)",
            )),
            // A row that is always there, and that only this locks.
            Self::Mysql => Some(Statement::new(
                "SELECT 1 FROM crossauth_schema WHERE tables = 'protection' AND version = 1 \
                 FOR UPDATE SKIP LOCKED",
            )),
        }
    }

    /// An expression for a new random id where ids are not integers.
    pub(crate) fn random_id(self, kind: IdKind) -> &'static str {
        match (self, kind) {
            (Self::Sqlite, IdKind::UuidBytes) => "randomblob(16)",
            (Self::Sqlite, IdKind::Text | IdKind::Uuid | IdKind::Integer) => {
                "lower(hex(randomblob(16)))"
            }
            (Self::Postgres, IdKind::UuidBytes) => "uuid_send(gen_random_uuid())",
            (Self::Postgres, IdKind::Text | IdKind::Uuid | IdKind::Integer) => {
                "gen_random_uuid()::text"
            }
            (Self::Mysql, IdKind::UuidBytes) => "RANDOM_BYTES(16)",
            // In the form of version 4, which the type of MariaDB requires.
            (Self::Mysql, IdKind::Text | IdKind::Uuid | IdKind::Integer) => {
                "LOWER(CONCAT_WS('-', HEX(RANDOM_BYTES(4)), HEX(RANDOM_BYTES(2)), \
                 CONCAT('4', SUBSTR(HEX(RANDOM_BYTES(2)), 2)), \
                 CONCAT('8', SUBSTR(HEX(RANDOM_BYTES(2)), 2)), HEX(RANDOM_BYTES(6))))"
            }
        }
    }

    /// Whether the database assigns a number to this column of a new row.
    pub(crate) fn assigns_integers(self, column: &Column) -> bool {
        match self {
            // Only a primary key of exactly this type is an alias of the row id.
            Self::Sqlite => column.sql_type == "integer",
            Self::Postgres | Self::Mysql => column.has_default,
        }
    }

    /// A condition that a boolean column is true, in the form that can use its index.
    pub(crate) fn is_true(self, column: &Column) -> String {
        let name = &column.quoted;
        match self {
            Self::Sqlite => format!("{name} = 1"),
            Self::Postgres if column.is_boolean() => name.clone(),
            // What `BOOLEAN` is short for.
            Self::Mysql if column.is_boolean() => format!("{name} = 1"),
            Self::Postgres | Self::Mysql => format!("{name} <> 0"),
        }
    }

    /// Deletes the rows whose column `key` is among those that the query `chosen` returns, which has
    /// a limit.
    pub(crate) fn delete_chosen(self, table: &str, key: &str, chosen: &str) -> Statement {
        Statement::new(match self {
            Self::Sqlite | Self::Postgres => format!(
                "DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM ({chosen}) AS chosen)"
            ),
            // It would read the whole table for `IN`.
            Self::Mysql => format!(
                "DELETE {table} FROM ({chosen}) AS chosen \
                 STRAIGHT_JOIN {table} ON {table}.{key} = chosen.{key}"
            ),
        })
    }

    /// Updates rows that meet a condition, at most as many as the last parameter says. `key` is the
    /// primary key.
    pub(crate) fn update_some(
        self,
        table: &str,
        sets: &str,
        key: &str,
        condition: &str,
    ) -> Statement {
        Statement::new(match self {
            Self::Sqlite | Self::Postgres => format!(
                "UPDATE {table} SET {sets} WHERE {key} IN \
                 (SELECT {key} FROM {table} WHERE {condition} LIMIT ?)"
            ),
            Self::Mysql => format!("UPDATE {table} SET {sets} WHERE {condition} LIMIT ?"),
        })
    }

    /// The end of an `INSERT` that sets these columns if there is a row with this key.
    pub(crate) fn or_update(self, key: &str, columns: &[&str]) -> String {
        let set = |value: fn(&str) -> String| {
            let sets = columns.iter().map(|column| format!("{column} = {}", value(column)));
            sets.collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::Sqlite | Self::Postgres => {
                let sets = set(|column| format!("excluded.{column}"));
                format!("ON CONFLICT ({key}) DO UPDATE SET {sets}")
            }
            // The name of the new row, which replaces this function, is unknown to MariaDB.
            Self::Mysql => {
                format!("ON DUPLICATE KEY UPDATE {}", set(|column| format!("VALUES({column})")))
            }
        }
    }

    /// A text in a comparison that takes no index, and in which no two different texts are the same.
    pub(crate) fn exact(self, expression: &str) -> String {
        match self {
            Self::Sqlite => format!("{expression} COLLATE BINARY"),
            Self::Postgres => format!("CAST({expression} AS TEXT) COLLATE \"C\""),
            Self::Mysql => format!("BINARY {expression}"),
        }
    }

    /// An expression of any type as text.
    pub(crate) fn as_text(self, expression: &str) -> String {
        match self {
            Self::Sqlite | Self::Postgres => format!("CAST({expression} AS TEXT)"),
            Self::Mysql => format!("CAST({expression} AS CHAR)"),
        }
    }

    /// Lists the tables and views whose names are the parameter in any case; `None` if case makes no
    /// difference to the database.
    pub(crate) fn tables_named(self) -> Option<Statement> {
        Some(Statement::new(match self {
            Self::Sqlite => return None,
            Self::Postgres => {
                "SELECT relname::text FROM pg_class WHERE lower(relname) = lower(?) \
                 AND relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_table_is_visible(oid)"
            }
            Self::Mysql => {
                "SELECT table_name FROM information_schema.tables \
                 WHERE table_schema = DATABASE() AND LOWER(table_name) = LOWER(?)"
            }
        }))
    }

    /// Lists the columns of the table named by the parameter: name, type, whether it is
    /// `NOT NULL`, whether it has a default.
    pub(crate) fn columns(self) -> Statement {
        Statement::new(match self {
            Self::Sqlite => {
                "SELECT name, type, \"notnull\", dflt_value IS NOT NULL FROM pragma_table_info(?)"
            }
            Self::Postgres => {
                "SELECT attname::text, format_type(atttypid, NULL)::text, attnotnull, \
                 atthasdef OR attidentity <> '' FROM pg_attribute \
                 WHERE attrelid = to_regclass(quote_ident(?)) AND attnum > 0 \
                 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum"
            }
            // With the names that PostgreSQL has for the types.
            Self::Mysql => {
                "SELECT column_name, CASE WHEN column_type = 'tinyint(1)' THEN 'boolean' \
                 WHEN data_type = 'datetime' THEN 'timestamp without time zone' \
                 WHEN data_type = 'timestamp' THEN 'timestamp with time zone until 2038' \
                 ELSE data_type END, \
                 is_nullable = 'NO', column_default IS NOT NULL OR extra LIKE '%auto_increment%' \
                 FROM information_schema.columns \
                 WHERE table_schema = DATABASE() AND table_name = ? \
                 AND extra NOT LIKE '% GENERATED%' ORDER BY ordinal_position"
            }
        })
    }
}

/// Whether a table map may contain `name` as the name of a table or column.
pub(crate) fn is_identifier(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (1..=63).contains(&name.len()) && name.chars().all(allowed)
}
