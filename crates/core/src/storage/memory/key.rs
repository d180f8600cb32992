//! Keys in memory.

use std::cmp::Reverse;

use async_trait::async_trait;

use super::{MemoryStorage, State, merge};
use crate::clock::Timestamp;
use crate::key::{DataChange, Key, KeyFilter, KeyUpdate};
use crate::storage::{KeyStore, StorageError, UpdateDataError};
use crate::user::{Patch, UserId};

/// Most keys that a list shows.
const MAX_LISTED: usize = 1000;

#[async_trait]
impl KeyStore for MemoryStorage {
    async fn find(&self, value: &str) -> Result<Option<Key>, StorageError> {
        Ok(self.state.lock().keys.get(value).cloned())
    }

    async fn insert(&self, key: &Key) -> Result<(), StorageError> {
        self.state.lock().insert_key(key)
    }

    async fn update(&self, value: &str, change: &KeyUpdate) -> Result<bool, StorageError> {
        let mut state = self.state.lock();
        if let Patch::Set(owner) = &change.userid
            && !state.has_owner(Some(owner))
        {
            return Err(StorageError::corrupt("the key's owner does not exist"));
        }
        let Some(key) = state.keys.get_mut(value) else { return Ok(false) };
        let change = change.clone();
        change.userid.apply(&mut key.userid);
        change.expires.apply(&mut key.expires);
        change.lastactive.apply(&mut key.lastactive);
        if let Some(data) = change.data {
            key.data = data;
        }
        merge(&mut key.extra, &change.extra);
        Ok(true)
    }

    async fn take(&self, value: &str) -> Result<Option<Key>, StorageError> {
        Ok(self.state.lock().keys.remove(value))
    }

    async fn delete(&self, value: &str) -> Result<bool, StorageError> {
        Ok(self.state.lock().keys.remove(value).is_some())
    }

    async fn delete_all_for_user(
        &self,
        userid: Option<&UserId>,
        prefix: &str,
        except: Option<&str>,
    ) -> Result<u64, StorageError> {
        Ok(self.state.lock().delete_keys(|key| {
            key.userid.as_ref() == userid
                && key.value.starts_with(prefix)
                && except != Some(key.value.as_str())
        }))
    }

    async fn delete_matching(&self, filter: &KeyFilter) -> Result<u64, StorageError> {
        if *filter == KeyFilter::default() {
            return Ok(0);
        }
        Ok(self.state.lock().delete_keys(|key| matches(filter, key)))
    }

    async fn list_for_user(&self, userid: Option<&UserId>) -> Result<Vec<Key>, StorageError> {
        let state = self.state.lock();
        let mut keys: Vec<&Key> =
            state.keys.values().filter(|key| key.userid.as_ref() == userid).collect();
        keys.sort_by_key(|key| (Reverse(key.created), key.value.as_str()));
        Ok(keys.into_iter().take(MAX_LISTED).cloned().collect())
    }

    async fn update_data(
        &self,
        value: &str,
        changes: &[DataChange],
    ) -> Result<(), UpdateDataError> {
        let mut state = self.state.lock();
        let key = state.keys.get_mut(value).ok_or(UpdateDataError::NotFound)?;
        key.data = key.data.changed(changes)?;
        Ok(())
    }

    async fn touch(&self, value: &str, at: Timestamp) -> Result<(), StorageError> {
        if let Some(key) = self.state.lock().keys.get_mut(value) {
            key.lastactive = key.lastactive.max(Some(at));
        }
        Ok(())
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
    pub(super) fn insert_key(&mut self, key: &Key) -> Result<(), StorageError> {
        if self.keys.contains_key(&key.value) {
            return Err(StorageError::conflict("the key exists"));
        }
        if !self.has_owner(key.userid.as_ref()) {
            return Err(StorageError::corrupt("the key's owner does not exist"));
        }
        let mut key = key.clone();
        key.extra.retain(|_, value| !value.is_null());
        self.keys.insert(key.value.clone(), key);
        Ok(())
    }

    pub(super) fn delete_keys(&mut self, mut chosen: impl FnMut(&Key) -> bool) -> u64 {
        let before = self.keys.len();
        self.keys.retain(|_, key| !chosen(key));
        (before - self.keys.len()) as u64
    }
}

fn matches(filter: &KeyFilter, key: &Key) -> bool {
    let owner_matches = match &filter.userid {
        Patch::Keep => true,
        Patch::Set(owner) => key.userid.as_ref() == Some(owner),
        Patch::Clear => key.userid.is_none(),
    };
    owner_matches
        && filter.value.as_ref().is_none_or(|value| *value == key.value)
        && filter.extra.iter().all(|(name, value)| match key.extra.get(name) {
            Some(stored) => stored == value,
            None => value.is_null(),
        })
}
