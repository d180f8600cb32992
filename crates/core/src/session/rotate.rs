//! Sessions that other use cases store together with a change, and changes of their data.

use super::{BeginOptions, NewSession, Session, SessionId, Sessions};
use crate::crypto::stored_value;
use crate::key::{DataChange, Key, KeyPrefix, Owner};
use crate::message::Message;
use crate::storage::{SessionUpdate, UpdateDataError, Updated, Uses};
use crate::user::{User, UserId};

/// What happens together with a change of the data of a session.
#[derive(Default)]
pub(crate) struct With<'a> {
    pub(crate) expects: Option<(&'a str, &'a str)>,
    pub(crate) uses: Option<(&'a UserId, &'a Uses)>,
    pub(crate) send: &'a [Message],
}

impl Sessions {
    /// The key of a session of a user that another use case is about to store.
    pub(crate) fn prepare(&self, user: &UserId, beginning: &BeginOptions<'_>) -> (SessionId, Key) {
        let mut key = self.new_key(Owner::User(user), beginning);
        (self.assign_id(&mut key), key)
    }

    /// The key of a session with a new id in place of `session`, that another use case is about to
    /// store. Keeps its age and its data, but for one slot.
    pub(crate) fn prepare_rotated(&self, session: &Session, without: &str) -> (SessionId, Key) {
        let mut key = session.key.clone();
        if let Ok(data) = key.data.changed(&[DataChange::remove(without)]) {
            key.data = data;
        }
        (self.assign_id(&mut key), key)
    }

    /// A session that was stored, to be sent to the browser. Its cookie has the persistence that
    /// the key records.
    pub(crate) fn prepared(
        &self,
        id: SessionId,
        key: &Key,
        user: User,
    ) -> NewSession {
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
        let With { expects, uses, send } = with;
        let update = SessionUpdate { session: &value, changes, expects, uses, send };
        self.store.update(update).await
    }
}
