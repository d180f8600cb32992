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
}

impl Dialect {
    /// Quotes an identifier.
    pub(crate) fn quote(self, identifier: &str) -> String {
        match self {
            Self::Sqlite | Self::Postgres => format!("\"{}\"", identifier.replace('"', "\"\"")),
        }
    }

    /// A column in a condition that must not use an index.
    pub(crate) fn without_index(self, column: &str) -> String {
        match self {
            Self::Sqlite => format!("+{column}"),
            // PostgreSQL selects the index by its statistics.
            Self::Postgres => column.to_owned(),
        }
    }

    /// The suffix that makes a `SELECT` lock its rows until the transaction ends.
    pub(crate) fn for_update(self) -> &'static str {
        match self {
            // There is only one writer at a time.
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
        }
    }

    /// As [`for_update`](Self::for_update), but leaves out rows that other transactions have locked.
    pub(crate) fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// A statement that prevents other processes from migrating until the transaction ends. It and
    /// the migration may wait for a minute: for each other, and for programs that use the tables.
    pub(crate) fn lock_schema(self) -> Option<Statement> {
        match self {
            Self::Sqlite => None,
            // An arbitrary number that identifies our migrations among the advisory locks.
            Self::Postgres => Some(Statement::new(
                "SELECT set_config('lock_timeout', '1min', true), \
                 pg_advisory_xact_lock(7236837140221)",
            )),
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
        }
    }

    /// Whether the database assigns a number to this column of a new row.
    pub(crate) fn assigns_integers(self, column: &Column) -> bool {
        match self {
            // Only a primary key of exactly this type is an alias of the row id.
            Self::Sqlite => column.sql_type == "integer",
            Self::Postgres => column.has_default,
        }
    }

    /// A condition that a boolean column is true, in the form that can use its index.
    pub(crate) fn is_true(self, column: &Column) -> String {
        let name = &column.quoted;
        match self {
            Self::Sqlite => format!("{name} = 1"),
            Self::Postgres if column.is_boolean() => name.clone(),
            Self::Postgres => format!("{name} <> 0"),
        }
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
        })
    }
}

/// Whether a table map may contain `name` as the name of a table or column.
pub(crate) fn is_identifier(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (1..=63).contains(&name.len()) && name.chars().all(allowed)
}
