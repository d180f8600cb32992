//! API keys: long-lived credentials of programs, for a user or for the application itself.
//!
//! A key is shown once, as a token in upstream's signed format; storage has only a hash of its
//! secret. Checking a token takes one storage round trip, which returns the key and its owner
//! together. A key is refused if it has expired, and while the state of its owner does not allow
//! login. It outlives a change of the password by its owner. It is deleted with the account, and when the
//! password is reset by mail or set by an administrator.
//!
//! ```
//! use crossauth_core::Auth;
//! use crossauth_core::api_key::{ApiKeyError, NewApiKey};
//! use serde_json::{Map, json};
//!
//! /// A key of the application itself, with data and without an owner.
//! async fn key_for_backups(auth: &Auth) -> Result<String, ApiKeyError> {
//!     let data = Map::from_iter([("bucket".to_owned(), json!("nightly"))]);
//!     let scope = vec!["backup".to_owned()];
//!     let made = auth.api_keys.create(NewApiKey { scope, data, ..NewApiKey::new("backups") }).await?;
//!     Ok(made.token)
//! }
//! ```

mod create;
mod record;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::activity::{Activity, Recorder};
use crate::audit::{Act, Audit, AuditEvent};
use crate::caller::{Actor, Caller};
use crate::challenge::Challenges;
use crate::clock::{Clock, Timestamp};
use crate::crypto::{Signer, StoredValue, stored_value};
use crate::deps::Deps;
use crate::hooks::KeyScopes;
use crate::key::{CLOCK_SKEW, Key, KeyPrefix};
use crate::limit::{Limits, TooMany};
use crate::random::Random;
use crate::reauthentication::Reauthentication;
use crate::storage::{
    KeyPosition, KeyStore, SessionStore, StorageError, StorageErrorKind, UserStore,
};
use crate::user::{Refusal, StateChecks, User, UserId};
use crate::visitor::Visitor;

pub use create::{ApiKeyCreation, ApiKeyError, ApiKeyRequest, IssuedApiKey, NewApiKey};
use record::{api_key, key_id};

/// How often the use of a key is recorded.
const RECORD_INTERVAL: Duration = Duration::from_mins(1);

/// Maximum length of a token, in bytes. Those of upstream have about 140.
const MAX_TOKEN_LEN: usize = 1024;

/// Keys that are read at once from a list.
const PAGE: u32 = 100;

/// Whether users can have API keys, and what these may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyConfig {
    /// Whether requests with an API key are accepted, and users can create keys.
    pub enabled: bool,
    /// The scheme of the `Authorization` header (RFC 9110 section 11.4), compared without regard to
    /// case.
    pub scheme: String,
    /// The scopes that users can give to their keys; see also
    /// [`Hooks::key_scopes`](crate::hooks::Hooks::key_scopes).
    pub scopes: Vec<String>,
    /// The scope with which a key may change the profile of its owner. Users can give it, too. If
    /// not set, no key can.
    pub edit_user_scope: Option<String>,
    /// Maximum lifetime of a key that a user creates; `None` for no limit.
    pub max_lifetime: Option<Duration>,
    /// How many keys a user can have.
    pub max_per_user: u32,
}

impl Default for ApiKeyConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            scheme: "ApiKey".to_owned(),
            scopes: Vec::new(),
            edit_user_scope: None,
            max_lifetime: None,
            max_per_user: 50,
        }
    }
}

/// An API key, without its secret.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ApiKey {
    /// Identifies the key. It is a digest of a digest, and no credential.
    pub id: String,
    /// Its name, unique among the keys of its owner.
    pub name: String,
    /// The user for whom it stands; `None` for a key of the application.
    pub owner: Option<UserId>,
    /// What it may be used for.
    pub scope: Vec<String>,
    /// When it was created.
    pub created: Timestamp,
    /// When it expires; `None` for never.
    pub expires: Option<Timestamp>,
    /// When it was last used, to the minute; `None` for never, and in tables without a column for
    /// it.
    pub last_used: Option<Timestamp>,
    /// What the application stored with it.
    pub data: Map<String, Value>,
    /// The application's columns of the key.
    pub extra: Map<String, Value>,
}

impl ApiKey {
    /// Whether the key has a scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scope.iter().any(|own| own == scope)
    }
}

/// A valid API key and its owner.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CheckedApiKey {
    /// The key.
    pub key: ApiKey,
    /// Its owner; `None` for a key of the application.
    pub user: Option<User>,
}

