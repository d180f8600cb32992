//! The configured database.

mod import;
mod server;
mod tables;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use crossauth_core::storage::{Storage, StorageError};
use crossauth_settings::Settings;
use crossauth_settings::section::{self, DatabaseUrl, Tables};
use crossauth_storage_sql::database::Dialect;
#[cfg(feature = "mysql")]
use crossauth_storage_sql::mysql;
#[cfg(feature = "postgres")]
use crossauth_storage_sql::postgres;
use crossauth_storage_sql::sqlite::{Options, Sqlite};
use crossauth_storage_sql::{MigrationPlan, OpenWarning, SqlStorage};
use rustix::fs::{Access, access};

use crate::data::{DataDirectory, warn_if_foreign};
pub(crate) use import::source;
pub(crate) use server::Report;
use tables::table_map;

/// The first bytes of every SQLite database.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// An open and migrated database.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// A file.
    Sqlite(SqlStorage<Sqlite>),
    /// A database on a PostgreSQL server.
    #[cfg(feature = "postgres")]
    Postgres(SqlStorage<postgres::Postgres>),
    /// A database on a server of MySQL or MariaDB.
    #[cfg(feature = "mysql")]
    Mysql(SqlStorage<mysql::Mysql>),
}

impl Database {
    /// Opens the database; creates a SQLite file if it does not exist.
    pub(crate) async fn open(settings: &Settings, data: &DataDirectory) -> anyhow::Result<Self> {
        warn_if_of_others(settings, data);
        if let Some(url) = &settings.database.url {
            return Self::open_server(settings, url).await;
        }
        let path = match &settings.database.path {
            Some(path) => path.clone(),
            None => data.create_for_database()?,
        };
        Self::open_file(settings, &path).await
    }

    /// Opens the database if it exists, for commands that do nothing otherwise.
    pub(crate) async fn open_existing(
        settings: &Settings,
        data: &DataDirectory,
    ) -> anyhow::Result<Self> {
        warn_if_of_others(settings, data);
        if let Some(url) = &settings.database.url {
            return Self::open_server(settings, url).await;
        }
        let path = path(settings, data);
        if !path.try_exists().with_context(|| format!("cannot access {}", path.display()))? {
            anyhow::bail!(
                "there is no database at {}; start the server once to create it, or name another one \
                 with --data or the setting database.path",
                path.display()
            );
        }
        Self::open_file(settings, &path).await
    }

    async fn open_server(settings: &Settings, url: &DatabaseUrl) -> anyhow::Result<Self> {
        if url.is_mysql() {
            Self::open_mysql(settings, url).await
        } else {
            Self::open_postgres(settings, url).await
        }
    }

    #[cfg(feature = "postgres")]
    async fn open_postgres(settings: &Settings, url: &DatabaseUrl) -> anyhow::Result<Self> {
        let storage = postgres_options(settings).open(url.expose()).await.context(CANNOT_OPEN)?;
        storage.warnings().iter().for_each(log);
        Ok(Self::Postgres(storage))
    }

    #[cfg(not(feature = "postgres"))]
    #[expect(clippy::unused_async, reason = "as with the feature")]
    async fn open_postgres(_: &Settings, _: &DatabaseUrl) -> anyhow::Result<Self> {
        anyhow::bail!("{NO_POSTGRES}")
    }

    #[cfg(feature = "mysql")]
    async fn open_mysql(settings: &Settings, url: &DatabaseUrl) -> anyhow::Result<Self> {
        let storage = mysql_options(settings).open(url.expose()).await.context(CANNOT_OPEN)?;
        storage.warnings().iter().for_each(log);
        Ok(Self::Mysql(storage))
    }

    #[cfg(not(feature = "mysql"))]
    #[expect(clippy::unused_async, reason = "as with the feature")]
    async fn open_mysql(_: &Settings, _: &DatabaseUrl) -> anyhow::Result<Self> {
        anyhow::bail!("{NO_MYSQL}")
    }

