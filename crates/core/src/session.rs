//! Sessions: beginning one, checking the cookie of one, keeping data in one, ending one.
//!
//! The cookie holds a signed random id; storage holds only a hash of the id. Checking a cookie
//! takes one storage round trip, in which key, expiry, idle time, user and user state come
//! together.

mod activity;
mod id;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::clock::{Clock, Timestamp};
use crate::cookie::SESSION_MAX_AGE;
use crate::crypto::{Signer, random_token, stored_value};
use crate::housekeeping::Housekeeping;
use crate::key::{DataChange, Key, KeyData, KeyPrefix};
use crate::random::Random;
use crate::storage::{
    KeyStore, SessionStart, SessionStore, Started, Storage, StorageError, UpdateDataError,
};
use crate::user::{Refusal, StateChecks, User, UserId};
use activity::Activity;
pub use id::SessionId;

/// How often an id that happens to be taken is drawn anew.
const ID_ATTEMPTS: usize = 10;

/// Decides whether a session may go on, from its key; for sessions that the application ended in
/// a way of its own.
pub type SessionFilter = Arc<dyn Fn(&Key) -> bool + Send + Sync>;

/// How long sessions live.
#[derive(Clone)]
pub struct SessionConfig {
    /// Time from login to forced end; `None` for no end. Activity does not prolong it.
    pub max_age: Option<Duration>,
    /// Time without a request after which a user's session ends; `None` for no such end. A use is
    /// recorded at most once in a tenth of it, so that a session may end that much early.
    pub idle_timeout: Option<Duration>,
    /// Whether cookies outlive the browser when the login does not say.
    pub persist: Persistence,
    /// A further check of the application's own.
    pub filter: Option<SessionFilter>,
}

impl Default for SessionConfig {
    /// 30 days, no idle time-out, persistent cookies, no filter.
    fn default() -> Self {
        Self {
            max_age: Some(SESSION_MAX_AGE),
            idle_timeout: None,
            persist: Persistence::Persistent,
            filter: None,
        }
    }
}

impl fmt::Debug for SessionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionConfig")
            .field("max_age", &self.max_age)
            .field("idle_timeout", &self.idle_timeout)
            .field("persist", &self.persist)
            .field("filter", &self.filter.is_some())
            .finish()
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

/// A session whose cookie was checked just now.
#[derive(Debug, Clone)]
pub struct Session {
    /// What its holder knows.
    pub id: SessionId,
    /// Its stored key.
    pub key: Key,
    /// Who is logged in; `None` in an anonymous session.
    pub user: Option<User>,
}

/// A session that has just begun, to be handed to the browser.
pub struct NewSession {
    /// What its holder knows.
    pub id: SessionId,
    /// The value of the session cookie.
    pub cookie: String,
    /// When the cookie expires; `None` when the browser closes.
    pub cookie_expires: Option<Timestamp>,
    /// Who is logged in; `None` in an anonymous session.
    pub user: Option<User>,
}

impl fmt::Debug for NewSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSession").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What a login brings to the session that it begins.
#[derive(Default)]
pub struct Beginning<'a> {
    /// The session that ends with it.
    pub replaces: Option<&'a SessionId>,
    /// The password hash that was checked; the session does not begin if it changed meanwhile.
    pub password: Option<&'a str>,
    /// Whether the cookie outlives the browser; `None` for the configured default.
    pub persist: Option<Persistence>,
    /// The application's own key columns.
    pub extra: Map<String, Value>,
}

impl fmt::Debug for Beginning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beginning").field("persist", &self.persist).finish_non_exhaustive()
    }
}

