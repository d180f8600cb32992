//! Where the SQL of databases differs.

use super::Statement;
use crate::column::Column;
use crate::record::IdKind;

/// The SQL dialect of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
}

impl Dialect {
    /// An identifier in quotes.
    pub(crate) fn quote(self, identifier: &str) -> String {
        match self {
            Self::Sqlite => format!("\"{}\"", identifier.replace('"', "\"\"")),
        }
    }

    /// What makes a `SELECT` lock its rows until the transaction ends.
    pub(crate) fn for_update(self) -> &'static str {
        match self {
            // There is one writer at a time anyway.
            Self::Sqlite => "",
        }
    }

    /// An expression for a new random id where ids are not integers.
    pub(crate) fn random_id(self, kind: IdKind) -> &'static str {
        match (self, kind) {
            (Self::Sqlite, IdKind::UuidBytes) => "randomblob(16)",
            (Self::Sqlite, IdKind::Text | IdKind::Integer) => "lower(hex(randomblob(16)))",
        }
    }

    /// Whether the database assigns a number to this column of a new row.
    pub(crate) fn assigns_integers(self, column: &Column) -> bool {
        match self {
            // Only this type makes a primary key the number of the row.
            Self::Sqlite => column.sql_type == "integer",
        }
    }

    /// A condition that a column of truth values is true, with an index usable for it.
    pub(crate) fn is_true(self, column: &str, _is_boolean: bool) -> String {
        match self {
            Self::Sqlite => format!("{column} = 1"),
        }
    }

    /// Lists the columns of the table named by the parameter: name, type, whether null is
    /// forbidden, whether it has a value where none is given.
    pub(crate) fn columns(self) -> Statement {
        Statement::new(match self {
            Self::Sqlite => {
                "SELECT name, type, \"notnull\", dflt_value IS NOT NULL FROM pragma_table_info(?)"
            }
        })
    }
}

/// Whether `name` may stand in a table map as the name of a table or column.
pub(crate) fn is_identifier(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (1..=63).contains(&name.len()) && name.chars().all(allowed)
}