    async fn open_file(settings: &Settings, path: &Path) -> anyhow::Result<Self> {
        check_file(path)?;
        if !path.exists() {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            tracing::info!(path = %path.display(), "creating a new database");
        }
        let opened = file_options(settings).open(path).await;
        let storage = opened.with_context(|| cannot_open(path))?;
        storage.warnings().iter().for_each(log);
        Ok(Self::Sqlite(storage))
    }

    /// The stores in it.
    pub(crate) fn storage(&self) -> Storage {
        match self {
            Self::Sqlite(storage) => storage.storage(),
            #[cfg(feature = "postgres")]
            Self::Postgres(storage) => storage.storage(),
            #[cfg(feature = "mysql")]
            Self::Mysql(storage) => storage.storage(),
        }
    }

    /// Completes running transactions; SQLite then leaves only the database file.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(storage) => storage.close().await,
            #[cfg(feature = "postgres")]
            Self::Postgres(storage) => storage.close().await,
            #[cfg(feature = "mysql")]
            Self::Mysql(storage) => storage.close().await,
        }
    }

    /// Whether the database takes a write.
    pub(crate) async fn ping(&self) -> Result<(), StorageError> {
        match self {
            Self::Sqlite(storage) => storage.ping().await,
            #[cfg(feature = "postgres")]
            Self::Postgres(storage) => storage.ping().await,
            #[cfg(feature = "mysql")]
            Self::Mysql(storage) => storage.ping().await,
        }
    }
}

#[cfg(not(feature = "postgres"))]
const NO_POSTGRES: &str = "database.url: this program was built without the feature `postgres`";

#[cfg(not(feature = "mysql"))]
const NO_MYSQL: &str = "database.url: this program was built without the feature `mysql`";

#[cfg(any(feature = "mysql", feature = "postgres"))]
const CANNOT_OPEN: &str = "cannot open the database of the setting database.url";

#[cfg(feature = "postgres")]
fn postgres_options(settings: &Settings) -> postgres::Options {
    let section::Database { connections, acquire_timeout, statement_timeout, .. } =
        settings.database;
    postgres::Options {
        tables: table_map(settings),
        connections,
        acquire_timeout,
        statement_timeout,
        ca: settings.database.ca_file.clone(),
        password: settings.database.password.clone(),
    }
}

#[cfg(feature = "mysql")]
fn mysql_options(settings: &Settings) -> mysql::Options {
    let section::Database { connections, acquire_timeout, statement_timeout, .. } =
        settings.database;
    mysql::Options {
        tables: table_map(settings),
        connections,
        acquire_timeout,
        statement_timeout,
        ca: settings.database.ca_file.clone(),
        password: settings.database.password.clone(),
    }
}

fn log(warning: &OpenWarning) {
    tracing::warn!("{warning}");
}

/// Warns if the SQLite file or the data directory belongs to another user.
fn warn_if_of_others(settings: &Settings, data: &DataDirectory) {
    match &settings.database.url {
        Some(_) => warn_if_foreign(&[data.path()]),
        None => warn_if_foreign(&[&path(settings, data), data.path()]),
    }
}

/// The SQLite file; `None` with a database server.
pub(crate) fn file(settings: &Settings, data: &DataDirectory) -> Option<PathBuf> {
    settings.database.url.is_none().then(|| path(settings, data))
}

/// The path of the SQLite file.
fn path(settings: &Settings, data: &DataDirectory) -> PathBuf {
    settings.database.path.clone().unwrap_or_else(|| data.database())
}

/// Reports the errors that opening the database would, without creating or changing anything, and
/// logs warnings. A missing database is not an error.
pub(crate) async fn check(settings: &Settings, data: &DataDirectory) -> anyhow::Result<()> {
    warn_if_of_others(settings, data);
    let warnings = inspect(settings, data).await?;
    // A start migrates.
    warnings.iter().filter(|it| **it != OpenWarning::Outdated).for_each(log);
    Ok(())
}

/// As [`check`], but does not connect to a server.
pub(crate) async fn check_configured(
    settings: &Settings,
    data: &DataDirectory,
) -> anyhow::Result<()> {
    match &settings.database.url {
        Some(url) => server::check(settings, url).await,
        None => check(settings, data).await,
    }
}

