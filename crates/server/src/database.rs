//! The database that the settings name.

use anyhow::Context as _;
use async_trait::async_trait;
use crossauth_core::storage::Storage;
use crossauth_settings::{Settings, Tables};
use crossauth_storage_sql::sqlite::{Options, Sqlite};
use crossauth_storage_sql::{SqlStorage, TableMap};

use crate::data::DataDirectory;
use crate::serve::Probe;

/// An open database, brought up to date.
#[derive(Debug, Clone)]
pub(crate) struct Database(SqlStorage<Sqlite>);

impl Database {
    /// Opens it, made if need be.
    pub(crate) async fn open(settings: &Settings, data: &DataDirectory) -> anyhow::Result<Self> {
        let path = settings.database.path.clone().unwrap_or_else(|| data.database());
        let tables = match settings.database.tables {
            Tables::Crossauth => TableMap::crossauth(),
            Tables::PyCrossauth => TableMap::pycrossauth(),
            Tables::CrossauthJs => TableMap::crossauthjs(),
        };
        let opened = Options { tables, ..Options::default() }.open(&path).await;
        let shown = path.display();
        let opened = opened.with_context(|| format!("cannot open the database {shown}"))?;
        for warning in opened.warnings() {
            tracing::warn!("{warning}");
        }
        Ok(Self(opened))
    }

    /// The stores in it.
    pub(crate) fn storage(&self) -> Storage {
        self.0.storage()
    }

    /// Finishes what was begun, so that the file alone holds everything.
    pub(crate) async fn close(&self) {
        self.0.close().await;
    }
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
