//! The sessions of a user, for themselves or an administrator.

use std::net::IpAddr;

use super::client::Client;
use super::{Session, Sessions, last_use};
use crate::audit::{Act, AuditEvent};
use crate::clock::Timestamp;
use crate::crypto::{equal, hash};
use crate::key::{Key, KeyPrefix};
use crate::storage::{StorageError, StorageErrorKind};
use crate::user::UserId;

/// Maximum number of listed sessions; older ones are left out.
const MAX_LISTED: u32 = 500;

/// A session of a user in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedSession {
    /// Identifies the session in this list. It is a digest, and no credential.
    pub id: String,
    /// Whether it is the session that asks.
    pub current: bool,
    /// When it began.
    pub created: Timestamp,
    /// When it was last used; up to an hour may be missing.
    pub last_active: Timestamp,
    /// When it expires; `None` for never.
    pub expires: Option<Timestamp>,
    /// The device on which it began, such as `Firefox on Linux`, if known.
    pub device: Option<String>,
    /// The network address from which it began, if known.
    pub address: Option<IpAddr>,
}

/// The outcome of ending a listed session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedSession {
    /// Another session of the user has ended.
    Other,
    /// The session that asks has ended.
    Current,
    /// The user has no session with this id.
    NotFound,
}

impl Sessions {
    /// The live sessions of the user of `session`, the newest first, at most 500. Empty for an
    /// anonymous session.
    pub async fn list(&self, session: &Session) -> Result<Vec<ListedSession>, StorageError> {
        let keys = self.keys_beside(session).await?;
        Ok(keys.iter().map(|key| listed(key, Some(session))).collect())
    }

    /// Ends the session with this [id](ListedSession::id), if it belongs to the user of `session`.
    pub async fn end_listed(
        &self,
        session: &Session,
        id: &str,
    ) -> Result<EndedSession, StorageError> {
        let found = find(self.keys_beside(session).await?, id);
        let Some(key) = found else { return Ok(EndedSession::NotFound) };
        // Of concurrent requests, each that found it reports that it has ended.
        let event = self.audit.event(Act::SessionEnded);
        let event = session.user.iter().fold(event, AuditEvent::about);
        self.keys.delete_recorded(&key.value, &[event]).await?;
        let current = key.value == session.key.value;
        Ok(if current { EndedSession::Current } else { EndedSession::Other })
    }

    /// The live sessions of a user, for an administrator: the newest first, at most 500. None of them
    /// is the current one.
    pub async fn list_of(&self, user: &UserId) -> Result<Vec<ListedSession>, StorageError> {
        let keys = self.keys_of(user).await?;
        Ok(keys.iter().map(|key| listed(key, None)).collect())
    }

    /// Ends the session of a user with this [id](ListedSession::id), for an administrator; returns
    /// whether there was one.
    pub async fn end_listed_of(&self, user: &UserId, id: &str) -> Result<bool, StorageError> {
        match find(self.keys_of(user).await?, id) {
            Some(key) => {
                let event = self.audit.event(Act::UserSessionsEnded).detail("count", 1);
                let event = event.about_id(user, &*self.users).await?;
                self.keys.delete_recorded(&key.value, &[event]).await
            }
            None => Ok(false),
        }
    }

    /// The keys of the live sessions of a user.
    async fn keys_of(&self, user: &UserId) -> Result<Vec<Key>, StorageError> {
        let epoch = match self.users.find_by_id(user).await {
            Ok(None) => return Ok(Vec::new()),
            Ok(Some(found)) => found.epoch(),
            // Sessions of an account whose row cannot be decoded are not live, and can be ended.
            Err(error) if error.kind == StorageErrorKind::BadRow => None,
            Err(error) => return Err(error),
        };
        self.live_keys(user, epoch).await
    }

    /// The keys of the live sessions of the user of `session`.
    async fn keys_beside(&self, session: &Session) -> Result<Vec<Key>, StorageError> {
        let Some(user) = &session.user else { return Ok(Vec::new()) };
        let mut live = self.live_keys(&user.id, session.key.epoch).await?;
        if !live.iter().any(|key| key.value == session.key.value) {
            live.push(session.key.clone());
        }
        Ok(live)
    }

    /// The keys of the sessions of a user that are neither expired nor idle and, where that is known,
    /// of the present credential epoch.
    async fn live_keys(&self, user: &UserId, epoch: Option<u64>) -> Result<Vec<Key>, StorageError> {
        let (prefix, now) = (KeyPrefix::Session, self.clock.now());
        let mut keys = self.keys.list_for_user(Some(user), prefix, None, MAX_LISTED).await?;
        // Sessions of an older epoch have ended, even if another engine still has them.
        let is_of_epoch = |key: &Key| epoch.is_none() || key.epoch == epoch;
        keys.retain(|key| is_of_epoch(key) && !key.is_expired(now) && !self.is_idle(key, now));
        Ok(keys)
    }
}

/// The key with this id in a list.
fn find(keys: Vec<Key>, id: &str) -> Option<Key> {
    keys.into_iter().find(|key| equal(list_id(key).as_bytes(), id.as_bytes()))
}

fn listed(key: &Key, session: Option<&Session>) -> ListedSession {
    let Client { device, address, .. } = Client::of(&key.data);
    ListedSession {
        id: list_id(key),
        current: session.is_some_and(|session| key.value == session.key.value),
        created: key.created,
        last_active: last_use(key),
        expires: key.expires,
        device,
        address,
    }
}

/// A digest of the stored value, which is itself a digest of the secret id.
fn list_id(key: &Key) -> String {
    hash(&key.value)
}
