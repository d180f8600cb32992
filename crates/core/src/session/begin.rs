//! Beginning of sessions, of users or anonymous.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use super::client::Client;
use super::{Persistence, SessionId, Sessions};
use crate::audit::AuditEvent;
use crate::clock::Timestamp;
use crate::crypto::{StoredValue, random_token, stored_value};
use crate::key::{Key, KeyData, KeyPrefix, Owner, is_reserved_slot};
use crate::message::Message;
use crate::storage::{
    CredentialVersion, KeyPlace, SessionStart, Started, StorageError, UpdateDataError, Uses,
};
use crate::user::{Refusal, StateChecks, User};
use crate::visitor::Visitor;

/// Attempts to generate an unused session id.
pub(super) const ID_ATTEMPTS: usize = 10;

/// The session that a new one replaces.
#[derive(Debug, Clone, Copy)]
pub struct Replaced<'a> {
    id: &'a SessionId,
    data: Option<&'a KeyData>,
    of_user: bool,
}

impl<'a> Replaced<'a> {
    /// The session with this id and key, whose data can be carried over.
    pub fn new(id: &'a SessionId, key: &'a Key) -> Self {
        let of_user = key.userid.is_some();
        Self { id, data: Some(&key.data), of_user }
    }

    /// The id of a session of a user; `None` for an anonymous one.
    pub(crate) fn users_session(&self) -> Option<&'a SessionId> {
        self.of_user.then_some(self.id)
    }

    /// The data of the application in an anonymous session.
    pub(crate) fn application_data(&self) -> Map<String, Value> {
        let data = self.anonymous_data().and_then(|data| data.application_object().ok());
        data.unwrap_or_default()
    }

    /// What the user chose in the first step of the login that an anonymous session is for.
    pub(crate) fn chosen_persistence(&self) -> Option<Persistence> {
        self.anonymous_data().and_then(|data| Client::of(data).persistence())
    }

    /// The data of an anonymous session.
    fn anonymous_data(&self) -> Option<&'a KeyData> {
        self.data.filter(|_| !self.of_user)
    }

    /// The value of its key in storage.
    pub(crate) fn stored_value(&self) -> StoredValue {
        stored_value(KeyPrefix::Session, self.id.expose())
    }
}

impl<'a> From<&'a SessionId> for Replaced<'a> {
    /// The session with this id; its data is not carried over.
    fn from(id: &'a SessionId) -> Self {
        Self { id, data: None, of_user: false }
    }
}

/// How a user has logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum LoginKind {
    /// With all that the account demands.
    #[default]
    Complete,
    /// Without the second factor, on a [known device](crate::device). Such a login is not
    /// [fresh](crate::fresh_login::FreshLogin::is_fresh).
    KnownDevice,
}

/// Options of a new session.
#[derive(Default)]
pub struct BeginOptions<'a> {
    /// The session that ends when this one begins.
    pub replaces: Option<Replaced<'a>>,
    /// The verified credentials; the session does not begin if they have changed. `None` if none
    /// were verified.
    pub credentials: Option<&'a CredentialVersion>,
    /// Kinds of keys of the user that are deleted in the same transaction.
    pub revoke: &'a [KeyPrefix],
    /// Messages that are sent if the session begins.
    pub send: &'a [Message],
    /// Events that are recorded if the session begins. One about no account is about the user.
    pub audit: &'a [AuditEvent],
    /// Whether the session does not begin if the replaced one does not exist.
    pub must_replace: bool,
    /// What is used up; the session does not begin if any of it is used up already.
    pub uses: Option<&'a Uses>,
    /// Other keys of the user that are stored in the same transaction.
    pub issue: &'a [Key],
    /// When the session expires at the latest, from now on; `None` for the configured maximum only.
    pub lifetime: Option<Duration>,
    /// Whether the cookie outlives the browser; `None` for the configured default. The cookie of an
    /// anonymous session never does; the choice is recorded there for the session of the user.
    pub persist: Option<Persistence>,
    /// Whether the user has shown the second factor.
    pub login: LoginKind,
    /// The visitor whose session begins.
    pub visitor: Visitor<'a>,
    /// Initial data of the session.
    pub data: KeyData,
    /// Key columns of the application, besides those of
    /// [`Hooks::add_to_session`](crate::hooks::Hooks::add_to_session).
    pub extra: Map<String, Value>,
}

impl fmt::Debug for BeginOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BeginOptions").field("persist", &self.persist).finish_non_exhaustive()
    }
}

/// The outcome of beginning a session.
#[derive(Debug)]
pub enum Begun {
    /// The new session.
    Session(Box<NewSession>),
    /// There is no such user.
    NoSuchUser,
    /// The user's credentials have changed since they were verified.
    CredentialsChanged,
    /// The user's state does not allow it.
    Refused(Refusal),
    /// A code was used before.
    AlreadyUsed,
    /// The session that must be replaced does not exist.
    SessionGone,
}

/// A new session, to be sent to the browser.
#[non_exhaustive]
pub struct NewSession {
    /// The secret id.
    pub id: SessionId,
    /// The value of the session cookie.
    pub cookie: String,
    /// When the cookie expires; `None` when the browser closes.
    pub cookie_expires: Option<Timestamp>,
    /// The user; `None` in an anonymous session.
    pub user: Option<User>,
}

