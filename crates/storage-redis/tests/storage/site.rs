//! Redis in front of SQLite.

use std::sync::Arc;
use std::time::Duration;

use crossauth_core::clock::Timestamp;
use crossauth_core::key::Key;
use crossauth_core::storage::{
    KeyPlace, SessionStart, Started, Storage, StorageError, StorageErrorKind,
};
use crossauth_core::user::{NewUser, StateChecks, User, UserId, UserSecrets};
use crossauth_storage_redis::{Options, RedisStorage};
use crossauth_storage_sql::SqlStorage;
use crossauth_storage_sql::sqlite::{Sqlite, open};
use crossauth_testkit::storage::create_user;
use tempfile::TempDir;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_123);

pub(crate) const HOUR: Duration = Duration::from_hours(1);

/// Stores that only one test uses.
pub(crate) struct Site {
    directory: Arc<TempDir>,
    pub(crate) redis: RedisStorage,
    pub(crate) sql: SqlStorage<Sqlite>,
}

impl Site {
    /// In a server at `url`, with names that begin with `prefix`.
    pub(crate) async fn open(url: &str, prefix: &str) -> Self {
        Self::open_with(url, Options { prefix: prefix.into(), ..Options::default() }).await
    }

    pub(crate) async fn open_with(url: &str, options: Options) -> Self {
        Self::open_in(Arc::new(tempfile::tempdir().unwrap()), url, options).await
    }

    /// The same stores, as another process has them.
    pub(crate) async fn of_another_process(&self, url: &str) -> Self {
        Self::open_in(self.directory.clone(), url, Options::default()).await
    }

    async fn open_in(directory: Arc<TempDir>, url: &str, options: Options) -> Self {
        let sql = open(directory.path().join("test.db")).await.unwrap();
        let redis = options.open(url).await.unwrap();
        Self { directory, redis, sql }
    }

    pub(crate) fn storage(&self) -> Storage {
        self.redis.in_front_of(self.sql.storage())
    }
}

pub(crate) async fn create_bob(storage: &Storage) -> User {
    create_user(storage, &NewUser::named("bob"), &UserSecrets::default()).await
}

/// A session of a user that expires after an hour.
pub(crate) fn session(value: &str, owner: Option<&UserId>) -> Key {
    Key { expires: Some(NOW + HOUR), ..Key::new(value, owner.cloned(), NOW) }
}

/// The start of a session, which checks the state only.
pub(crate) fn start<'a>(key: &'a Key, replaces: Option<&'a str>) -> SessionStart<'a> {
    SessionStart {
        key,
        place: KeyPlace::Here,
        replaces,
        must_replace: false,
        uses: None,
        credentials: None,
        checks: StateChecks::ALL,
        revoke: &[],
        issue: &[],
        send: &[],
        audit: &[],
    }
}

pub(crate) async fn begin(storage: &Storage, value: &str, owner: &UserId) {
    let key = session(value, Some(owner));
    let started = storage.sessions.start(start(&key, None)).await.unwrap();
    assert!(matches!(started, Started::Begun(Some(_))), "{started:?}");
}

/// Whether a session with this value is accepted.
pub(crate) async fn is_admitted(storage: &Storage, value: &str) -> bool {
    let session = storage.sessions.find(value).await.unwrap();
    session.is_some_and(|session| session.admit(StateChecks::ALL).is_ok())
}

/// Asserts that it is unknown whether something exists, and not that it does not.
pub(crate) fn assert_unavailable<T: std::fmt::Debug>(outcome: Result<T, StorageError>) {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Unavailable, "{error}");
}