/// Why a session cookie is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SessionRefused {
    /// It was not signed by us.
    #[error("the cookie is not signed by this server")]
    Signature,
    /// There is no such session, or its user is gone.
    #[error("there is no such session")]
    Unknown,
    /// The session is too old or was idle for too long.
    #[error("the session has expired")]
    Expired,
    /// The application's filter turned it away.
    #[error("the session was refused by the application")]
    Filtered,
    /// The user's state turned it away.
    #[error(transparent)]
    State(#[from] Refusal),
    /// The store failed: nothing is known about the session.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Begins, checks and ends sessions.
pub struct Sessions {
    store: Arc<dyn SessionStore>,
    keys: Arc<dyn KeyStore>,
    signer: Arc<Signer>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    activity: Activity,
    housekeeping: Arc<Housekeeping>,
    config: SessionConfig,
}

impl Sessions {
    pub(crate) fn new(
        storage: &Storage,
        housekeeping: Arc<Housekeeping>,
        signer: Arc<Signer>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        config: SessionConfig,
    ) -> Self {
        Self {
            store: storage.sessions.clone(),
            keys: storage.keys.clone(),
            activity: Activity::new(storage.keys.clone()),
            housekeeping,
            signer,
            clock,
            random,
            config,
        }
    }

    /// The session that a cookie stands for, with one storage round trip.
    pub async fn check(&self, cookie: &str) -> Result<Session, SessionRefused> {
        let id = self.signer.unsign_token(cookie).map_err(|_| SessionRefused::Signature)?;
        let value = stored_value(KeyPrefix::Session, id);
        let stored = self.store.find(&value).await?.ok_or(SessionRefused::Unknown)?;
        let (key, user) = stored.admit(StateChecks::ALL)?;
        let now = self.clock.now();
        if key.is_expired(now) || self.is_idle(&key, now) {
            return Err(SessionRefused::Expired);
        }
        if self.config.filter.as_ref().is_some_and(|filter| !filter(&key)) {
            return Err(SessionRefused::Filtered);
        }
        self.note_use(&key, now);
        Ok(Session { id: SessionId::new(id), key, user })
    }

    fn is_idle(&self, key: &Key, now: Timestamp) -> bool {
        match self.config.idle_timeout {
            Some(timeout) if key.userid.is_some() => {
                now.since(key.lastactive.unwrap_or(key.created)) >= timeout
            }
            _ => false,
        }
    }

    fn note_use(&self, key: &Key, now: Timestamp) {
        let Some(timeout) = self.config.idle_timeout else { return };
        let noted = key.lastactive.unwrap_or(key.created);
        if key.userid.is_some() && now.since(noted) >= timeout / 10 {
            self.activity.note(key.value.clone(), now);
        }
    }

    /// Begins the session of a user who proved who they are. `None` if they are gone or their
    /// password was changed since it was checked.
    pub async fn begin(
        &self,
        user: User,
        beginning: Beginning<'_>,
    ) -> Result<Option<NewSession>, StorageError> {
        let persist = beginning.persist.unwrap_or(self.config.persist);
        let replaces = beginning.replaces.map(|id| stored_value(KeyPrefix::Session, id.expose()));
        for _ in 0..ID_ATTEMPTS {
            let (id, mut key) = self.draw(Some(user.id.clone()), beginning.extra.clone());
            key.lastactive = self.config.idle_timeout.map(|_| key.created);
            let started = self
                .store
                .start(SessionStart {
                    key: &key,
                    replaces: replaces.as_deref(),
                    password: beginning.password,
                })
                .await;
            match started {
                Ok(Started::Yes) => return Ok(Some(self.hand_out(id, &key, persist, Some(user)))),
                Ok(Started::CredentialsChanged) => return Ok(None),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
        Err(StorageError::conflict("no free session id"))
    }

    /// Begins a session of nobody in particular, to keep `data` in; its cookie is never
    /// persistent.
    pub async fn begin_anonymous(
        &self,
        data: &Map<String, Value>,
    ) -> Result<NewSession, StorageError> {
        for _ in 0..ID_ATTEMPTS {
            let (id, mut key) = self.draw(None, Map::new());
            key.data = KeyData::from_object(data);
            match self.keys.insert(&key).await {
                Ok(()) => {
                    return Ok(self.hand_out(id, &key, Persistence::UntilBrowserCloses, None));
                }
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
        Err(StorageError::conflict("no free session id"))
    }

    fn draw(&self, userid: Option<UserId>, extra: Map<String, Value>) -> (SessionId, Key) {
        self.housekeeping.start();
        let id = SessionId::new(&random_token(&*self.random));
        let value = stored_value(KeyPrefix::Session, id.expose());
        let mut key = Key::new(&*value, userid, self.clock.now());
        key.expires = self.config.max_age.map(|age| key.created + age);
        key.extra = extra;
        (id, key)
    }

    fn hand_out(
        &self,
        id: SessionId,
        key: &Key,
        persist: Persistence,
        user: Option<User>,
    ) -> NewSession {
        let cookie = self.signer.sign_token(id.expose());
        let cookie_expires = match persist {
            Persistence::Persistent => key.expires,
            Persistence::UntilBrowserCloses => None,
        };
        NewSession { id, cookie, cookie_expires, user }
    }

    /// Ends a session. Its cookie is void from now on; nothing happens if it was so already.
    pub async fn end(&self, id: &SessionId) -> Result<(), StorageError> {
        self.keys.delete(&stored_value(KeyPrefix::Session, id.expose())).await?;
        Ok(())
    }

    /// Ends all sessions of a user but `except`. Returns how many ended.
    pub async fn end_all_for_user(
        &self,
        userid: &UserId,
        except: Option<&SessionId>,
    ) -> Result<u64, StorageError> {
        let except = except.map(|id| stored_value(KeyPrefix::Session, id.expose()));
        self.keys
            .delete_all_for_user(Some(userid), KeyPrefix::Session.as_str(), except.as_deref())
            .await
    }

    /// Makes all `changes` to a session's data, or none.
    pub async fn update_data(
        &self,
        id: &SessionId,
        changes: &[DataChange],
    ) -> Result<(), UpdateDataError> {
        self.keys.update_data(&stored_value(KeyPrefix::Session, id.expose()), changes).await
    }
}
