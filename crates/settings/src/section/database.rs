//! Location and schema of the server's database.

use std::path::PathBuf;

use super::section;
use crate::kind::{Choice, DatabaseUrl, FilePath, Optional, PostgresUrl, Text, words};
use crate::rule::Rules;

/// Location and schema of the database.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Database {
    /// URL of the PostgreSQL database; a SQLite file if not set.
    pub url: Option<DatabaseUrl>,
    /// The SQLite file; in the data directory if not set.
    pub path: Option<PathBuf>,
    /// Its schema.
    pub tables: Tables,
    /// The time zone of times that are stored as text without one.
    pub time_zone: Option<String>,
}

/// The schema of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tables {
    /// Our schema.
    #[default]
    Crossauth,
    /// The schema of Crossauth for Python.
    PyCrossauth,
    /// The schema of Crossauth for TypeScript.
    CrossauthJs,
}

words! { Tables, "`crossauth`, `pycrossauth` or `crossauthjs`" {
    "crossauth" = Tables::Crossauth;
    "pycrossauth" = Tables::PyCrossauth;
    "crossauthjs" = Tables::CrossauthJs;
} }

section! { Database {
    /// The URL of a PostgreSQL database on this machine (there is no TLS yet). If not set, a SQLite
    /// file is used. Treated as a secret, since it may contain a password.
    "database.url": Optional<PostgresUrl> => url;
    /// The SQLite database file. If not set, `crossauth.db` in the data directory.
    "database.path": Optional<FilePath> => path;
    /// The schema of the database: our own, or that of Crossauth for Python or TypeScript.
    "database.tables": Choice<Tables> => tables;
    /// The time zone of times that upstream stored as text without one: that of the machine on
    /// which Crossauth for Python ran, such as `Europe/Vienna` or `+01:00`. If not set, UTC, with a
    /// warning if such text is found.
    "database.time_zone": Optional<Text> => time_zone;
} }

impl Database {
    pub(crate) fn check(&self, rules: &mut Rules<'_>) {
        rules.require(
            self.url.is_none() || self.path.is_none(),
            &["database.path", "database.url"],
            "there are two databases: remove `database.path` or `database.url`",
        );
    }
}
