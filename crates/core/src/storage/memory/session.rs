//! Sessions in memory.

use async_trait::async_trait;

use super::{MemoryStorage, State};
use crate::key::KeyPrefix;
use crate::storage::{SessionStart, SessionStore, Started, StorageError, StoredSession};

#[async_trait]
impl SessionStore for MemoryStorage {
    async fn find(&self, value: &str) -> Result<Option<StoredSession>, StorageError> {
        let state = self.state.lock();
        let Some(key) = state.keys.get(value) else { return Ok(None) };
        let user = match &key.userid {
            None => None,
            Some(id) => match state.users.get(id) {
                Some(account) => Some(account.user.clone()),
                None => return Ok(None),
            },
        };
        Ok(Some(StoredSession::new(key.clone(), user)))
    }

    async fn start(&self, start: SessionStart<'_>) -> Result<Started, StorageError> {
        let mut state = self.state.lock();
        if !state.credentials_hold(&start) {
            return Ok(Started::CredentialsChanged);
        }
        state.insert_key(start.key)?;
        if let Some(replaced) = start.replaces {
            state.keys.remove(replaced);
        }
        if start.key.userid.is_some() {
            state.delete_keys(|key| {
                key.userid == start.key.userid
                    && key.value.starts_with(KeyPrefix::PasswordReset.as_str())
            });
        }
        Ok(Started::Yes)
    }
}

impl State {
    fn credentials_hold(&self, start: &SessionStart<'_>) -> bool {
        let Some(id) = &start.key.userid else { return start.password.is_none() };
        let Some(account) = self.users.get(id) else { return false };
        start.password.is_none_or(|checked| account.secrets.password.as_deref() == Some(checked))
    }
}
