//! Changes of the data of a session.

use std::time::Duration;

use crossauth_core::audit::AuditEvent;
use crossauth_core::crypto::stored_value;
use crossauth_core::key::{DataChange, Key, KeyData, KeyPrefix};
use crossauth_core::message::Message;
use crossauth_core::storage::{
    Change, Changed, Effects, Inserted, KeyPlace, NamedKey, SessionStart, SessionUpdate, Started,
    StorageError, UpdateDataError, Updated, Uses,
};
use crossauth_core::user::{StateChecks, UserId};

use super::{Store, gone_at};
use crate::record::Held;
use crate::session::Replaced;

/// How often a change is repeated because another one came first.
const ATTEMPTS: u32 = 200;

/// How long a change waits at most before it is repeated.
const MAX_PAUSE: Duration = Duration::from_millis(20);

/// Nothing is checked: the state of a user does not matter for a change of data.
const NO_CHECKS: StateChecks = StateChecks { active: false, email_verified: false };

/// The part of a change in SQL.
struct Part<'a> {
    /// The record that what was expected is completed, if the change completes it.
    completion: Option<Key>,
    uses: Option<(&'a UserId, &'a Uses)>,
    send: &'a [Message],
    audit: &'a [AuditEvent],
}

impl Store {
    /// Commits the part in SQL, then changes the data in Redis. What is expected and gone after the
    /// change is recorded in SQL as completed, so that it works once even if Redis loses the change.
    pub(super) async fn update_session(
        &self,
        update: SessionUpdate<'_>,
    ) -> Result<Updated, UpdateDataError> {
        let SessionUpdate { session, changes, expects, uses, send, audit } = update;
        let held = self.redis.find(session).await?.ok_or(UpdateDataError::NotFound)?;
        let Some(data) = changed(&held.key.data, changes, expects)? else {
            return Ok(Updated::Unexpected);
        };
        let completed = expects.filter(|_| !matches!(data.has_text(expects), Ok(true)));
        let completion = completed.map(|step| completion_of(&held.key, step));
        match self.commit_part(Part { completion, uses, send, audit }, &held.key).await? {
            Updated::Done => {}
            refused @ (Updated::Unexpected | Updated::AlreadyUsed | Updated::NoSuchUser) => {
                return Ok(refused);
            }
        }
        self.write_data(held, changes, expects).await
    }

    /// Applies changes to the data of a session, if it is as expected.
    pub(super) async fn write_data(
        &self,
        mut held: Held,
        changes: &[DataChange],
        expects: Option<(&str, &str)>,
    ) -> Result<Updated, UpdateDataError> {
        for attempt in 0..ATTEMPTS {
            let Some(data) = changed(&held.key.data, changes, expects)? else {
                return Ok(Updated::Unexpected);
            };
            match self.redis.replace_data(&held, &data).await? {
                Replaced::Done => return Ok(Updated::Done),
                Replaced::NotFound => return Err(UpdateDataError::NotFound),
                Replaced::Changed => {}
            }
            tokio::time::sleep(MAX_PAUSE.min(Duration::from_millis(1) * attempt)).await;
            let found = self.redis.find(&held.key.value).await?;
            held = found.ok_or(UpdateDataError::NotFound)?;
        }
        Err(StorageError::unavailable("the data of a session keeps changing").into())
    }

    async fn commit_part(&self, part: Part<'_>, session: &Key) -> Result<Updated, StorageError> {
        let step = part.completion.clone();
        let outcome = match part.uses {
            Some((id, uses)) => self.commit_of_user(part, id, uses).await,
            None => self.commit_without_user(part, session).await,
        };
        match (outcome, step) {
            (Err(error), Some(step)) if error.is_conflict() => {
                match self.sql.keys.find(&step.value).await? {
                    Some(_) => Ok(Updated::Unexpected),
                    None => Err(error),
                }
            }
            (outcome, _) => outcome,
        }
    }

    async fn commit_of_user(
        &self,
        part: Part<'_>,
        id: &UserId,
        uses: &Uses,
    ) -> Result<Updated, StorageError> {
        let Part { completion, uses: _, send, audit } = part;
        let issue = completion.as_slice();
        let effects = Effects { uses: Some(uses), issue, send, audit, ..Effects::default() };
        match self.sql.users.change(id, &Change { effects, ..Change::default() }).await? {
            Changed::Done(_) | Changed::DoneUnreadable => Ok(Updated::Done),
            Changed::NoSuchUser => Ok(Updated::NoSuchUser),
            Changed::AlreadyUsed => Ok(Updated::AlreadyUsed),
            other @ (Changed::NotAllowed
            | Changed::GuardFailed
            | Changed::LastAdmin
            | Changed::TokenGone
            | Changed::SessionGone
            | Changed::UsernameTaken
            | Changed::EmailTaken) => {
                Err(StorageError::bug(format!("a change without condition was refused: {other:?}")))
            }
        }
    }

    async fn commit_without_user(
        &self,
        part: Part<'_>,
        session: &Key,
    ) -> Result<Updated, StorageError> {
        let Part { completion, uses: _, send, audit } = part;
        if let Some(completion) = completion {
            self.record_once(&completion, send, audit).await?;
        } else if !send.is_empty() || !audit.is_empty() {
            let start = SessionStart {
                key: &Key::new(&session.value, None, session.created),
                place: KeyPlace::Elsewhere,
                replaces: None,
                must_replace: false,
                uses: None,
                credentials: None,
                checks: NO_CHECKS,
                revoke: &[],
                issue: &[],
                send,
                audit,
            };
            let started = self.sql.sessions.start(start).await?;
            debug_assert_eq!(started, Started::Begun(None), "nothing is checked");
        }
        Ok(Updated::Done)
    }

    /// Stores a record without owner, whose value is unique, with messages and events.
    pub(super) async fn record_once(
        &self,
        record: &Key,
        send: &[Message],
        audit: &[AuditEvent],
    ) -> Result<(), StorageError> {
        let named = NamedKey {
            key: record,
            kind: KeyPrefix::CompletedStep,
            max: u32::MAX,
            credentials: None,
            checks: NO_CHECKS,
            send,
            audit,
        };
        match self.sql.keys.insert_named(named).await? {
            Inserted::Done => Ok(()),
            refused @ (Inserted::NameTaken
            | Inserted::TooMany
            | Inserted::NoSuchUser
            | Inserted::CredentialsChanged
            | Inserted::Refused(_)) => {
                Err(StorageError::bug(format!("a key without owner was refused: {refused:?}")))
            }
        }
    }
}

/// The data after changes; `None` if it is not as expected.
fn changed(
    data: &KeyData,
    changes: &[DataChange],
    expects: Option<(&str, &str)>,
) -> Result<Option<KeyData>, UpdateDataError> {
    if data.has_text(expects)? { Ok(Some(data.changed(changes)?)) } else { Ok(None) }
}

/// The record that what waited in a session at a path is completed.
fn completion_of(session: &Key, (path, text): (&str, &str)) -> Key {
    let step = format!("{} {path} {text}", session.value);
    let value = stored_value(KeyPrefix::CompletedStep, &step);
    Key { expires: Some(gone_at(session)), ..Key::new(value, None, session.created) }
}
