//! Sessions: begin a session, authenticate its cookie, store data in it, end it.
//!
//! The cookie has a signed random id; storage has only a hash of the id. Authenticating a cookie
//! takes one storage round trip, which returns the key and the user together.
//!
//! ```
//! use crossauth_core::Auth;
//! use crossauth_core::session::SessionRefused;
//! use crossauth_core::user::User;
//!
//! /// The user of a session cookie; `None` if the session is anonymous or not valid.
//! async fn user_of(auth: &Auth, cookie: &str) -> Result<Option<User>, SessionRefused> {
//!     match auth.sessions.check(cookie).await {
//!         Ok(session) => Ok(session.user),
//!         // It is unknown whether the session exists: an error, not a log-out.
//!         Err(SessionRefused::Storage(error)) => Err(SessionRefused::Storage(error)),
//!         Err(_) => Ok(None),
//!     }
//! }
//! ```

mod begin;
mod client;
mod first;
mod id;
mod list;
mod rotate;
mod unreadable;

use std::sync::Arc;
use std::time::Duration;

use crate::activity::{Activity, Recorder};
use crate::audit::{Act, Audit};
use crate::clock::{Clock, Timestamp};
use crate::cookie::SESSION_MAX_AGE;
use crate::crypto::{Signer, stored_value};
use crate::deps::Deps;
use crate::hooks::{Hooks, SessionVerdict};
use crate::key::{CLOCK_SKEW, DataChange, Key, KeyPrefix};
use crate::random::Random;
use crate::storage::{
    AdmitError, KeyStore, SessionStore, StorageError, StorageErrorKind, UpdateDataError, UserStore,
};
use crate::user::{Refusal, StateChecks, User};
use crate::visitor::Visitor;
use client::Client;
use unreadable::Unreadable;

pub use begin::{BeginOptions, Begun, LoginKind, NewSession, Replaced};
pub(crate) use first::NewAccount;
pub use id::SessionId;
pub use list::{EndedSession, ListedSession};
pub(crate) use rotate::{With, updated};

/// How often the use of a session is recorded if there is no idle time-out: only for the list of
/// sessions.
const RECORD_INTERVAL: Duration = Duration::from_hours(1);

/// How long sessions live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionConfig {
    /// Maximum time from login to expiry; `None` for no limit. Activity does not extend it.
    pub max_age: Option<Duration>,
    /// Idle time after which a user's session expires; `None` for no limit. Use is recorded at most
    /// once per tenth of this time, so a session may expire that much earlier.
    pub idle_timeout: Option<Duration>,
    /// How long a login is [fresh](crate::fresh_login): the time in which users need not show the
    /// password again, nor the second factor, to administer accounts, and without a second factor not
    /// the password to set one up, to change the e-mail address or to create an API key.
    pub fresh_for: Duration,
    /// Whether cookies outlive the browser, unless the login specifies it.
    pub persist: Persistence,
}

impl Default for SessionConfig {
    /// 30 days, no idle time-out, logins that are fresh for 15 minutes, persistent cookies.
    fn default() -> Self {
        Self {
            max_age: Some(SESSION_MAX_AGE),
            idle_timeout: None,
            fresh_for: Duration::from_mins(15),
            persist: Persistence::Persistent,
        }
    }
}

/// Whether a session's cookie outlives the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// The cookie carries the session's expiry.
    Persistent,
    /// The browser forgets the cookie when it closes.
    UntilBrowserCloses,
}

/// An authenticated session.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Session {
    /// The secret id.
    pub id: SessionId,
    /// Its stored key.
    pub key: Key,
    /// The user; `None` in an anonymous session.
    pub user: Option<User>,
}

impl Session {
    /// Whether the cookie outlives the browser; `None` if that was not recorded.
    pub(crate) fn persistence(&self) -> Option<Persistence> {
        Client::of(&self.key.data).persistence()
    }

    /// How its user has logged in.
    pub(crate) fn login_kind(&self) -> LoginKind {
        let is_known = Client::of(&self.key.data).known_device;
        if is_known { LoginKind::KnownDevice } else { LoginKind::Complete }
    }
}

/// Why a session cookie is refused.
#[derive(Debug, thiserror::Error)]
pub enum SessionRefused {
    /// The cookie is not signed by this server.
    #[error("the cookie is not signed by this server")]
    Signature,
    /// There is no such session, or its user was deleted.
    #[error("there is no such session")]
    Unknown,
    /// The user's credentials changed, or their sessions were ended, after it began.
    #[error("the session began before the user's sessions were ended")]
    Outdated,
    /// The session has expired or was idle for too long.
    #[error("the session has expired")]
    Expired,
    /// The application's filter refused it.
    #[error("the session was refused by the application")]
    Filtered,
    /// The user's state does not allow it.
    #[error(transparent)]
    State(#[from] Refusal),
    /// The row of the session or its user cannot be decoded.
    #[error("the session cannot be read from storage")]
    Unreadable,
    /// The store failed: it is unknown whether the session exists.
    #[error(transparent)]
    Storage(StorageError),
}

impl From<AdmitError> for SessionRefused {
    fn from(reason: AdmitError) -> Self {
        match reason {
            AdmitError::Outdated => Self::Outdated,
            AdmitError::State(refusal) => Self::State(refusal),
        }
    }
}

/// Begins, authenticates and ends sessions.
pub struct Sessions {
    store: Arc<dyn SessionStore>,
    keys: Arc<dyn KeyStore>,
    audit: Arc<Audit>,
    users: Arc<dyn UserStore>,
    signer: Arc<Signer>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    hooks: Hooks,
    activity: Activity,
    unreadable: Unreadable,
    config: SessionConfig,
}

impl Sessions {
    pub(crate) fn new(deps: &Deps, config: SessionConfig) -> Self {
        Self {
            store: deps.storage.sessions.clone(),
            keys: deps.storage.keys.clone(),
            audit: deps.audit.clone(),
            users: deps.storage.users.clone(),
            signer: deps.signer.clone(),
            clock: deps.clock.clone(),
            random: deps.random.clone(),
            hooks: deps.hooks.clone(),
            activity: Activity::new(),
            unreadable: Unreadable::default(),
            config,
        }
    }

