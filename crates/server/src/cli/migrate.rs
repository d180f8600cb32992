//! Options of `crossauth migrate`.

use std::path::PathBuf;

use clap::Args;

/// How to migrate.
#[derive(Debug, Args)]
pub(crate) struct MigrateOptions {
    /// Only print what would change, as statements of SQL, and write nothing; exit with 3 if
    /// something would
    #[arg(long, conflicts_with_all = ["from", "from_file"])]
    pub(crate) check: bool,
    /// Options of imports.
    #[command(flatten)]
    pub(crate) import: ImportOptions,
}

/// An import of a database of upstream.
#[derive(Debug, Args)]
pub(crate) struct ImportOptions {
    /// Import users and keys of Crossauth for Python or TypeScript from this database, a file of
    /// SQLite or a URL; exit with 3 if some could not be taken. An interrupted import goes on
    #[arg(long, value_name = "URL", requires = "preset")]
    pub(crate) from: Option<String>,
    /// Read the URL from the first line of this file, so that its password is in no list of processes
    #[arg(long, value_name = "FILE", requires = "preset", conflicts_with = "from")]
    pub(crate) from_file: Option<PathBuf>,
    /// The tables of the database: those of Crossauth for Python or for TypeScript
    #[arg(long, value_name = "NAME", value_parser = ["pycrossauth", "crossauthjs"])]
    pub(crate) preset: Option<String>,
    /// A setting of the section `database` for the imported database, such as `user_table=people`
    #[arg(long, value_name = "KEY=VALUE", requires = "preset")]
    pub(crate) source: Vec<String>,
    /// The time zone of times that are stored as text without one, such as Europe/Vienna
    #[arg(long, value_name = "ZONE", requires = "preset", allow_hyphen_values = true)]
    pub(crate) time_zone: Option<String>,
    /// Read everything and report what an import would, but write nothing
    #[arg(long, requires = "preset")]
    pub(crate) dry_run: bool,
    /// Write what could not be taken to this file, one JSON object a line
    #[arg(long, value_name = "FILE", requires = "preset")]
    pub(crate) report: Option<PathBuf>,
}
