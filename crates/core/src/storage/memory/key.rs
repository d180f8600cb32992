//! In-memory keys.

use async_trait::async_trait;

use super::{Account, MemoryStorage, State};
use crate::audit::AuditEvent;
use crate::clock::Timestamp;
use crate::key::{CLOCK_SKEW, DataChange, Key, KeyPrefix};
use crate::storage::{Inserted, KeyPosition, KeyStore, NamedKey, StorageError, UpdateDataError};
use crate::user::UserId;

#[async_trait]
impl KeyStore for MemoryStorage {
    async fn find(&self, value: &str) -> Result<Option<Key>, StorageError> {
        Ok(self.state.lock().keys.get(value).cloned())
    }

    async fn insert_recorded(&self, key: &Key, audit: &[AuditEvent]) -> Result<(), StorageError> {
        let mut state = self.state.lock();
        state.insert_key(key)?;
        state.record(audit, key.userid.as_ref());
        Ok(())
    }

    async fn insert_named(&self, named: NamedKey<'_>) -> Result<Inserted, StorageError> {
        let NamedKey { key, kind, max, credentials, checks, send, audit } = named;
        let mut state = self.state.lock();
        state.refuse_taken_messages(send)?;
        let Some(id) = &key.userid else {
            state.insert_key(key)?;
            state.insert_messages(send, None);
            state.record(audit, None);
            self.note_messages(send);
            return Ok(Inserted::Done);
        };
        let Some(owner) = state.users.get(id).map(Account::stored) else {
            return Ok(Inserted::NoSuchUser);
        };
        if credentials.is_some_and(|checked| *checked != owner.credentials()) {
            return Ok(Inserted::CredentialsChanged);
        }
        if let Some(refusal) = owner.refusal(checks) {
            return Ok(Inserted::Refused(refusal));
        }
        let is_of_owner = |other: &Key| {
            other.userid.as_ref() == Some(id) && other.value.starts_with(kind.as_str())
        };
        let live = state.keys.values().filter(|other| is_of_owner(other));
        let live: Vec<&Key> = live.filter(|other| !other.is_expired(key.created)).collect();
        if live.iter().any(|other| other.name() == key.name()) {
            return Ok(Inserted::NameTaken);
        }
        if live.len() >= max as usize {
            return Ok(Inserted::TooMany);
        }
        state.insert_key(key)?;
        state.delete_keys(|other| is_of_owner(other) && other.is_expired(key.created));
        state.insert_messages(send, Some(id));
        state.record(audit, Some(id));
        self.note_messages(send);
        Ok(Inserted::Done)
    }

    async fn delete_recorded(
        &self,
        value: &str,
        audit: &[AuditEvent],
    ) -> Result<bool, StorageError> {
        let mut state = self.state.lock();
        let existed = state.keys.remove(value).is_some();
        if existed {
            state.record(audit, None);
        }
        Ok(existed)
    }

    async fn list_for_user(
        &self,
        userid: Option<&UserId>,
        prefix: KeyPrefix,
        after: Option<KeyPosition<'_>>,
        limit: u32,
    ) -> Result<Vec<Key>, StorageError> {
        let state = self.state.lock();
        let mut keys: Vec<&Key> = state
            .keys
            .values()
            .filter(|key| key.userid.as_ref() == userid && key.value.starts_with(prefix.as_str()))
            .filter(|key| after.is_none_or(|after| KeyPosition::from(*key) < after))
            .collect();
        keys.sort_by(|a, b| KeyPosition::from(*b).cmp(&KeyPosition::from(*a)));
        Ok(keys.into_iter().take(limit as usize).cloned().collect())
    }

    async fn update_data(
        &self,
        value: &str,
        changes: &[DataChange],
    ) -> Result<(), UpdateDataError> {
        self.state.lock().update_data(value, changes)
    }

    async fn touch(&self, value: &str, at: Timestamp) -> Result<(), StorageError> {
        if let Some(key) = self.state.lock().keys.get_mut(value) {
            let is_plausible = |recorded: &Timestamp| *recorded <= at + CLOCK_SKEW;
            key.lastactive = key.lastactive.filter(is_plausible).max(Some(at));
        }
        Ok(())
    }

    async fn any_created(&self, from: Timestamp, until: Timestamp) -> Result<bool, StorageError> {
        let state = self.state.lock();
        Ok(state.keys.values().any(|key| key.created >= from && key.created < until))
    }

    async fn purge(&self, now: Timestamp, limit: u32) -> Result<u64, StorageError> {
        let mut left = limit;
        Ok(self.state.lock().delete_keys(|key| {
            let chosen = left > 0 && key.expires.is_some_and(|expires| expires < now);
            left -= u32::from(chosen);
            chosen
        }))
    }
}

impl State {
    pub(super) fn update_data(
        &mut self,
        value: &str,
        changes: &[DataChange],
    ) -> Result<(), UpdateDataError> {
        let key = self.keys.get_mut(value).ok_or(UpdateDataError::NotFound)?;
        key.data = key.data.changed(changes)?;
        Ok(())
    }

    /// Stores a key that becomes the user's.
    pub(super) fn issue(&mut self, id: &UserId, key: &Key) -> Result<(), StorageError> {
        let mut key = key.clone();
        key.userid = Some(id.clone());
        self.insert_key(&key)
    }

    pub(super) fn insert_key(&mut self, key: &Key) -> Result<(), StorageError> {
        if self.keys.contains_key(&key.value) {
            return Err(StorageError::conflict("the key exists"));
        }
        let mut key = key.clone();
        key.epoch = match &key.userid {
            None => None,
            Some(id) => match self.users.get(id) {
                Some(owner) => Some(owner.epoch),
                None => return Err(StorageError::corrupt("the key's owner does not exist")),
            },
        };
        key.extra.retain(|_, value| !value.is_null());
        self.keys.insert(key.value.clone(), key);
        Ok(())
    }

    pub(super) fn delete_keys(&mut self, mut chosen: impl FnMut(&Key) -> bool) -> u64 {
        let before = self.keys.len();
        self.keys.retain(|_, key| !chosen(key));
        (before - self.keys.len()) as u64
    }

    /// Deletes the user's keys of these kinds, and all keys of kinds without owner.
    pub(super) fn revoke(&mut self, id: &UserId, kinds: &[KeyPrefix]) {
        self.delete_keys(|key| {
            kinds.iter().any(|kind| {
                key.value.starts_with(kind.as_str())
                    && key.userid.as_ref() == kind.has_owner().then_some(id)
            })
        });
    }
}
