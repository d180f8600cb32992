//! In-memory sessions.

use async_trait::async_trait;

use super::{Account, MemoryStorage};
use crate::storage::{
    KeyPlace, SessionStart, SessionStore, SessionUpdate, Started, StorageError, StoredSession,
    UpdateDataError, Updated,
};
use crate::user::{User, UserId};

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

    async fn find_user(
        &self,
        id: &UserId,
        end: &str,
    ) -> Result<Option<(User, Option<u64>)>, StorageError> {
        let state = self.state.lock();
        let has_ended = state.keys.contains_key(end);
        let account = state.users.get(id).filter(|_| !has_ended);
        Ok(account.map(|account| (account.user.clone(), Some(account.epoch))))
    }

    async fn start(&self, start: SessionStart<'_>) -> Result<Started, StorageError> {
        let SessionStart {
            key,
            place,
            replaces,
            must_replace,
            uses,
            credentials,
            checks,
            revoke,
            issue,
            send,
            audit,
        } = start;
        let is_here = place == KeyPlace::Here;
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
        if is_here && must_replace && !replaces.is_some_and(|key| state.keys.contains_key(key)) {
            return Ok(Started::SessionGone);
        }
        if key.userid.as_ref().is_some_and(|id| !state.is_unused(id, uses)) {
            return Ok(Started::AlreadyUsed);
        }
        state.refuse_taken_keys(issue)?;
        state.refuse_taken_messages(send)?;
        if is_here {
            state.insert_key(key)?;
            if let Some(replaced) = replaces {
                state.keys.remove(replaced);
            }
        }
        if let Some(id) = &key.userid {
            state.use_up(id, uses);
            state.revoke(id, revoke);
            for key in issue {
                state.issue(id, key)?;
            }
        }
        state.insert_messages(send, key.userid.as_ref());
        state.record(audit, key.userid.as_ref());
        self.note_messages(send);
        Ok(Started::Begun(user))
    }

    async fn update(&self, update: SessionUpdate<'_>) -> Result<Updated, UpdateDataError> {
        let SessionUpdate { session, changes, expects, uses, send, audit } = update;
        let mut state = self.state.lock();
        let key = state.keys.get(session).ok_or(UpdateDataError::NotFound)?;
        if !key.data.has_text(expects)? {
            return Ok(Updated::Unexpected);
        }
        if let Some((id, uses)) = uses {
            if !state.users.contains_key(id) {
                return Ok(Updated::NoSuchUser);
            }
            if !state.is_unused(id, Some(uses)) {
                return Ok(Updated::AlreadyUsed);
            }
        }
        state.refuse_taken_messages(send)?;
        state.update_data(session, changes)?;
        if let Some((id, uses)) = uses {
            state.use_up(id, Some(uses));
        }
        state.insert_messages(send, None);
        state.record(audit, uses.map(|(id, _)| id));
        self.note_messages(send);
        Ok(Updated::Done)
    }
}
