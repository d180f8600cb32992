//! In-memory sessions.

use async_trait::async_trait;

use super::{Account, MemoryStorage};
use crate::storage::{SessionStart, SessionStore, Started, StorageError, StoredSession};

#[async_trait]
impl SessionStore for MemoryStorage {
    async fn find(&self, value: &str) -> Result<Option<StoredSession>, StorageError> {
        let state = self.state.lock();
        let Some(key) = state.keys.get(value) else { return Ok(None) };
        let Some(id) = &key.userid else { return Ok(Some(StoredSession::anonymous(key.clone()))) };
        Ok(state.users.get(id).map(|account| {
            StoredSession::of(key.clone(), account.user.clone(), Some(account.epoch))
        }))
    }

    async fn start(&self, start: SessionStart<'_>) -> Result<Started, StorageError> {
        let SessionStart { key, replaces, credentials, checks, revoke, send } = start;
        let mut state = self.state.lock();
        let mut user = None;
        if let Some(id) = &key.userid {
            let Some(stored) = state.users.get(id).map(Account::stored) else {
                return Ok(Started::NoSuchUser);
            };
            if credentials.is_some_and(|checked| *checked != stored.credentials()) {
                return Ok(Started::CredentialsChanged);
            }
            match stored.admit(checks) {
                Ok((admitted, _)) => user = Some(Box::new(admitted)),
                Err(refusal) => return Ok(Started::Refused(refusal)),
            }
        }
        state.refuse_taken_messages(send)?;
        state.insert_key(key)?;
        if let Some(replaced) = replaces {
            state.keys.remove(replaced);
        }
        if let Some(id) = &key.userid {
            state.revoke(id, revoke);
        }
        state.insert_messages(send, key.userid.as_ref());
        self.note_messages(send);
        Ok(Started::Begun(user))
    }
}