    /// Authenticates a session cookie, with one storage round trip.
    pub async fn check(&self, cookie: &str) -> Result<Session, SessionRefused> {
        self.find(self.read_id(cookie)?).await
    }

    /// The id in a session cookie that this server signed: the part of [`check`](Self::check) that
    /// needs no storage.
    pub fn read_id(&self, cookie: &str) -> Result<SessionId, SessionRefused> {
        let id = self.signer.unsign_token(cookie).map_err(|_| SessionRefused::Signature)?;
        Ok(SessionId::new(id))
    }

    /// The session with an id from a cookie: the rest of [`check`](Self::check).
    pub async fn find(&self, id: SessionId) -> Result<Session, SessionRefused> {
        self.find_for(id, Visitor::default()).await
    }

    /// Same as [`find`](Self::find), for a visitor that the hooks judge.
    pub async fn find_for(
        &self,
        id: SessionId,
        visitor: Visitor<'_>,
    ) -> Result<Session, SessionRefused> {
        let value = stored_value(KeyPrefix::Session, id.expose());
        let found = match self.store.find(&value).await {
            Ok(found) => found,
            Err(error) if error.kind == StorageErrorKind::BadRow => {
                if self.unreadable.is_first(&id) {
                    tracing::error!(session = id.digest(), %error, "cannot decode a session; it is refused");
                }
                return Err(SessionRefused::Unreadable);
            }
            Err(error) => return Err(SessionRefused::Storage(error)),
        };
        let (key, user) = found.ok_or(SessionRefused::Unknown)?.admit(StateChecks::ALL)?;
        let now = self.clock.now();
        if key.is_expired(now) || self.is_idle(&key, now) {
            self.delete_expired(&value).await;
            return Err(SessionRefused::Expired);
        }
        if self.hooks.session_filter.as_ref().is_some_and(|filter| !filter(&key)) {
            return Err(SessionRefused::Filtered);
        }
        if let Some(validate) = &self.hooks.validate_session
            && validate(&key, user.as_ref(), visitor) == SessionVerdict::Refused
        {
            return Err(SessionRefused::Filtered);
        }
        self.record_use(&key, now);
        Ok(Session { id, key, user })
    }

    /// Deletes an expired session: it must not be accepted again when the clock is set back.
    async fn delete_expired(&self, value: &str) {
        if let Err(error) = self.keys.delete(value).await {
            tracing::warn!(%error, "could not delete an expired session");
        }
    }

    /// A recorded use in the future counts as of now; [`Self::record_use`] corrects it.
    fn is_idle(&self, key: &Key, now: Timestamp) -> bool {
        match self.config.idle_timeout {
            Some(timeout) if key.userid.is_some() => now.since(last_use(key)) >= timeout,
            _ => false,
        }
    }

    fn record_use(&self, key: &Key, now: Timestamp) {
        let interval = self.config.idle_timeout.map_or(RECORD_INTERVAL, |timeout| timeout / 10);
        let recorded = last_use(key);
        let is_due = now.since(recorded) >= interval || recorded > now + CLOCK_SKEW;
        if key.userid.is_some() && is_due {
            self.activity.note(&key.value, now);
        }
    }

    /// The task that writes recorded uses to storage until this `Sessions` is dropped.
    pub(crate) fn recorder(&self) -> Recorder {
        self.activity.recorder(&self.keys)
    }

    /// Ends the session of a user who logs out. Ending an absent session is not an error.
    pub async fn log_out(&self, session: &Session) -> Result<(), StorageError> {
        let Some(user) = &session.user else { return self.end(&session.id).await };
        let event = self.audit.event(Act::LoggedOut).about(user);
        self.keys.delete_recorded(&session.key.value, &[event]).await?;
        Ok(())
    }

    /// Ends a session. Ending an absent session is not an error.
    pub async fn end(&self, id: &SessionId) -> Result<(), StorageError> {
        self.keys.delete(&stored_value(KeyPrefix::Session, id.expose())).await?;
        Ok(())
    }

    /// Applies all `changes` to the application's data in a session, or none. Changes to fields
    /// that belong to Crossauth are an error.
    pub async fn update_data(
        &self,
        id: &SessionId,
        changes: &[DataChange],
    ) -> Result<(), UpdateDataError> {
        for change in changes {
            change.check_for_application()?;
        }
        self.keys.update_data(&stored_value(KeyPrefix::Session, id.expose()), changes).await
    }
}

fn last_use(key: &Key) -> Timestamp {
    key.lastactive.unwrap_or(key.created)
}
