//! Where the server's database is and whose tables it has.

use std::path::PathBuf;

use super::section;
use crate::kind::{Choice, DatabaseUrl, FilePath, Optional, PostgresUrl, Text, words};
use crate::rule::Rules;

/// Where the database is and whose tables it has.
#[derive(Debug, Clone, Default)]
pub struct Database {
    /// The PostgreSQL database; a SQLite file if not given.
    pub url: Option<DatabaseUrl>,
    /// The SQLite file; in the data directory if not given.
    pub path: Option<PathBuf>,
    /// Whose tables it has.
    pub tables: Tables,
    /// The time zone of times that are stored as text without one.
    pub time_zone: Option<String>,
}

/// Whose tables a database has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tables {
    /// Our own.
    #[default]
    Crossauth,
    /// Those of Crossauth for Python.
    PyCrossauth,
    /// Those of Crossauth for TypeScript.
    CrossauthJs,
}

words! { Tables, "`crossauth`, `pycrossauth` or `crossauthjs`" {
    "crossauth" = Tables::Crossauth;
    "pycrossauth" = Tables::PyCrossauth;
    "crossauthjs" = Tables::CrossauthJs;
} }

section! { Database {
    /// The address of a PostgreSQL database, on this machine: there is no TLS yet. Without it, a
    /// SQLite file is used. It counts as a secret, since it may hold a password.
    "database.url": Optional<PostgresUrl> => url;
    /// The SQLite database. Without it, `crossauth.db` in the data directory.
    "database.path": Optional<FilePath> => path;
    /// Whose tables the database has: our own, or those of Crossauth for Python or TypeScript.
    "database.tables": Choice<Tables> => tables;
    /// The time zone of times that upstream stored as text without one: that of the machine on
    /// which Crossauth for Python ran, such as `Europe/Vienna` or `+01:00`. Without it, UTC, with a
    /// warning where such text is found.
    "database.time_zone": Optional<Text> => time_zone;
} }

impl Database {
    pub(crate) fn check(&self, rules: &mut Rules<'_>) {
        rules.require(
            self.url.is_none() || self.path.is_none(),
            &["database.path", "database.url"],
            "there are two databases: leave out `database.path` or `database.url`",
        );
    }
}
