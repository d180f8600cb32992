//! A storage that tests can switch off, watch, and meddle with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use crossauth_core::clock::Timestamp;
use crossauth_core::key::{DataChange, Key, KeyFilter, KeyUpdate};
use crossauth_core::storage::memory::MemoryStorage;
use crossauth_core::storage::{
    KeyStore, SessionStart, SessionStore, Started, Storage, StorageError, StoredSession,
    StoredUser, UpdateDataError, UserStore,
};
use crossauth_core::user::{
    NewUser, Normalization, Patch, SecretsUpdate, User, UserId, UserSecrets, UserUpdate,
};
use parking_lot::Mutex;
use tokio::sync::mpsc;

/// Stands between the use cases and a storage in memory.
pub(crate) struct Wire {
    inner: Storage,
    cut: AtomicBool,
    touches: mpsc::UnboundedSender<Timestamp>,
    new_hash: Mutex<Option<String>>,
}

impl Wire {
    /// The wire, and the times of use that are written through it.
    pub(crate) fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<Timestamp>) {
        let inner = MemoryStorage::new(Normalization::Nfkc).storage();
        let (touches, times) = mpsc::unbounded_channel();
        let (cut, new_hash) = (AtomicBool::new(false), Mutex::new(None));
        (Arc::new(Self { inner, cut, touches, new_hash }), times)
    }

    pub(crate) fn storage(self: &Arc<Self>) -> Storage {
        Storage { users: self.clone(), keys: self.clone(), sessions: self.clone() }
    }

    /// From now on the storage does not answer.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }

    /// Has the next user that is looked up get another password hash right afterwards.
    pub(crate) fn change_password_after_look_up(&self, hash: &str) {
        *self.new_hash.lock() = Some(hash.to_owned());
    }

    fn inner(&self) -> Result<&Storage, StorageError> {
        if self.cut.load(Ordering::SeqCst) {
            Err(StorageError::unavailable("the wire to db-7.internal is cut"))
        } else {
            Ok(&self.inner)
        }
    }
}

#[async_trait]
impl UserStore for Wire {
    async fn find_by_id(&self, id: &UserId) -> Result<Option<StoredUser>, StorageError> {
        self.inner()?.users.find_by_id(id).await
    }

    async fn find_by_username(&self, username: &str) -> Result<Option<StoredUser>, StorageError> {
        let found = self.inner()?.users.find_by_username(username).await?;
        let new_hash = self.new_hash.lock().take();
        if let (Some(found), Some(hash)) = (found.clone(), new_hash) {
            let id = found.regardless_of_state().0.id;
            let secrets = SecretsUpdate { password: Patch::Set(hash), ..SecretsUpdate::default() };
            self.inner.users.update(&id, &UserUpdate::default(), &secrets).await?;
        }
        Ok(found)
    }

    async fn find_by_email(&self, email: &str) -> Result<Option<StoredUser>, StorageError> {
        self.inner()?.users.find_by_email(email).await
    }

    async fn insert(&self, user: &NewUser, secrets: &UserSecrets) -> Result<User, StorageError> {
        self.inner()?.users.insert(user, secrets).await
    }

    async fn update(
        &self,
        id: &UserId,
        user: &UserUpdate,
        secrets: &SecretsUpdate,
    ) -> Result<Option<User>, StorageError> {
        self.inner()?.users.update(id, user, secrets).await
    }

    async fn replace_password(
        &self,
        id: &UserId,
        old: &str,
        new: &str,
    ) -> Result<bool, StorageError> {
        self.inner()?.users.replace_password(id, old, new).await
    }

    async fn delete(&self, id: &UserId) -> Result<bool, StorageError> {
        self.inner()?.users.delete(id).await
    }

    async fn list(&self, after: Option<&str>, limit: u32) -> Result<Vec<User>, StorageError> {
        self.inner()?.users.list(after, limit).await
    }

    async fn has_admin(&self) -> Result<bool, StorageError> {
        self.inner()?.users.has_admin().await
    }
}

#[async_trait]
impl KeyStore for Wire {
    async fn find(&self, value: &str) -> Result<Option<Key>, StorageError> {
        self.inner()?.keys.find(value).await
    }

    async fn insert(&self, key: &Key) -> Result<(), StorageError> {
        self.inner()?.keys.insert(key).await
    }

    async fn update(&self, value: &str, change: &KeyUpdate) -> Result<bool, StorageError> {
        self.inner()?.keys.update(value, change).await
    }

    async fn take(&self, value: &str) -> Result<Option<Key>, StorageError> {
        self.inner()?.keys.take(value).await
    }

    async fn delete(&self, value: &str) -> Result<bool, StorageError> {
        self.inner()?.keys.delete(value).await
    }

    async fn delete_all_for_user(
        &self,
        userid: Option<&UserId>,
        prefix: &str,
        except: Option<&str>,
    ) -> Result<u64, StorageError> {
        self.inner()?.keys.delete_all_for_user(userid, prefix, except).await
    }

    async fn delete_matching(&self, filter: &KeyFilter) -> Result<u64, StorageError> {
        self.inner()?.keys.delete_matching(filter).await
    }

    async fn list_for_user(&self, userid: Option<&UserId>) -> Result<Vec<Key>, StorageError> {
        self.inner()?.keys.list_for_user(userid).await
    }

    async fn update_data(
        &self,
        value: &str,
        changes: &[DataChange],
    ) -> Result<(), UpdateDataError> {
        self.inner()?.keys.update_data(value, changes).await
    }

    async fn touch(&self, value: &str, at: Timestamp) -> Result<(), StorageError> {
        self.inner()?.keys.touch(value, at).await?;
        // A test that does not watch has let its end go.
        let _ = self.touches.send(at);
        Ok(())
    }

    async fn purge(&self, now: Timestamp, limit: u32) -> Result<u64, StorageError> {
        self.inner()?.keys.purge(now, limit).await
    }
}

#[async_trait]
impl SessionStore for Wire {
    async fn find(&self, value: &str) -> Result<Option<StoredSession>, StorageError> {
        self.inner()?.sessions.find(value).await
    }

    async fn start(&self, start: SessionStart<'_>) -> Result<Started, StorageError> {
        self.inner()?.sessions.start(start).await
    }
}
