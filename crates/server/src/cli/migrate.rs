//! Options of `crossauth migrate`.

use std::path::PathBuf;

use clap::Args;

/// How to migrate.
#[derive(Debug, Args)]
pub(crate) struct MigrateOptions {
    /// Only print the SQL statements that would run, and write nothing; exit with 3 if there are
    /// any
    #[arg(long, conflicts_with_all = ["from", "from_file"])]
    pub(crate) check: bool,
    /// Options of imports.
    #[command(flatten)]
    pub(crate) import: ImportOptions,
}

/// An import of a database of upstream.
#[derive(Debug, Args)]
pub(crate) struct ImportOptions {
    /// Import users and keys of Crossauth for Python or TypeScript from this database, a SQLite
    /// file or a URL; exit with 3 if some could not be taken. Run it again to resume an interrupted
    /// import
    #[arg(long, value_name = "URL", requires = "preset", group = "origin")]
    pub(crate) from: Option<String>,
    /// As --from, with the URL in the first line of this file: a list of processes shows no
    /// password
    #[arg(long, value_name = "FILE", requires = "preset", group = "origin")]
    pub(crate) from_file: Option<PathBuf>,
    /// The tables of the database: those of Crossauth for Python or for TypeScript
    // Without an origin, `--dry-run` would migrate the configured database.
    #[arg(
        long,
        value_name = "NAME",
        value_parser = ["pycrossauth", "crossauthjs"],
        requires = "origin"
    )]
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
    /// Write what could not be taken to this file, one JSON object per line
    #[arg(long, value_name = "FILE", requires = "preset")]
    pub(crate) report: Option<PathBuf>,
}
