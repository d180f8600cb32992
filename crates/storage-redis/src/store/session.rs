//! Sessions with their users.

use async_trait::async_trait;
use crossauth_core::key::Key;
use crossauth_core::storage::{
    CredentialVersion, KeyPlace, SessionStart, SessionStore, SessionUpdate, Started, StorageError,
    StoredSession, UpdateDataError, Updated,
};
use crossauth_core::user::{User, UserId};
use tokio::try_join;

use super::beginning::Beginning;
use super::{Store, end_value, is_session, no_epochs};
use crate::record::Held;
use crate::session::Owned;

/// How often a start whose caller has verified no credentials is repeated because they change.
const ATTEMPTS: usize = 10;

#[async_trait]
impl SessionStore for Store {
    async fn find(&self, value: &str) -> Result<Option<StoredSession>, StorageError> {
        if !is_session(value) {
            return self.sql.sessions.find(value).await;
        }
        let end = end_value(value);
        let Some(Held { key, .. }) = self.redis.find(value).await? else { return Ok(None) };
        let Some(id) = &key.userid else {
            let ended = self.sql.keys.find(&end).await?;
            return Ok(ended.is_none().then(|| StoredSession::anonymous(key)));
        };
        let Some((user, epoch)) = self.sql.sessions.find_user(id, &end).await? else {
            return Ok(None);
        };
        // Without one, an old session would be accepted.
        let epoch = epoch.ok_or_else(no_epochs)?;
        Ok(Some(StoredSession::of(key, user, Some(epoch))))
    }

    async fn find_user(
        &self,
        id: &UserId,
        end: &str,
    ) -> Result<Option<(User, Option<u64>)>, StorageError> {
        self.sql.sessions.find_user(id, end).await
    }

    async fn start(&self, start: SessionStart<'_>) -> Result<Started, StorageError> {
        let Some(id) = &start.key.userid else {
            return self.start_in_epoch(start, None).await;
        };
        if let Some(checked) = start.credentials {
            let CredentialVersion::Epoch(epoch) = checked else { return Err(no_epochs()) };
            return self.start_in_epoch(start, Some(Owned { owner: id, epoch: *epoch })).await;
        }
        for _ in 0..ATTEMPTS {
            let Some(stored) = self.sql.users.find_by_id(id).await? else {
                return Ok(Started::NoSuchUser);
            };
            let epoch = stored.epoch().ok_or_else(no_epochs)?;
            let started = self.start_in_epoch(start, Some(Owned { owner: id, epoch })).await?;
            if started != Started::CredentialsChanged {
                return Ok(started);
            }
        }
        Err(StorageError::unavailable("the credentials of a user keep changing"))
    }

    async fn update(&self, update: SessionUpdate<'_>) -> Result<Updated, UpdateDataError> {
        self.update_session(update).await
    }
}

impl Store {
    /// Finds a session that has not ended.
    pub(super) async fn find_session(&self, value: &str) -> Result<Option<Key>, StorageError> {
        let end = end_value(value);
        let (held, ended) = try_join!(self.redis.find(value), self.sql.keys.find(&end))?;
        Ok(held.filter(|_| ended.is_none()).map(|held| held.key))
    }

    /// Starts a session of a user in this credential epoch, or an anonymous one.
    async fn start_in_epoch(
        &self,
        start: SessionStart<'_>,
        owned: Option<Owned<'_>>,
    ) -> Result<Started, StorageError> {
        let key = Key { epoch: owned.map(|owned| owned.epoch), ..start.key.clone() };
        let beginning = self.prepare(vec![&key], start.replaces).await?;
        let started = self.commit(start, owned, &beginning).await;
        if let Ok(Started::Begun(_)) = started {
            self.confirm(&beginning, owned).await?;
        } else {
            self.cancel(&beginning).await;
        }
        started
    }

    /// Commits the part in SQL.
    async fn commit(
        &self,
        start: SessionStart<'_>,
        owned: Option<Owned<'_>>,
        beginning: &Beginning<'_>,
    ) -> Result<Started, StorageError> {
        let Some(replaced) = &beginning.replaced else {
            if start.must_replace {
                return Ok(Started::SessionGone);
            }
            return self.commit_with(start, owned, None).await;
        };
        match self.commit_with(start, owned, beginning.end_of_replaced()).await {
            Err(error) if error.is_conflict() && self.has_ended(replaced).await? => {
                if start.must_replace {
                    return Ok(Started::SessionGone);
                }
                self.commit_with(start, owned, None).await
            }
            outcome => outcome,
        }
    }

    async fn commit_with(
        &self,
        start: SessionStart<'_>,
        owned: Option<Owned<'_>>,
        end: Option<Key>,
    ) -> Result<Started, StorageError> {
        let place = KeyPlace::Elsewhere;
        let start = SessionStart { place, replaces: None, must_replace: false, ..start };
        let Some(Owned { epoch, .. }) = owned else {
            return self.commit_anonymous(start, end).await;
        };
        let (credentials, mut issue) = (CredentialVersion::Epoch(epoch), start.issue.to_vec());
        issue.extend(end);
        let credentials = Some(&credentials);
        self.sql.sessions.start(SessionStart { credentials, issue: &issue, ..start }).await
    }

    async fn commit_anonymous(
        &self,
        start: SessionStart<'_>,
        end: Option<Key>,
    ) -> Result<Started, StorageError> {
        match end {
            Some(end) => {
                // The replaced session may have had an owner who is gone.
                let end = Key { userid: None, ..end };
                self.record_once(&end, start.send, start.audit).await?;
                Ok(Started::Begun(None))
            }
            None if start.send.is_empty() && start.audit.is_empty() => Ok(Started::Begun(None)),
            None => self.sql.sessions.start(start).await,
        }
    }
}