/// Why an API key is refused.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyRefused {
    /// The token is not signed by this server.
    #[error("the API key is not signed by this server")]
    Signature,
    /// There is no such key: it was deleted, or its owner was.
    #[error("there is no such API key")]
    Unknown,
    /// The key has expired.
    #[error("the API key has expired")]
    Expired,
    /// The state of the owner does not allow it.
    #[error(transparent)]
    State(#[from] Refusal),
    /// Too many keys from this network did not exist.
    #[error("too many API keys were not valid")]
    TooMany {
        /// How long to wait.
        wait: Duration,
    },
    /// The row of the key or its owner cannot be decoded.
    #[error("the API key cannot be read from storage")]
    Unreadable,
    /// The store failed: it is unknown whether the key is valid.
    #[error(transparent)]
    Storage(StorageError),
}

/// Creates, checks, lists and deletes API keys.
pub struct ApiKeys {
    sessions: Arc<dyn SessionStore>,
    keys: Arc<dyn KeyStore>,
    users: Arc<dyn UserStore>,
    signer: Arc<Signer>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    audit: Arc<Audit>,
    limits: Arc<Limits>,
    activity: Activity,
    challenges: Arc<Challenges>,
    reauthentication: Arc<Reauthentication>,
    owner_scopes: Option<KeyScopes>,
    config: ApiKeyConfig,
}

impl ApiKeys {
    pub(crate) fn new(
        deps: &Deps,
        challenges: &Arc<Challenges>,
        reauthentication: &Arc<Reauthentication>,
        config: ApiKeyConfig,
    ) -> Self {
        Self {
            sessions: deps.storage.sessions.clone(),
            keys: deps.storage.keys.clone(),
            users: deps.storage.users.clone(),
            signer: deps.signer.clone(),
            clock: deps.clock.clone(),
            random: deps.random.clone(),
            audit: deps.audit.clone(),
            limits: deps.limits.clone(),
            activity: Activity::new(),
            challenges: challenges.clone(),
            reauthentication: reauthentication.clone(),
            owner_scopes: deps.hooks.key_scopes.clone(),
            config,
        }
    }

    /// The configuration.
    pub fn config(&self) -> &ApiKeyConfig {
        &self.config
    }

    /// Checks a token, with one storage round trip. Pass a refusal to [`refuse`](Self::refuse).
    pub async fn check(&self, token: &str) -> Result<CheckedApiKey, ApiKeyRefused> {
        self.find(self.read_token(token)?).await
    }