impl fmt::Debug for NewSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSession").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Sessions {
    /// Begins a session and ends the replaced one, in one transaction, which also checks the user's
    /// state and credentials.
    pub async fn begin(
        &self,
        owner: Owner<'_>,
        beginning: BeginOptions<'_>,
    ) -> Result<Begun, StorageError> {
        let replaces = beginning.replaces.map(|old| old.stored_value());
        let mut key = self.new_key(owner, &beginning);
        for _ in 0..ID_ATTEMPTS {
            let id = self.assign_id(&mut key);
            let start = SessionStart {
                key: &key,
                place: KeyPlace::Here,
                replaces: replaces.as_deref(),
                must_replace: beginning.must_replace,
                uses: beginning.uses,
                credentials: beginning.credentials,
                checks: StateChecks::ALL,
                revoke: beginning.revoke,
                issue: beginning.issue,
                send: beginning.send,
                audit: beginning.audit,
            };
            return Ok(match self.store.start(start).await {
                Ok(Started::Begun(user)) => {
                    Begun::Session(Box::new(self.new_session(id, &key, &beginning, user)))
                }
                Ok(Started::NoSuchUser) => Begun::NoSuchUser,
                Ok(Started::CredentialsChanged) => Begun::CredentialsChanged,
                Ok(Started::Refused(refusal)) => Begun::Refused(refusal),
                Ok(Started::AlreadyUsed) => Begun::AlreadyUsed,
                Ok(Started::SessionGone) => Begun::SessionGone,
                Err(error) if error.is_conflict() => continue,
                Err(error) => return Err(error),
            });
        }
        Err(StorageError::conflict("no free session id"))
    }

    /// Begins an anonymous session with data of the application. Its cookie does not outlive the
    /// browser.
    pub async fn begin_anonymous(
        &self,
        data: &Map<String, Value>,
    ) -> Result<NewSession, UpdateDataError> {
        let data = KeyData::for_application(data)?;
        let beginning = BeginOptions { data, ..BeginOptions::default() };
        match self.begin(Owner::Anonymous, beginning).await? {
            Begun::Session(session) => Ok(*session),
            Begun::NoSuchUser
            | Begun::CredentialsChanged
            | Begun::Refused(_)
            | Begun::AlreadyUsed
            | Begun::SessionGone => {
                let error = "the store reports a user of an anonymous session";
                Err(StorageError::bug(error).into())
            }
        }
    }

    /// Gives a key the value of a new id.
    pub(super) fn assign_id(&self, key: &mut Key) -> SessionId {
        let id = SessionId::new(&random_token(&*self.random));
        key.value = stored_value(KeyPrefix::Session, id.expose()).into();
        id
    }

    /// The key of a session that is about to begin, without its value.
    pub(super) fn new_key(&self, owner: Owner<'_>, beginning: &BeginOptions<'_>) -> Key {
        let userid = match owner {
            Owner::User(id) => Some(id.clone()),
            Owner::NewUser | Owner::Anonymous => None,
        };
        let mut key = Key::new("", userid, self.clock.now());
        let ages = [self.config.max_age, beginning.lifetime];
        key.expires = ages.into_iter().flatten().min().map(|age| key.created + age);
        if owner != Owner::Anonymous {
            key.lastactive = self.config.idle_timeout.map(|_| key.created);
        }
        key.data = self.initial_data(owner, beginning);
        let persist = match owner {
            // What the user chose for the session that follows.
            Owner::Anonymous => beginning.persist,
            Owner::User(_) | Owner::NewUser => {
                Some(beginning.persist.unwrap_or(self.config.persist))
            }
        };
        if persist.is_some() || beginning.visitor != Visitor::default() {
            let replaced = beginning.replaces.and_then(|old| old.data);
            let mut client = Client::new(beginning.visitor, replaced, persist);
            client.known_device = beginning.login == LoginKind::KnownDevice;
            key.data = client.write_to(key.data);
        }
        if let Some(add) = &self.hooks.add_to_session {
            key.extra = add(owner, beginning.visitor);
        }
        key.extra.extend(beginning.extra.clone());
        key
    }

    /// The initial data: as given, or carried over from an anonymous session at login.
    fn initial_data(&self, owner: Owner<'_>, beginning: &BeginOptions<'_>) -> KeyData {
        let anonymous = beginning.replaces.and_then(|old| old.anonymous_data());
        match (&self.hooks.carry_over, anonymous) {
            (Some(carry_over), Some(data)) if owner != Owner::Anonymous => {
                // Invalid data must not make a login fail.
                let mut kept = data.application_object().map(&**carry_over).unwrap_or_default();
                kept.retain(|name, _| !is_reserved_slot(name));
                kept.extend(beginning.data.object().unwrap_or_default());
                KeyData::from_object(&kept)
            }
            _ => beginning.data.clone(),
        }
    }

    pub(super) fn new_session(
        &self,
        id: SessionId,
        key: &Key,
        beginning: &BeginOptions<'_>,
        user: Option<Box<User>>,
    ) -> NewSession {
        let persist = match user {
            Some(_) => {
                let recorded = || Client::of(&key.data).persistence();
                beginning.persist.or_else(recorded).unwrap_or(self.config.persist)
            }
            None => Persistence::UntilBrowserCloses,
        };
        let cookie_expires = match persist {
            Persistence::Persistent => key.expires,
            Persistence::UntilBrowserCloses => None,
        };
        let cookie = self.signer.sign_token(id.expose());
        NewSession { id, cookie, cookie_expires, user: user.map(|user| *user) }
    }
}
