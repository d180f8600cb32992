//! Keys: sessions in Redis, all others in SQL.

use async_trait::async_trait;
use crossauth_core::audit::AuditEvent;
use crossauth_core::clock::Timestamp;
use crossauth_core::key::{DataChange, Key, KeyPrefix};
use crossauth_core::storage::{
    Inserted, KeyPosition, KeyStore, NamedKey, StorageError, StorageErrorKind, UpdateDataError,
};
use crossauth_core::user::UserId;

use super::{Store, end_of, end_value, is_session, no_epochs};

/// How many records of ended sessions are read at once.
const PAGE: u32 = 500;

#[async_trait]
impl KeyStore for Store {
    async fn find(&self, value: &str) -> Result<Option<Key>, StorageError> {
        if is_session(value) {
            self.find_session(value).await
        } else {
            self.sql.keys.find(value).await
        }
    }

    async fn insert_recorded(&self, key: &Key, audit: &[AuditEvent]) -> Result<(), StorageError> {
        if !is_session(&key.value) {
            return self.sql.keys.insert_recorded(key, audit).await;
        }
        let epoch = match &key.userid {
            None => None,
            Some(id) => match self.sql.users.find_by_id(id).await? {
                Some(owner) => Some(owner.epoch().ok_or_else(no_epochs)?),
                None => return Err(StorageError::corrupt("the session's owner does not exist")),
            },
        };
        let session = Key { epoch, ..key.clone() };
        if !self.redis.insert(&session).await? {
            return Err(StorageError::conflict("the session exists"));
        }
        if let Err(error) = self.append(audit).await {
            self.redis.remove(&session).await;
            return Err(error);
        }
        Ok(())
    }

    async fn insert_named(&self, named: NamedKey<'_>) -> Result<Inserted, StorageError> {
        if is_session(&named.key.value) {
            return Err(StorageError::bug("a session has no name"));
        }
        self.sql.keys.insert_named(named).await
    }

    async fn delete_recorded(
        &self,
        value: &str,
        audit: &[AuditEvent],
    ) -> Result<bool, StorageError> {
        if !is_session(value) {
            return self.sql.keys.delete_recorded(value, audit).await;
        }
        let Some(held) = self.redis.find(value).await? else { return Ok(false) };
        // Its value is unique: of concurrent calls, one stores it.
        let existed = match self.sql.keys.insert_recorded(&end_of(&held.key), audit).await {
            Ok(()) => true,
            // It has ended before, or its owner is gone.
            Err(error) if error.is_conflict() || error.kind == StorageErrorKind::Corrupt => false,
            Err(error) => return Err(error),
        };
        self.redis.remove(&held.key).await;
        Ok(existed)
    }

    async fn list_for_user(
        &self,
        userid: Option<&UserId>,
        prefix: KeyPrefix,
        after: Option<KeyPosition<'_>>,
        limit: u32,
    ) -> Result<Vec<Key>, StorageError> {
        if prefix != KeyPrefix::Session {
            return self.sql.keys.list_for_user(userid, prefix, after, limit).await;
        }
        let Some(id) = userid else { return Ok(Vec::new()) };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut sessions = self.redis.list(id, after, limit).await?;
        if !sessions.is_empty() {
            let ended = self.ends_of(id).await?;
            sessions.retain(|key| !ended.contains(&end_value(&key.value)));
        }
        Ok(sessions)
    }

    async fn update_data(
        &self,
        value: &str,
        changes: &[DataChange],
    ) -> Result<(), UpdateDataError> {
        if !is_session(value) {
            return self.sql.keys.update_data(value, changes).await;
        }
        let held = self.redis.find(value).await?.ok_or(UpdateDataError::NotFound)?;
        self.write_data(held, changes, None).await?;
        Ok(())
    }

    async fn touch(&self, value: &str, at: Timestamp) -> Result<(), StorageError> {
        if is_session(value) {
            self.redis.touch(value, at).await
        } else {
            self.sql.keys.touch(value, at).await
        }
    }

    async fn any_created(&self, from: Timestamp, until: Timestamp) -> Result<bool, StorageError> {
        self.sql.keys.any_created(from, until).await
    }

    async fn purge(&self, now: Timestamp, limit: u32) -> Result<u64, StorageError> {
        self.sql.keys.purge(now, limit).await
    }
}

impl Store {
    /// Records events that belong to no transaction.
    async fn append(&self, audit: &[AuditEvent]) -> Result<(), StorageError> {
        if audit.is_empty() { Ok(()) } else { self.sql.audit.append(audit).await }
    }

    /// The records of the sessions of a user that have ended.
    async fn ends_of(
        &self,
        user: &UserId,
    ) -> Result<std::collections::HashSet<String>, StorageError> {
        let (mut ends, mut last): (_, Option<Key>) = (std::collections::HashSet::new(), None);
        loop {
            let after = last.as_ref().map(KeyPosition::from);
            let kind = KeyPrefix::EndedSession;
            let page = self.sql.keys.list_for_user(Some(user), kind, after, PAGE).await?;
            let is_last = page.len() < PAGE as usize;
            last = page.last().cloned();
            ends.extend(page.into_iter().map(|record| record.value));
            if is_last {
                return Ok(ends);
            }
        }
    }
}
