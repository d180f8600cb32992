//! Sessions that other use cases store together with a change, and changes of their data.

use super::{BeginOptions, NewSession, Session, SessionId, Sessions};
use crate::audit::AuditEvent;
use crate::challenge::without_waiting;
use crate::crypto::stored_value;
use crate::key::{DataChange, Key, KeyPrefix, Owner, Slot};
use crate::message::Message;
use crate::storage::{SessionUpdate, StorageError, UpdateDataError, Updated, Uses};
use crate::user::{User, UserId};

/// What happens together with a change of the data of a session.
#[derive(Clone, Copy, Default)]
pub(crate) struct With<'a> {
    pub(crate) expects: Option<(&'a str, &'a str)>,
    pub(crate) uses: Option<(&'a UserId, &'a Uses)>,
    pub(crate) send: &'a [Message],
    pub(crate) audit: &'a [AuditEvent],
}

impl Sessions {
    /// The key of a session of a user that another use case is about to store.
    pub(crate) fn prepare(&self, user: &UserId, beginning: &BeginOptions<'_>) -> (SessionId, Key) {
        let mut key = self.new_key(Owner::User(user), beginning);
        (self.assign_id(&mut key), key)
    }

    /// The key of a session with a new id in place of `session`, that another use case is about to
    /// store. Keeps its age and its data, without anything that waits in it.
    pub(crate) fn prepare_rotated(&self, session: &Session) -> (SessionId, Key) {
        let mut key = session.key.clone();
        key.data = without_waiting(&key.data);
        (self.assign_id(&mut key), key)
    }

    /// A session that was stored, to be sent to the browser. Its cookie has the persistence that
    /// the key records.
    pub(crate) fn prepared(&self, id: SessionId, key: &Key, user: User) -> NewSession {
        self.new_session(id, key, &BeginOptions::default(), Some(Box::new(user)))
    }

    /// Applies changes to the data of a session, those of Crossauth's fields included.
    pub(crate) async fn change(
        &self,
        id: &SessionId,
        changes: &[DataChange],
        with: With<'_>,
    ) -> Result<Updated, UpdateDataError> {
        let value = stored_value(KeyPrefix::Session, id.expose());
        let With { expects, uses, send, audit } = with;
        let update = SessionUpdate { session: &value, changes, expects, uses, send, audit };
        self.store.update(update).await
    }

    /// Replaces a slot whose challenge still waits; returns whether it did.
    pub(crate) async fn replace_slot<S: Slot>(
        &self,
        id: &SessionId,
        slot: &S,
        challenge: &str,
        send: &[Message],
    ) -> Result<bool, StorageError> {
        let path = format!("{}.challenge", S::NAME);
        let change = DataChange::slot(slot).map_err(StorageError::bug)?;
        let with = With { expects: Some((&path, challenge)), send, ..With::default() };
        let changed = updated(self.change(id, &[change], with).await)?;
        Ok(changed == Some(Updated::Done))
    }
}

/// The outcome of changing the data of a session; `None` if there is no such session.
pub(crate) fn updated(
    changed: Result<Updated, UpdateDataError>,
) -> Result<Option<Updated>, StorageError> {
    match changed {
        Ok(updated) => Ok(Some(updated)),
        Err(UpdateDataError::NotFound) => Ok(None),
        Err(UpdateDataError::Data(error)) => Err(StorageError::corrupt(error)),
        Err(UpdateDataError::Storage(error)) => Err(error),
    }
}
