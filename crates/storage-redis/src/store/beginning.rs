//! Sessions that begin: prepared in Redis, and confirmed once SQL has committed.

use crossauth_core::key::Key;
use crossauth_core::storage::{StorageError, StoredUser};

use super::{Store, end_of, is_session, no_epochs};
use crate::record::Held;
use crate::session::Owned;

/// Sessions that are prepared, and the one that they replace.
pub(super) struct Beginning<'a> {
    sessions: Vec<&'a Key>,
    /// The session to replace, if Redis has it.
    pub(super) replaced: Option<Key>,
}

impl Beginning<'_> {
    /// The record that the replaced session has ended.
    pub(super) fn end_of_replaced(&self) -> Option<Key> {
        self.replaced.as_ref().map(end_of)
    }
}

impl Store {
    /// Stores sessions in Redis that are not valid yet, and finds the one that they replace.
    /// [`Conflict`](crossauth_core::storage::StorageErrorKind::Conflict) if a value is taken.
    pub(super) async fn prepare<'a>(
        &self,
        sessions: Vec<&'a Key>,
        replaces: Option<&str>,
    ) -> Result<Beginning<'a>, StorageError> {
        let found = match replaces.filter(|value| is_session(value)) {
            Some(value) => self.redis.find(value).await?.map(|Held { key, .. }| key),
            None => None,
        };
        let mut beginning = Beginning { sessions: Vec::new(), replaced: found };
        for key in sessions {
            match self.redis.prepare(key).await {
                Ok(true) => beginning.sessions.push(key),
                refused => {
                    self.cancel(&beginning).await;
                    refused?;
                    return Err(StorageError::conflict("the session exists"));
                }
            }
        }
        Ok(beginning)
    }

    /// Deletes sessions that do not begin.
    pub(super) async fn cancel(&self, beginning: &Beginning<'_>) {
        for key in &beginning.sessions {
            self.redis.discard(&key.value).await;
        }
    }

    /// Makes sessions valid after the commit, and deletes the one that they replace.
    pub(super) async fn confirm(
        &self,
        beginning: &Beginning<'_>,
        owned: Option<Owned<'_>>,
    ) -> Result<(), StorageError> {
        for key in &beginning.sessions {
            if let Err(error) = self.redis.confirm(key, owned).await {
                tracing::error!(%error, "a session was committed but cannot begin");
                // Its cookie is not sent, so it is only tidied.
                self.cancel(beginning).await;
                return Err(error);
            }
        }
        if let Some(replaced) = &beginning.replaced {
            self.redis.remove(replaced).await;
        }
        Ok(())
    }

    /// Same as [`confirm`](Self::confirm), with the owner as of the commit.
    pub(super) async fn confirm_of(
        &self,
        beginning: &Beginning<'_>,
        stored: &StoredUser,
    ) -> Result<(), StorageError> {
        let owned = match stored.epoch() {
            Some(epoch) => Some(Owned { owner: stored.id(), epoch }),
            None if beginning.sessions.is_empty() => None,
            None => return Err(no_epochs()),
        };
        self.confirm(beginning, owned).await
    }

    /// Whether the session to replace has ended, which makes a transaction fail that records its end
    /// once more.
    pub(super) async fn has_ended(&self, session: &Key) -> Result<bool, StorageError> {
        Ok(self.sql.keys.find(&super::end_value(&session.value)).await?.is_some())
    }
}