    /// The stored value of the key in a token that this server signed: the part of
    /// [`check`](Self::check) that needs no storage.
    pub fn read_token(&self, token: &str) -> Result<StoredValue, ApiKeyRefused> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(ApiKeyRefused::Signature);
        }
        let value = self.signer.unsign_value(token, |secret| {
            (!secret.is_empty()).then(|| stored_value(KeyPrefix::ApiKey, secret))
        });
        value.ok().flatten().ok_or(ApiKeyRefused::Signature)
    }

    /// The key with a value from a token: the rest of [`check`](Self::check).
    pub async fn find(&self, value: StoredValue) -> Result<CheckedApiKey, ApiKeyRefused> {
        let found = match self.sessions.find(&value).await {
            Ok(found) => found.ok_or(ApiKeyRefused::Unknown)?,
            Err(error) if error.kind == StorageErrorKind::BadRow => {
                tracing::error!(%error, "cannot decode an API key; it is refused");
                return Err(ApiKeyRefused::Unreadable);
            }
            Err(error) => return Err(ApiKeyRefused::Storage(error)),
        };
        let (key, user) = found.admit_in_any_epoch(StateChecks::ALL)?;
        let now = self.clock.now();
        if key.is_expired(now) {
            return Err(ApiKeyRefused::Expired);
        }
        self.record_use(&key, now);
        let mut key = api_key(key).ok_or(ApiKeyRefused::Unknown)?;
        if let (Some(user), Some(of_owner)) = (&user, &self.owner_scopes) {
            let allowed = of_owner(user);
            key.scope.retain(|scope| allowed.contains(scope));
        }
        Ok(CheckedApiKey { key, user })
    }

    /// Counts and records that the key of a visitor was refused, and returns the reason to answer
    /// with: keys that do not exist are limited for each network, and of its refusals one a minute is
    /// recorded. If the store fails, the reason stays.
    pub async fn refuse(&self, refused: ApiKeyRefused, visitor: Visitor<'_>) -> ApiKeyRefused {
        if matches!(refused, ApiKeyRefused::Storage(_)) {
            return refused;
        }
        self.audit.record_failed_key(visitor.network(), &refused.to_string()).await;
        if !matches!(refused, ApiKeyRefused::Signature | ApiKeyRefused::Unknown) {
            return refused;
        }
        match self.limits.charge(self.limits.api_key(visitor), None).await {
            Ok(Ok(_)) => refused,
            Ok(Err(TooMany { retry_at })) => {
                ApiKeyRefused::TooMany { wait: retry_at.since(self.clock.now()) }
            }
            Err(error) => {
                tracing::warn!(%error, "a refused API key is not counted");
                refused
            }
        }
    }

    /// The scopes that a user can give to keys.
    pub fn scopes_of(&self, user: &User) -> Vec<String> {
        if let Some(of_owner) = &self.owner_scopes {
            return of_owner(user);
        }
        let mut scopes = self.config.scopes.clone();
        scopes.extend(self.config.edit_user_scope.iter().cloned());
        distinct(scopes)
    }

    /// Whether a key may change the profile of its owner.
    pub fn may_edit_user(&self, key: &ApiKey) -> bool {
        self.config.edit_user_scope.as_ref().is_some_and(|scope| key.has_scope(scope))
    }

    /// Lists the valid keys of a user, or those without owner, the newest first.
    pub async fn list(&self, owner: Option<&UserId>) -> Result<Vec<ApiKey>, StorageError> {
        let now = self.clock.now();
        let keys = self.stored(owner).await?;
        Ok(keys.into_iter().filter(|key| !key.is_expired(now)).filter_map(api_key).collect())
    }

    /// Deletes a key of a user, or one without owner, by its id; returns it if it existed. It is
    /// refused from the next request on.
    pub async fn delete(
        &self,
        owner: Option<&UserId>,
        id: &str,
    ) -> Result<Option<ApiKey>, StorageError> {
        let keys = self.stored(owner).await?;
        let Some(key) = keys.into_iter().find(|key| key_id(&key.value) == id) else {
            return Ok(None);
        };
        let event = self.event((Act::ApiKeyDeleted, Act::UserApiKeyDeleted), owner, id).await?;
        if !self.keys.delete_recorded(&key.value, &[event]).await? {
            return Ok(None);
        }
        tracing::info!(user = owner.map(tracing::field::display), key = id, "API key deleted");
        Ok(api_key(key))
    }

    /// Deletes all keys of a user; returns how many.
    pub async fn delete_all(&self, owner: &UserId) -> Result<usize, StorageError> {
        let mut deleted = 0;
        for key in self.stored(Some(owner)).await? {
            let (acts, id) = ((Act::ApiKeyDeleted, Act::UserApiKeyDeleted), key_id(&key.value));
            let event = self.event(acts, Some(owner), &id).await?;
            deleted += usize::from(self.keys.delete_recorded(&key.value, &[event]).await?);
        }
        tracing::info!(user = %owner, deleted, "API keys deleted");
        Ok(deleted)
    }

    async fn stored(&self, owner: Option<&UserId>) -> Result<Vec<Key>, StorageError> {
        let mut all: Vec<Key> = Vec::new();
        loop {
            let after = all.last().map(KeyPosition::from);
            let page = self.keys.list_for_user(owner, KeyPrefix::ApiKey, after, PAGE).await?;
            let is_last = page.is_empty();
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
    }

    /// The event of the first act, or of the second if another than the owner makes it.
    async fn event(
        &self,
        acts: (Act, Act),
        owner: Option<&UserId>,
        id: &str,
    ) -> Result<AuditEvent, StorageError> {
        let is_of_others = match Caller::current().actor {
            Actor::Operator { .. } => true,
            Actor::User { id } => Some(&id) != owner,
            Actor::Application | Actor::System | Actor::Anonymous | Actor::ApiKey { .. } => false,
        };
        let event = self.audit.event(if is_of_others { acts.1 } else { acts.0 });
        let event = event.detail("key", id);
        match owner {
            Some(owner) => event.about_id(owner, &*self.users).await,
            None => Ok(event),
        }
    }

    fn record_use(&self, key: &Key, now: Timestamp) {
        let is_due = key.lastactive.is_none_or(|recorded| {
            now.since(recorded) >= RECORD_INTERVAL || recorded > now + CLOCK_SKEW
        });
        if is_due {
            self.activity.note(&key.value, now);
        }
    }

    /// The task that writes recorded uses to storage until this `ApiKeys` is dropped.
    pub(crate) fn recorder(&self) -> Recorder {
        self.activity.recorder(&self.keys)
    }
}

/// The texts in their order, each once.
fn distinct(texts: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    texts.into_iter().filter(|text| seen.insert(text.clone())).collect()
}
