//! A storage wrapper for tests: counts calls, injects failures, and interrupts calls.
//!
//! ```
//! use crossauth_core::storage::memory::MemoryStorage;
//! use crossauth_core::user::Normalization;
//! use crossauth_testkit::storage::TestStorage;
//!
//! # async fn example() {
//! let storage = TestStorage::new(MemoryStorage::new(Normalization::Nfkc).storage());
//! storage.fail();
//! assert!(storage.storage().users.has_admin().await.is_err());
//! storage.recover();
//! assert!(storage.storage().users.has_admin().await.is_ok());
//! assert_eq!(storage.take_calls(), ["users.has_admin"]);
//! # }
//! ```

mod audit;
mod outbox;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use crossauth_core::audit::AuditEvent;
use crossauth_core::clock::Timestamp;
use crossauth_core::key::{DataChange, Key, KeyPrefix};
use crossauth_core::storage::{
    AttemptStore, Change, Changed, Charge, Charged, Created, Deleted, Effects, Guard, Inserted,
    KeyPosition, KeyStore, NamedKey, SessionStart, SessionStore, SessionUpdate, Started, Storage,
    StorageError, StoredSession, StoredUser, UpdateDataError, Updated, UserPage, UserQuery,
    UserStore,
};
use crossauth_core::user::{NewUser, User, UserId, UserSecrets};
use parking_lot::Mutex;
use tokio::sync::mpsc;

/// The action of a test after a call of this name.
type Interruption = Box<dyn FnOnce(Storage) -> BoxFuture + Send>;
type BoxFuture = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Makes the error of a failing call.
type Fault = fn() -> StorageError;

/// Wraps a storage. Clones share their state.
#[derive(Clone)]
pub struct TestStorage(Arc<Shared>);

struct Shared {
    inner: Storage,
    failing: AtomicBool,
    failing_call: Mutex<Option<(&'static str, Fault)>>,
    failing_user: Mutex<Option<(&'static str, UserId)>>,
    /// The number of successful calls before one that fails.
    calls_to_failure: Mutex<Option<usize>>,
    calls: Mutex<Vec<&'static str>>,
    interruption: Mutex<Option<(&'static str, Interruption)>>,
    touches: mpsc::UnboundedSender<Timestamp>,
    touched: tokio::sync::Mutex<mpsc::UnboundedReceiver<Timestamp>>,
}

impl std::fmt::Debug for TestStorage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TestStorage")
    }
}

impl TestStorage {
    /// Forwards every call to `inner`.
    pub fn new(inner: Storage) -> Self {
        let (touches, receiver) = mpsc::unbounded_channel();
        Self(Arc::new(Shared {
            inner,
            failing: AtomicBool::new(false),
            failing_call: Mutex::default(),
            failing_user: Mutex::default(),
            calls_to_failure: Mutex::default(),
            calls: Mutex::default(),
            interruption: Mutex::default(),
            touches,
            touched: tokio::sync::Mutex::new(receiver),
        }))
    }

    /// The stores, for the use cases.
    pub fn storage(&self) -> Storage {
        Storage {
            users: Arc::new(self.clone()),
            keys: Arc::new(self.clone()),
            sessions: Arc::new(self.clone()),
            attempts: Arc::new(self.clone()),
            outbox: Arc::new(self.clone()),
            audit: Arc::new(self.clone()),
        }
    }

    /// The wrapped storage, whose calls are neither counted nor failed.
    pub fn inner(&self) -> &Storage {
        &self.0.inner
    }

    /// Makes all further calls fail as unavailable.
    pub fn fail(&self) {
        self.0.failing.store(true, Ordering::SeqCst);
    }

    /// Makes further calls of this name, such as `users.change`, fail as unavailable.
    pub fn fail_call(&self, name: &'static str) {
        *self.0.failing_call.lock() = Some((name, lost_connection));
    }

    /// Makes further calls of this name, such as `sessions.find`, find a row that cannot be
    /// decoded.
    pub fn fail_call_with_bad_row(&self, name: &'static str) {
        let bad_row =
            || StorageError::bad_row("row 7 cannot be used: column \"email\" is not UTF-8");
        *self.0.failing_call.lock() = Some((name, bad_row));
    }

    /// Makes further calls of this name, `users.find_by_id` or `users.change`, fail for this account,
    /// whose row does not fit the schema.
    pub fn fail_call_for(&self, name: &'static str, user: &UserId) {
        *self.0.failing_user.lock() = Some((name, user.clone()));
    }

    /// Makes one call fail after this many further calls.
    pub fn fail_after(&self, calls: usize) {
        *self.0.calls_to_failure.lock() = Some(calls);
    }

