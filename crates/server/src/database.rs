//! The database that the settings name.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use async_trait::async_trait;
use crossauth_core::storage::Storage;
use crossauth_settings::{Settings, Tables};
use crossauth_storage_sql::sqlite::{Options, Sqlite};
use crossauth_storage_sql::{SqlStorage, TableMap};

use crate::data::DataDirectory;
use crate::serve::Probe;

/// How every SQLite database begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// An open database, brought up to date.
#[derive(Debug, Clone)]
pub(crate) struct Database(SqlStorage<Sqlite>);

impl Database {
    /// Opens the database, made if it is missing.
    pub(crate) async fn open(settings: &Settings, data: &DataDirectory) -> anyhow::Result<Self> {
        let path = match &settings.database.path {
            Some(path) => path.clone(),
            None => data.make_for_database()?,
        };
        Self::open_file(settings, &path).await
    }

    /// Opens the database if there is one, for commands that have nothing to do without.
    pub(crate) async fn open_existing(
        settings: &Settings,
        data: &DataDirectory,
    ) -> anyhow::Result<Self> {
        let path = path(settings, data);
        if !path.try_exists().with_context(|| format!("cannot look for {}", path.display()))? {
            anyhow::bail!(
                "there is no database at {}; choose another one with --data or the setting \
                 database.path",
                path.display()
            );
        }
        Self::open_file(settings, &path).await
    }

    async fn open_file(settings: &Settings, path: &Path) -> anyhow::Result<Self> {
        check_file(path)?;
        if !path.exists() {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            tracing::info!(path = %path.display(), "making a new database");
        }
        let tables = table_map(settings);
        let opened = Options { tables, ..Options::default() }.open(path).await;
        let shown = path.display();
        let storage = opened.with_context(|| format!("cannot open the database {shown}"))?;
        for warning in storage.warnings() {
            tracing::warn!("{warning}");
        }
        Ok(Self(storage))
    }

    /// The stores in it.
    pub(crate) fn storage(&self) -> Storage {
        self.0.storage()
    }

    /// Completes what was begun, so that the file alone holds everything.
    pub(crate) async fn close(&self) {
        self.0.close().await;
    }
}

fn table_map(settings: &Settings) -> TableMap {
    let map = match settings.database.tables {
        Tables::Crossauth => TableMap::crossauth(),
        Tables::PyCrossauth => TableMap::pycrossauth(),
        Tables::CrossauthJs => TableMap::crossauthjs(),
    };
    TableMap { time_zone: settings.database.time_zone.clone(), ..map }
}

/// The file that the settings name.
fn path(settings: &Settings, data: &DataDirectory) -> PathBuf {
    settings.database.path.clone().unwrap_or_else(|| data.database())
}

/// What is wrong with the database before it is opened. A missing one has nothing wrong with it.
pub(crate) fn check(settings: &Settings, data: &DataDirectory) -> anyhow::Result<()> {
    let path = path(settings, data);
    if settings.database.path.is_some() || path.exists() {
        check_file(&path)?;
    }
    if settings.database.tables != Tables::Crossauth && !path.exists() {
        anyhow::bail!(
            "there is no database at {}, and tables of upstream are never made",
            path.display()
        );
    }
    Ok(())
}

fn check_file(path: &Path) -> anyhow::Result<()> {
    let shown = path.display();
    let mut head = Vec::new();
    match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        file => file
            .and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut head))
            .with_context(|| format!("cannot read the database {shown}"))?,
    };
    anyhow::ensure!(head.is_empty() || head == MAGIC, "{shown} is not a SQLite database");
    Ok(())
}

#[async_trait]
impl Probe for Database {
    async fn works(&self) -> bool {
        match self.0.ping().await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "the database does not answer");
                false
            }
        }
    }
}
