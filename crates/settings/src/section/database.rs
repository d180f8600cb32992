//! Where the server's database is and whose tables it has.

use std::path::PathBuf;

use super::section;
use crate::kind::{Choice, FilePath, Optional, words};

/// Where the database is and whose tables it has.
#[derive(Debug, Clone, Default)]
pub struct Database {
    /// The SQLite file; in the data directory if not given.
    pub path: Option<PathBuf>,
    /// Whose tables it has.
    pub tables: Tables,
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
    /// The SQLite database. Without it, `crossauth.db` in the data directory.
    "database.path": Optional<FilePath> => path;
    /// Whose tables the database has: our own, or those of Crossauth for Python or TypeScript.
    "database.tables": Choice<Tables> => tables;
} }
