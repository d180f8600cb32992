//! One event: what is stored, and how its personal data is kept apart.

use serde_json::{Map, Value};

use super::Act;
use crate::caller::{Actor, Caller};
use crate::clock::Timestamp;
use crate::crypto::{hash, random_token};
use crate::random::Random;
use crate::storage::{StorageError, StorageErrorKind, StoredUser, UserStore};
use crate::user::{User, UserId};

/// Maximum length of a recorded text of a client, in characters.
const MAX_TEXT: usize = 300;

/// An event of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Identifies the event. Ids are ordered by time, to the millisecond.
    pub id: String,
    /// When it happened.
    pub created: Timestamp,
    /// What was done, or refused.
    pub act: Act,
    /// Who acted.
    pub actor: Actor,
    /// The account that it is about.
    pub userid: Option<UserId>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// More about the act, without personal data and without secrets.
    pub detail: Map<String, Value>,
    /// Personal data of the actor: `username`, `address`, `userAgent`.
    pub origin: Personal,
    /// Personal data of the account that it is about: `username` and others.
    pub about: Personal,
}

/// Personal data of an event, which can be erased.
///
/// The hash chain has only its digest, so that it can be verified without the data. A random salt
/// beside the data, which is erased with it, keeps the digest from revealing anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Personal {
    digest: String,
    text: Option<String>,
}

impl Personal {
    /// Personal data with a salt; without data, nothing is stored.
    pub fn new(mut data: Map<String, Value>, salt: &str) -> Self {
        if data.is_empty() {
            return Self::default();
        }
        data.insert("salt".to_owned(), salt.into());
        let text = Value::Object(data).to_string();
        Self { digest: hash(&text), text: Some(text) }
    }

    /// For stores: personal data from its parts.
    pub fn from_parts(digest: String, text: Option<String>) -> Self {
        Self { digest, text }
    }

    /// The digest of the data, which stays when the data is erased; empty if there was none.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The data as JSON; `None` if there was none or it was erased.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// The data, without the salt.
    pub fn data(&self) -> Map<String, Value> {
        let data = self.text.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let mut data: Map<String, Value> = data.unwrap_or_default();
        data.remove("salt");
        data
    }

    /// A text of the data.
    pub fn get(&self, name: &str) -> Option<String> {
        self.data().get(name)?.as_str().map(str::to_owned)
    }

    /// Whether the data was erased.
    pub fn is_erased(&self) -> bool {
        !self.digest.is_empty() && self.text.is_none()
    }

    /// Whether the data is that of the digest, or erased.
    pub fn is_intact(&self) -> bool {
        self.text.as_deref().is_none_or(|text| hash(text) == self.digest)
    }

    /// Removes the data and keeps its digest.
    pub fn erase(&mut self) {
        self.text = None;
    }
}

/// Whether an act happens although it cannot be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// An act that cannot be recorded does not happen.
    Required,
    /// The act happens, and the event is lost except in the log.
    BestEffort,
}

/// An event that is about to be stored, with the act or on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// The event.
    pub entry: AuditEntry,
    /// Whether the act happens although the event cannot be stored.
    pub recording: Recording,
    /// The salt of the personal data of the account.
    salt: String,
}

impl AuditEvent {
    /// An event of `caller`.
    pub(super) fn new(
        act: Act,
        caller: Caller,
        now: Timestamp,
        random: &dyn Random,
        recording: Recording,
    ) -> Self {
        let Caller { actor, username, address, user_agent, request_id } = caller;
        let origin = [
            ("username", username),
            ("address", address.map(|address| address.to_string())),
            ("userAgent", user_agent.map(|text| shortened(&text))),
        ];
        let origin =
            origin.into_iter().filter_map(|(name, text)| Some((name.into(), text?.into())));
        let (id, salt) = (id(now, random), random_token(random));
        let entry = AuditEntry {
            id,
            created: now,
            act,
            actor,
            userid: None,
            request_id,
            detail: Map::new(),
            origin: Personal::new(origin.collect(), &salt),
            about: Personal::default(),
        };
        Self { entry, recording, salt: random_token(random) }
    }

