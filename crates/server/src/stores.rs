//! The configured stores: the database and, if sessions and counters are there, Redis.

use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use crossauth_core::storage::{KeyStore, Storage, StorageError};
use crossauth_settings::Settings;
#[cfg(feature = "redis")]
use crossauth_storage_redis::{Options, RedisStorage, ServerProblem};
use crossauth_storage_sql::MigrationPlan;

use crate::data::DataDirectory;
use crate::database::{self, Database, Report};
use crate::serve::Probe;

const CANNOT_OPEN: &str = "cannot open the server of the setting sessions.url";

/// There is none without the feature.
#[cfg(not(feature = "redis"))]
type RedisStorage = std::convert::Infallible;

/// Open stores.
#[derive(Debug, Clone)]
pub(crate) struct Stores {
    database: Database,
    redis: Option<RedisStorage>,
}

impl Stores {
    /// Opens the stores; creates a SQLite file if it does not exist.
    pub(crate) async fn open(settings: &Settings, data: &DataDirectory) -> anyhow::Result<Self> {
        // Before any file is created.
        let redis = check_redis(settings).await?;
        Ok(Self { database: Database::open(settings, data).await?, redis })
    }

    /// Opens the stores if the database exists, for commands that do nothing otherwise. What needs no
    /// session works while Redis is away: to disable an account, for example.
    pub(crate) async fn open_existing(
        settings: &Settings,
        data: &DataDirectory,
    ) -> anyhow::Result<Self> {
        let redis = open_redis(settings)?;
        Ok(Self { database: Database::open_existing(settings, data).await?, redis })
    }

    /// The stores, for the use cases.
    pub(crate) fn storage(&self) -> Storage {
        let storage = self.database.storage();
        match &self.redis {
            None => storage,
            #[cfg(feature = "redis")]
            Some(redis) => redis.in_front_of(storage),
            #[cfg(not(feature = "redis"))]
            Some(absent) => match *absent {},
        }
    }

    /// The database, without Redis.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// The store of sessions, if they are not in the database.
    pub(crate) fn sessions(&self) -> Option<Arc<dyn KeyStore>> {
        self.redis.is_some().then(|| self.storage().keys)
    }

    /// Completes running transactions.
    pub(crate) async fn close(&self) {
        self.database.close().await;
    }

    /// Whether every store takes a write.
    pub(crate) async fn ping(&self) -> Result<(), StorageError> {
        ping(self.redis.as_ref()).await?;
        self.database.ping().await
    }
}

/// Reports the errors that opening the stores would, without creating or changing anything.
pub(crate) async fn inspect(settings: &Settings, data: &DataDirectory) -> anyhow::Result<()> {
    check_redis(settings).await?;
    database::check(settings, data).await
}

/// What opening the stores would change in the schema of the database. Changes and creates nothing;
/// fails as opening would.
pub(crate) async fn plan(
    settings: &Settings,
    data: &DataDirectory,
) -> anyhow::Result<MigrationPlan> {
    check_redis(settings).await?;
    database::plan(settings, data).await
}

/// As [`inspect`], but connects to no server.
pub(crate) async fn check(settings: &Settings, data: &DataDirectory) -> anyhow::Result<()> {
    open_redis(settings)?;
    database::check_configured(settings, data).await
}

/// Opens Redis, if it is configured, and checks that it takes a write.
async fn check_redis(settings: &Settings) -> anyhow::Result<Option<RedisStorage>> {
    let redis = open_redis(settings)?;
    ping(redis.as_ref()).await.context(CANNOT_OPEN)?;
    Ok(redis)
}

/// Connects to Redis, and returns its version, settings that make trouble, and missing rights.
/// `None` if it is not configured.
#[cfg(feature = "redis")]
pub(crate) async fn examine(settings: &Settings) -> anyhow::Result<Option<Report>> {
    let Some(redis) = open_redis(settings)? else { return Ok(None) };
    let found = redis.examine().await.context(CANNOT_OPEN)?;
    Ok(Some(Report::new(found.server, found.problems, ServerProblem::is_fatal)))
}

#[cfg(not(feature = "redis"))]
#[expect(clippy::unused_async, reason = "with Redis, it waits")]
pub(crate) async fn examine(settings: &Settings) -> anyhow::Result<Option<Report>> {
    open_redis(settings).map(|_| None)
}

#[cfg(feature = "redis")]
async fn ping(redis: Option<&RedisStorage>) -> Result<(), StorageError> {
    match redis {
        Some(redis) => redis.ping().await,
        None => Ok(()),
    }
}

#[cfg(not(feature = "redis"))]
#[expect(clippy::unused_async, reason = "with Redis, it waits")]
async fn ping(_: Option<&RedisStorage>) -> Result<(), StorageError> {
    Ok(())
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
fn open_redis(settings: &Settings) -> anyhow::Result<Option<RedisStorage>> {
    anyhow::ensure!(
        settings.sessions.url.is_none(),
        "sessions.url: this program was built without the feature `redis`"
    );
    Ok(None)
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