    /// Ends the injected failures.
    pub fn recover(&self) {
        self.0.failing.store(false, Ordering::SeqCst);
        *self.0.failing_call.lock() = None;
        *self.0.failing_user.lock() = None;
        *self.0.calls_to_failure.lock() = None;
    }

    /// Removes and returns the names of all calls since the last time, in order. Each is one round
    /// trip.
    pub fn take_calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.0.calls.lock())
    }

    /// Runs `action` on the inner storage after the next call of this name, before the call
    /// returns.
    pub fn interrupt_after<F: Future<Output = ()> + Send + 'static>(
        &self,
        call: &'static str,
        action: impl FnOnce(Storage) -> F + Send + 'static,
    ) {
        let action: Interruption = Box::new(move |storage| Box::pin(action(storage)));
        *self.0.interruption.lock() = Some((call, action));
    }

    /// Waits for the next write of a key's time of last use.
    pub async fn next_touch(&self) -> Option<Timestamp> {
        self.0.touched.lock().await.recv().await
    }

    fn call(&self, name: &'static str) -> Result<&Storage, StorageError> {
        self.0.calls.lock().push(name);
        let is_last = {
            let mut left = self.0.calls_to_failure.lock();
            let is_last = *left == Some(0);
            *left = left.and_then(|calls| calls.checked_sub(1));
            is_last
        };
        if is_last || self.0.failing.load(Ordering::SeqCst) {
            return Err(lost_connection());
        }
        match *self.0.failing_call.lock() {
            Some((failing, fault)) if failing == name => Err(fault()),
            _ => Ok(&self.0.inner),
        }
    }

    /// Fails a call about an account for which it should.
    fn check_user(&self, name: &'static str, user: &UserId) -> Result<(), StorageError> {
        match &*self.0.failing_user.lock() {
            Some((failing, of)) if *failing == name && of == user => {
                Err(StorageError::bad_row("a column of the row does not fit"))
            }
            _ => Ok(()),
        }
    }

    async fn interrupt(&self, name: &'static str) {
        let taken = {
            let mut interruption = self.0.interruption.lock();
            match &*interruption {
                Some((call, _)) if *call == name => interruption.take(),
                _ => None,
            }
        };
        if let Some((_, action)) = taken {
            action(self.0.inner.clone()).await;
        }
    }
}

fn lost_connection() -> StorageError {
    StorageError::unavailable("the connection to db-7.internal is lost")
}

/// Counts a call, forwards it, then runs the interruption.
macro_rules! pass_on {
    ($self:ident, $name:literal, $port:ident.$method:ident($($argument:expr),*)) => {{
        let outcome = $self.call($name)?.$port.$method($($argument),*).await;
        $self.interrupt($name).await;
        outcome
    }};
}

pub(in crate::storage) use pass_on;

#[async_trait]
impl UserStore for TestStorage {
    async fn find_by_id(&self, id: &UserId) -> Result<Option<StoredUser>, StorageError> {
        self.check_user("users.find_by_id", id)?;
        pass_on!(self, "users.find_by_id", users.find_by_id(id))
    }

    async fn find_by_username(&self, username: &str) -> Result<Option<StoredUser>, StorageError> {
        pass_on!(self, "users.find_by_username", users.find_by_username(username))
    }

    async fn find_by_email(&self, email: &str) -> Result<Option<StoredUser>, StorageError> {
        pass_on!(self, "users.find_by_email", users.find_by_email(email))
    }

    async fn find_id(&self, name: &str) -> Result<Option<UserId>, StorageError> {
        pass_on!(self, "users.find_id", users.find_id(name))
    }

    async fn create(
        &self,
        user: &NewUser,
        secrets: &UserSecrets,
        guard: Guard<'_>,
        effects: &Effects<'_>,
    ) -> Result<Created, StorageError> {
        pass_on!(self, "users.create", users.create(user, secrets, guard, effects))
    }

    async fn change(&self, id: &UserId, change: &Change<'_>) -> Result<Changed, StorageError> {
        self.check_user("users.change", id)?;
        pass_on!(self, "users.change", users.change(id, change))
    }

    async fn delete(
        &self,
        id: &UserId,
        guard: Guard<'_>,
        effects: &Effects<'_>,
    ) -> Result<Deleted, StorageError> {
        pass_on!(self, "users.delete", users.delete(id, guard, effects))
    }

    async fn list(&self, query: &UserQuery<'_>) -> Result<UserPage, StorageError> {
        pass_on!(self, "users.list", users.list(query))
    }

    async fn has_admin(&self) -> Result<bool, StorageError> {
        pass_on!(self, "users.has_admin", users.has_admin())
    }
}