    /// For tests of stores: an event with this entry.
    pub fn of(entry: AuditEntry, recording: Recording) -> Self {
        Self { entry, recording, salt: String::new() }
    }

    /// Names the account that it is about.
    #[must_use]
    pub fn about(self, user: &User) -> Self {
        self.on(&user.id).naming(&user.username)
    }

    /// Names an account that has not been checked yet.
    #[must_use]
    pub(crate) fn about_stored(self, user: &StoredUser) -> Self {
        self.on(user.id()).naming(user.username())
    }

    /// Names an account that is being created. The store adds its id.
    #[must_use]
    pub(crate) fn naming(self, username: &str) -> Self {
        self.personal("username", username.into())
    }

    /// Names the account with this id: by its username too, unless its row cannot be decoded.
    pub(crate) async fn about_id(
        self,
        id: &UserId,
        users: &dyn UserStore,
    ) -> Result<Self, StorageError> {
        match users.find_by_id(id).await {
            Ok(Some(found)) => Ok(self.about_stored(&found)),
            Ok(None) => Ok(self.on(id)),
            Err(error) if error.kind == StorageErrorKind::BadRow => Ok(self.on(id)),
            Err(error) => Err(error),
        }
    }

    /// Names the account that it is about by its id alone.
    #[must_use]
    pub fn on(mut self, user: &UserId) -> Self {
        self.entry.userid = Some(user.clone());
        self
    }

    /// Adds personal data of the account that it is about.
    #[must_use]
    pub fn personal(mut self, name: &str, value: Value) -> Self {
        let mut data = self.entry.about.data();
        data.insert(name.to_owned(), value);
        self.entry.about = Personal::new(data, &self.salt);
        self
    }

    /// Adds to what is known about the act: no personal data and no secrets.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.entry.detail.insert(name.to_owned(), value.into());
        self
    }
}

pub(super) fn shortened(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

/// An id that is ordered by time.
fn id(now: Timestamp, random: &dyn Random) -> String {
    format!("{}{}", id_prefix(now), random_token(random))
}

/// How the ids of a millisecond begin.
fn id_prefix(time: Timestamp) -> String {
    format!("{:012x}", time.as_millis().clamp(0, 0xffff_ffff_ffff))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    fn event() -> AuditEvent {
        let caller = Caller {
            actor: Actor::Anonymous,
            address: Some([203, 0, 113, 9].into()),
            user_agent: Some("x".repeat(10_000)),
            ..Caller::default()
        };
        let now = Timestamp::from_millis(1_767_225_600_123);
        AuditEvent::new(Act::LoginFailed, caller, now, &SystemRandom, Recording::BestEffort)
    }

    #[test]
    fn erased_data_keeps_its_digest() {
        let AuditEntry { mut origin, .. } = event().entry;
        assert_eq!(origin.get("address").as_deref(), Some("203.0.113.9"));
        assert_eq!(origin.get("userAgent").map(|text| text.len()), Some(MAX_TEXT));
        assert!(origin.is_intact() && !origin.is_erased());
        let digest = origin.digest().to_owned();
        origin.erase();
        assert!(origin.is_intact() && origin.is_erased());
        assert_eq!((origin.digest(), origin.get("address")), (digest.as_str(), None));
        assert!(!Personal::default().is_erased());
    }

    #[test]
    fn digests_of_equal_data_differ() {
        assert_ne!(event().entry.origin.digest(), event().entry.origin.digest());
    }

    #[test]
    fn ids_are_ordered_by_time() {
        let ids = [0, 1, 255, 256, 1_767_225_600_123, i64::MAX]
            .map(|millis| id(Timestamp::from_millis(millis), &SystemRandom));
        assert!(ids.is_sorted(), "{ids:?}");
        assert!(id_prefix(Timestamp::from_millis(-5)) == id_prefix(Timestamp::from_millis(0)));
    }
}
