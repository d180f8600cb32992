//! Sessions and rate counters of Crossauth in Redis or Valkey, in front of a SQL database that has
//! everything else.
//!
//! ```
//! use crossauth_core::storage::Storage;
//! use crossauth_storage_redis::{OpenError, Options};
//!
//! async fn with_redis(sql: Storage) -> Result<Storage, OpenError> {
//!     let redis = Options::default().open("rediss://app@redis.example").await?;
//!     Ok(redis.in_front_of(sql))
//! }
//! ```
//!
//! # What is where
//!
//! Redis may lose its data, so it has what may be lost: sessions and counters. **SQL decides what has
//! ended and what was used.** A session is valid if Redis has it, SQL has no record of its end, its
//! credential epoch is that of its user in SQL, and their state allows it. So an end is certain at the
//! commit in SQL, whatever Redis has or finds again after a crash or a failover: a new password or
//! "end all sessions" raises the epoch, and a logout or a session that another one replaces leaves a
//! record (`es:` and a hash) until the session would have expired. Deleting it in Redis is tidying.
//!
//! A session starts in three steps:
//!
//! 1. It is stored in Redis, prepared: no cookie opens it, and Redis deletes it after two minutes.
//!    If Redis is away, full or read-only, nothing happened.
//! 2. SQL commits everything else in one transaction, as ever: the check of the credentials by their
//!    epoch, what is used up, messages, the audit log, and the record that ends the replaced session.
//!    Its value is unique, so of concurrent logins that replace one session, one commits.
//! 3. It is confirmed in Redis and listed under its user. Only then the login is acknowledged.
//!
//! If the program or Redis ends before the last step, there is no session, and the user logs in
//! again. A change of an account that begins a session does the same. A change of session data that
//! works once, such as answering a challenge, commits a unique record (`cs:`) in SQL first.
//!
//! A check takes one round trip to Redis, then one to SQL, whose one statement finds the user unless
//! there is the record of an end. Nothing is cached.
//!
//! # Databases
//!
//! The database in SQL must have credential epochs: those of upstream have none, and starting a
//! session over them is refused.
//!
//! # Names in Redis
//!
//! All begin with [`Options::prefix`]. `s:…` is a hash for each session, with a time to live; `u:…` is
//! the index of the sessions of each user, which lives as long as the last of them; `attempts` has all
//! counters. A script changes one of them only, so a cluster may distribute them in any way.

mod attempt;
mod connection;
mod examination;
mod record;
mod script;
mod session;
mod store;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crossauth_core::secret::Password;
use crossauth_core::storage::{Storage, StorageError};
use redis::RedisError;

use attempt::Attempts;
use connection::Connection;
pub use examination::{Examination, ServerProblem};
use script::Scripts;
use session::Sessions;
use store::Store;

/// How to connect to Redis.
#[derive(Clone)]
pub struct Options {
    /// What all names in Redis begin with.
    pub prefix: String,
    /// The password, if it is not in the URL.
    pub password: Option<Password>,
    /// Certificates of the trusted authorities, in PEM; `None` for those of the system.
    pub root_certificates: Option<Vec<u8>>,
    /// Maximum time to connect.
    pub connection_timeout: Duration,
    /// Maximum time of a response.
    pub response_timeout: Duration,
}

impl Default for Options {
    /// The prefix `crossauth:`, the authorities of the system, a second to connect and two to respond.
    fn default() -> Self {
        Self {
            prefix: "crossauth:".into(),
            password: None,
            root_certificates: None,
            connection_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_secs(2),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// Why Redis could not be opened. Never repeats the URL, which may have a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL is invalid.
    #[error(
        "the URL of Redis is invalid: expected `redis://host:6379`, `rediss://user@host:6380`, or \
         several of a cluster, separated by commas"
    )]
    InvalidUrl,
    /// An option is invalid, such as the certificates.
    #[error("the options for Redis are invalid")]
    InvalidOptions(#[from] RedisError),
    /// The server cannot be reached, refuses the connection, or takes no writes.
    #[error("cannot use Redis")]
    Unavailable(#[from] StorageError),
}

impl Options {
    /// Connects to the server at a URL, and checks that it takes a write: `redis://` or, with TLS, `rediss://`. Several URLs, separated
    /// by commas, are nodes of one cluster. `redis+sentinel://user@host:26379,host/service` names
    /// sentinels and their service, whose servers the user and the password are for.
    ///
    /// With TLS, sets the default cryptography of rustls in this process to aws-lc-rs, unless the
    /// application has set another.
    pub async fn open(&self, url: &str) -> Result<RedisStorage, OpenError> {
        let storage = self.open_lazily(url)?;
        storage.ping().await?;
        Ok(storage)
    }

    /// Same as [`open`](Self::open), but connects when a session or counter is needed first, for
    /// programs that also work while Redis is away.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub fn open_lazily(&self, url: &str) -> Result<RedisStorage, OpenError> {
        let (connection, scripts) = (Connection::new(url, self)?, Arc::new(Scripts::new()));
        let sessions = Sessions::new(connection.clone(), scripts.clone(), self.prefix.clone());
        let attempts = Attempts::new(connection, scripts, &self.prefix);
        Ok(RedisStorage { sessions: Arc::new(sessions), attempts: Arc::new(attempts) })
    }
}

/// Sessions and counters in Redis.
#[derive(Clone)]
pub struct RedisStorage {
    sessions: Arc<Sessions>,
    attempts: Arc<Attempts>,
}

impl fmt::Debug for RedisStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStorage").finish_non_exhaustive()
    }
}

impl RedisStorage {
    /// The stores of `sql`, with sessions and counters in Redis.
    pub fn in_front_of(&self, sql: Storage) -> Storage {
        let (outbox, audit) = (sql.outbox.clone(), sql.audit.clone());
        let store = Arc::new(Store { redis: self.sessions.clone(), sql });
        Storage {
            users: store.clone(),
            keys: store.clone(),
            sessions: store,
            outbox,
            attempts: self.attempts.clone(),
            audit,
        }
    }

    /// The version of the server, settings that make trouble, and rights that the user lacks. Writes
    /// nothing.
    pub async fn examine(&self) -> Result<Examination, StorageError> {
        self.sessions.examine().await
    }

    /// Whether Redis takes a write.
    pub async fn ping(&self) -> Result<(), StorageError> {
        self.sessions.ping().await
    }
}