#[async_trait]
impl KeyStore for TestStorage {
    async fn find(&self, value: &str) -> Result<Option<Key>, StorageError> {
        pass_on!(self, "keys.find", keys.find(value))
    }

    async fn insert(&self, key: &Key) -> Result<(), StorageError> {
        pass_on!(self, "keys.insert", keys.insert(key))
    }

    async fn insert_recorded(&self, key: &Key, audit: &[AuditEvent]) -> Result<(), StorageError> {
        pass_on!(self, "keys.insert", keys.insert_recorded(key, audit))
    }

    async fn insert_named(&self, named: NamedKey<'_>) -> Result<Inserted, StorageError> {
        pass_on!(self, "keys.insert_named", keys.insert_named(named))
    }

    async fn delete(&self, value: &str) -> Result<bool, StorageError> {
        pass_on!(self, "keys.delete", keys.delete(value))
    }

    async fn delete_recorded(
        &self,
        value: &str,
        audit: &[AuditEvent],
    ) -> Result<bool, StorageError> {
        pass_on!(self, "keys.delete", keys.delete_recorded(value, audit))
    }

    async fn list_for_user(
        &self,
        userid: Option<&UserId>,
        prefix: KeyPrefix,
        after: Option<KeyPosition<'_>>,
        limit: u32,
    ) -> Result<Vec<Key>, StorageError> {
        pass_on!(self, "keys.list_for_user", keys.list_for_user(userid, prefix, after, limit))
    }

    async fn update_data(
        &self,
        value: &str,
        changes: &[DataChange],
    ) -> Result<(), UpdateDataError> {
        pass_on!(self, "keys.update_data", keys.update_data(value, changes))
    }

    async fn touch(&self, value: &str, at: Timestamp) -> Result<(), StorageError> {
        let outcome = pass_on!(self, "keys.touch", keys.touch(value, at));
        // The receiver is dropped together with this storage.
        let _ = self.0.touches.send(at);
        outcome
    }

    async fn any_created(&self, from: Timestamp, until: Timestamp) -> Result<bool, StorageError> {
        pass_on!(self, "keys.any_created", keys.any_created(from, until))
    }

    async fn purge(&self, now: Timestamp, limit: u32) -> Result<u64, StorageError> {
        pass_on!(self, "keys.purge", keys.purge(now, limit))
    }
}

#[async_trait]
impl SessionStore for TestStorage {
    async fn find(&self, value: &str) -> Result<Option<StoredSession>, StorageError> {
        pass_on!(self, "sessions.find", sessions.find(value))
    }

    async fn find_user(
        &self,
        id: &UserId,
        end: &str,
    ) -> Result<Option<(User, Option<u64>)>, StorageError> {
        pass_on!(self, "sessions.find_user", sessions.find_user(id, end))
    }

    async fn start(&self, start: SessionStart<'_>) -> Result<Started, StorageError> {
        pass_on!(self, "sessions.start", sessions.start(start))
    }

    async fn update(&self, update: SessionUpdate<'_>) -> Result<Updated, UpdateDataError> {
        pass_on!(self, "sessions.update", sessions.update(update))
    }
}

#[async_trait]
impl AttemptStore for TestStorage {
    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Charged, StorageError> {
        pass_on!(self, "attempts.charge", attempts.charge(charges, now))
    }

    async fn refund(&self, charges: &[Charge], now: Timestamp) -> Result<(), StorageError> {
        pass_on!(self, "attempts.refund", attempts.refund(charges, now))
    }

    async fn purge(&self, now: Timestamp, keep: u32, limit: u32) -> Result<u64, StorageError> {
        pass_on!(self, "attempts.purge", attempts.purge(now, keep, limit))
    }
}

/// Stores a user directly, without the checks of the use cases.
///
/// # Panics
///
/// If the store refuses the change.
#[expect(clippy::panic, reason = "a test fails by panicking")]
pub async fn create_user(storage: &Storage, user: &NewUser, secrets: &UserSecrets) -> User {
    match storage.users.create(user, secrets, Guard::None, &Effects::default()).await {
        Ok(Created::Done(stored)) => stored.regardless_of_state().0,
        other => panic!("the user cannot be created: {other:?}"),
    }
}

/// Changes a stored user directly, without the checks of the use cases.
///
/// # Panics
///
/// If the store refuses the change.
#[expect(clippy::panic, reason = "a test fails by panicking")]
pub async fn change_user(storage: &Storage, id: &UserId, change: &Change<'_>) -> User {
    match storage.users.change(id, change).await {
        Ok(Changed::Done(stored)) => stored.regardless_of_state().0,
        other => panic!("the user cannot be changed: {other:?}"),
    }
}