/// Connects to the server of the database, and returns its version, settings that make trouble, and
/// missing rights. `None` with a file.
pub(crate) async fn examine(settings: &Settings) -> anyhow::Result<Option<Report>> {
    match &settings.database.url {
        Some(url) => server::examine(settings, url).await.map(Some),
        None => Ok(None),
    }
}

/// The errors and warnings of opening the database, without creating or changing anything. A
/// missing database is not an error.
pub(crate) async fn inspect(
    settings: &Settings,
    data: &DataDirectory,
) -> anyhow::Result<Vec<OpenWarning>> {
    if let Some(url) = &settings.database.url {
        return server::inspect(settings, url).await;
    }
    let Some(path) = existing_file(settings, data)? else {
        return Ok(vec![OpenWarning::Outdated]);
    };
    let found = file_options(settings).inspect(&path).await;
    let found = found.with_context(|| cannot_open(&path))?;
    check_writable(&path)?;
    Ok(found)
}

/// What opening the database would change in its schema, without creating or changing anything.
/// Fails as opening would.
pub(crate) async fn plan(
    settings: &Settings,
    data: &DataDirectory,
) -> anyhow::Result<MigrationPlan> {
    if let Some(url) = &settings.database.url {
        return server::plan(settings, url).await;
    }
    let Some(path) = existing_file(settings, data)? else {
        let path = path(settings, data);
        tracing::info!(path = %path.display(), "there is no database yet");
        return Ok(MigrationPlan::of_new(Dialect::Sqlite));
    };
    let planned = file_options(settings).plan(&path).await.with_context(|| cannot_open(&path))?;
    check_writable(&path)?;
    Ok(planned)
}

/// The path of the SQLite file; `None` if there is none yet, or an empty one.
fn existing_file(settings: &Settings, data: &DataDirectory) -> anyhow::Result<Option<PathBuf>> {
    let path = path(settings, data);
    if settings.database.path.is_some() || path.exists() {
        check_file(&path)?;
    }
    if settings.database.tables != Tables::Crossauth && !path.exists() {
        anyhow::bail!(
            "there is no database at {}, and the tables of upstream are never created",
            path.display()
        );
    }
    Ok(path.metadata().is_ok_and(|file| file.len() > 0).then_some(path))
}

fn file_options(settings: &Settings) -> Options {
    Options { tables: table_map(settings), ..Options::default() }
}

fn cannot_open(path: &Path) -> String {
    format!("cannot open the database {}", path.display())
}

fn check_writable(path: &Path) -> anyhow::Result<()> {
    access(path, Access::WRITE_OK)
        .with_context(|| format!("cannot write to the database {}", path.display()))
}

fn check_file(path: &Path) -> anyhow::Result<()> {
    let shown = path.display();
    let mut head = Vec::new();
    let cannot_read = || format!("cannot read the database {shown}");
    match path.metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        // Reading a pipe waits for its writer.
        found => anyhow::ensure!(
            found.with_context(cannot_read)?.is_file(),
            "{shown} is not a regular file"
        ),
    }
    File::open(path)
        .and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut head))
        .with_context(cannot_read)?;
    anyhow::ensure!(head.is_empty() || head == MAGIC, "{shown} is not a SQLite database");
    Ok(())
}

#[cfg(all(test, feature = "mysql", feature = "postgres"))]
mod tests {
    use super::*;

    #[test]
    fn defaults_of_the_settings_are_those_of_the_library() {
        let section::Database { connections, acquire_timeout, statement_timeout, .. } =
            section::Database::default();
        let ours = (connections, acquire_timeout, statement_timeout);
        let postgres = postgres::Options::default();
        let mysql = mysql::Options::default();
        for theirs in [
            (postgres.connections, postgres.acquire_timeout, postgres.statement_timeout),
            (mysql.connections, mysql.acquire_timeout, mysql.statement_timeout),
        ] {
            assert_eq!(ours, theirs);
        }
    }
}
