//! The configured stores: the database and, if sessions and counters are there, Redis.

#[cfg(feature = "redis")]
use anyhow::Context as _;
use async_trait::async_trait;
use crossauth_core::storage::{Storage, StorageError};
use crossauth_settings::Settings;
#[cfg(feature = "redis")]
use crossauth_storage_redis::{Options, RedisStorage};

use crate::data::DataDirectory;
use crate::database::{self, Database};
use crate::serve::Probe;

#[cfg(not(feature = "redis"))]
const NO_REDIS: &str = "sessions.url: this program was built without the feature `redis`";

#[cfg(feature = "redis")]
const CANNOT_OPEN: &str = "cannot open the server of the setting sessions.url";

/// Open stores.
#[derive(Debug, Clone)]
pub(crate) struct Stores {
    database: Database,
    #[cfg(feature = "redis")]
    redis: Option<RedisStorage>,
}

impl Stores {
    /// Opens the stores; creates a SQLite file if it does not exist.
    pub(crate) async fn open(settings: &Settings, data: &DataDirectory) -> anyhow::Result<Self> {
        // Before any file is created.
        let redis = check_redis(settings).await?;
        Ok(Self::of(Database::open(settings, data).await?, redis))
    }

    /// Opens the stores if the database exists, for commands that do nothing otherwise. What needs no
    /// session works while Redis is away: to disable an account, for example.
    pub(crate) async fn open_existing(
        settings: &Settings,
        data: &DataDirectory,
    ) -> anyhow::Result<Self> {
        let redis = open_redis(settings)?;
        Ok(Self::of(Database::open_existing(settings, data).await?, redis))
    }

    #[cfg(feature = "redis")]
    fn of(database: Database, redis: Option<RedisStorage>) -> Self {
        Self { database, redis }
    }

    #[cfg(not(feature = "redis"))]
    fn of(database: Database, (): ()) -> Self {
        Self { database }
    }

    /// The stores, for the use cases.
    pub(crate) fn storage(&self) -> Storage {
        let storage = self.database.storage();
        #[cfg(feature = "redis")]
        if let Some(redis) = &self.redis {
            return redis.in_front_of(storage);
        }
        storage
    }

    /// Completes running transactions.
    pub(crate) async fn close(&self) {
        self.database.close().await;
    }

    /// Whether every store takes a write.
    pub(crate) async fn ping(&self) -> Result<(), StorageError> {
        #[cfg(feature = "redis")]
        if let Some(redis) = &self.redis {
            redis.ping().await?;
        }
        self.database.ping().await
    }
}

/// Reports the errors that opening the stores would, without creating or changing anything.
pub(crate) async fn check(settings: &Settings, data: &DataDirectory) -> anyhow::Result<()> {
    check_redis(settings).await?;
    database::check(settings, data).await
}

/// Opens Redis, if it is configured, and checks that it takes a write.
#[cfg(feature = "redis")]
async fn check_redis(settings: &Settings) -> anyhow::Result<Option<RedisStorage>> {
    let redis = open_redis(settings)?;
    if let Some(redis) = &redis {
        redis.ping().await.context(CANNOT_OPEN)?;
    }
    Ok(redis)
}

#[cfg(feature = "redis")]
fn open_redis(settings: &Settings) -> anyhow::Result<Option<RedisStorage>> {
    let sessions = &settings.sessions;
    let Some(url) = &sessions.url else { return Ok(None) };
    let root_certificates = match &sessions.ca_file {
        Some(path) => {
            let read = std::fs::read(path);
            Some(read.with_context(|| format!("cannot read {}", path.display()))?)
        }
        None => None,
    };
    let (prefix, password) = (sessions.prefix.clone(), sessions.password.clone());
    let options = Options { prefix, password, root_certificates, ..Options::default() };
    options.open_lazily(url.expose()).map(Some).context(CANNOT_OPEN)
}

#[cfg(not(feature = "redis"))]
#[expect(clippy::unused_async, reason = "with Redis, it waits")]
async fn check_redis(settings: &Settings) -> anyhow::Result<()> {
    open_redis(settings)
}

#[cfg(not(feature = "redis"))]
fn open_redis(settings: &Settings) -> anyhow::Result<()> {
    anyhow::ensure!(settings.sessions.url.is_none(), NO_REDIS);
    Ok(())
}

#[async_trait]
impl Probe for Stores {
    async fn is_available(&self) -> bool {
        match self.ping().await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "a store does not respond");
                false
            }
        }
    }
}
