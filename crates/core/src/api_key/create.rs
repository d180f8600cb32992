//! Creation of API keys, by the application or at the request of a user.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use super::record::{SCOPE_FIELD, api_key, key_id};
use super::{ApiKey, ApiKeys, distinct};
use crate::audit::Act;
use crate::challenge::Account;
use crate::clock::Timestamp;
use crate::crypto::{random_salt, random_token, stored_value};
use crate::directory::DirectoryError;
use crate::enrolment::Assurance;
use crate::key::{DataError, Key, KeyData, KeyPrefix, NAME_FIELD, PERMANENT};
use crate::message::{Message, MessageKind};
use crate::password::HashError;
use crate::reauthentication::PasswordRejection;
use crate::session::Session;
use crate::storage::{CredentialVersion, Inserted, NamedKey, StorageError};
use crate::user::{Refusal, StateChecks, User, UserId, is_blank, is_confusable};

/// Maximum length of the name of a key, in characters.
const MAX_NAME_LEN: usize = 100;

/// Maximum length of a scope, in characters.
const MAX_SCOPE_LEN: usize = 100;

/// Maximum number of scopes of a key.
const MAX_SCOPES: usize = 50;

/// Attempts to generate an unused secret.
const ATTEMPTS: usize = 3;

/// A key to create, for the application.
#[derive(Debug, Clone, PartialEq)]
pub struct NewApiKey<'a> {
    /// Its name, unique among the keys of its owner.
    pub name: &'a str,
    /// The user for whom it stands; `None` for a key of the application.
    pub owner: Option<&'a UserId>,
    /// How long it is valid; `None` for ever.
    pub lifetime: Option<Duration>,
    /// What it may be used for.
    pub scope: Vec<String>,
    /// Data of the application, found again in [`ApiKey::data`].
    pub data: Map<String, Value>,
    /// Values of the application's columns of keys.
    pub extra: Map<String, Value>,
}

impl<'a> NewApiKey<'a> {
    /// A key without owner, scope and data that never expires.
    pub fn new(name: &'a str) -> Self {
        let (data, extra) = (Map::new(), Map::new());
        Self { name, owner: None, lifetime: None, scope: Vec::new(), data, extra }
    }
}

/// A key that a user wants to create for themselves.
#[derive(Debug, Default)]
pub struct ApiKeyRequest<'a> {
    /// Its name.
    pub name: String,
    /// How long it is valid; `None` for as long as allowed.
    pub lifetime: Option<Duration>,
    /// What it may be used for, of [`ApiKeys::scopes_of`] the user.
    pub scope: Vec<String>,
    /// What the user has proved in this request.
    pub assurance: Assurance<'a>,
}

/// A key that was created. `Debug` is redacted.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct IssuedApiKey {
    /// The key.
    pub key: ApiKey,
    /// The secret token, which is never shown again.
    pub token: String,
}

impl fmt::Debug for IssuedApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedApiKey").field("key", &self.key).finish_non_exhaustive()
    }
}

/// The outcome of creating a key at the request of a user.
#[derive(Debug)]
pub enum ApiKeyCreation {
    /// The key was created.
    Created(Box<IssuedApiKey>),
    /// The second factor of the account must be confirmed; see
    /// [`Protection`](crate::protected::Protection).
    NeedsFactor,
    /// The login is not fresh: the password must be typed once more.
    NeedsPassword,
    /// The password is not accepted.
    Rejected(PasswordRejection),
    /// The session is anonymous or has ended, or the credentials were changed in this moment.
    NotLoggedIn,
}

/// Why a key was not created.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    /// The name is empty or longer than 100 characters, or has control or invisible characters.
    #[error("the name of a key must have 1 to 100 visible characters")]
    InvalidName,
    /// Another key of the owner has the name.
    #[error("another key has this name")]
    NameTaken,
    /// A scope is not one that the owner can give, or is not a scope (RFC 6749 section 3.3).
    #[error("the scope {0:?} is not available")]
    InvalidScope(String),
    /// The lifetime is zero or too long.
    #[error("the lifetime is zero or too long")]
    InvalidLifetime {
        /// The longest that is allowed.
        max: Duration,
    },
    /// The owner has as many keys as allowed.
    #[error("the owner has {max} keys, which is the limit")]
    TooMany {
        /// How many are allowed.
        max: u32,
    },
    /// The data is too long, or has fields that belong to Crossauth.
    #[error(transparent)]
    Data(#[from] DataError),
    /// There is no such owner.
    #[error("the owner of the key does not exist")]
    NoSuchUser,
    /// The state of the owner does not allow it.
    #[error(transparent)]
    State(#[from] Refusal),
    /// The password could not be checked.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The directory, which verifies the password of the account, cannot be asked.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl ApiKeys {
    /// Creates a key on behalf of the application, with any scope and lifetime. Its owner is notified
    /// by e-mail.
    pub async fn create(&self, new: NewApiKey<'_>) -> Result<IssuedApiKey, ApiKeyError> {
        let owner = match new.owner {
            Some(id) => Some(self.users.find_by_id(id).await?.ok_or(ApiKeyError::NoSuchUser)?),
            None => None,
        };
        let owner = owner.map(|stored| stored.regardless_of_state().0);
        self.store_unchecked(new, owner.as_ref()).await
    }

    /// Creates a key for a user at the request of an administrator: with scopes that the user can
    /// give, and a lifetime that is allowed. The user is notified by e-mail.
    ///
    /// The caller makes sure who asks, and that the login is fresh.
    pub async fn create_for(
        &self,
        user: &User,
        name: &str,
        lifetime: Option<Duration>,
        scope: Vec<String>,
    ) -> Result<IssuedApiKey, ApiKeyError> {
        self.store_unchecked(self.permitted(user, name, lifetime, scope)?, Some(user)).await
    }

    /// Stores a key without a condition on the credentials of its owner.
    async fn store_unchecked(
        &self,
        new: NewApiKey<'_>,
        owner: Option<&User>,
    ) -> Result<IssuedApiKey, ApiKeyError> {
        match self.store(new, owner, None).await? {
            Stored::Done(issued) => Ok(*issued),
            Stored::CredentialsChanged => Err(ApiKeyError::NoSuchUser),
        }
    }

    /// Creates a key at the request of the user of a session: with scopes that they can give, and a
    /// lifetime that is allowed. It needs the second factor of accounts that have one, otherwise a
    /// fresh login or the password. The user is notified by e-mail.
    pub async fn create_own(
        &self,
        session: &Session,
        request: ApiKeyRequest<'_>,
    ) -> Result<ApiKeyCreation, ApiKeyError> {
        let Some(user) = &session.user else { return Ok(ApiKeyCreation::NotLoggedIn) };
        let ApiKeyRequest { name, lifetime, scope, assurance } = request;
        let new = self.permitted(user, &name, lifetime, scope)?;
        let account = match self.assured_account(session, &user.id, assurance).await? {
            Ok(account) => account,
            Err(refused) => return Ok(refused),
        };
        match self.store(new, Some(&account.user), Some(&account.credentials)).await? {
            Stored::Done(issued) => Ok(ApiKeyCreation::Created(issued)),
            Stored::CredentialsChanged => Ok(ApiKeyCreation::NotLoggedIn),
        }
    }

    /// A key with scopes that its owner can give, and a lifetime that is allowed.
    fn permitted<'a>(
        &self,
        owner: &'a User,
        name: &'a str,
        lifetime: Option<Duration>,
        scope: Vec<String>,
    ) -> Result<NewApiKey<'a>, ApiKeyError> {
        let available = self.scopes_of(owner);
        if let Some(unavailable) = scope.iter().find(|scope| !available.contains(scope)) {
            return Err(ApiKeyError::InvalidScope(unavailable.clone()));
        }
        let lifetime = lifetime.or(self.config.max_lifetime);
        if let (Some(lifetime), Some(max)) = (lifetime, self.config.max_lifetime)
            && lifetime > max
        {
            return Err(ApiKeyError::InvalidLifetime { max });
        }
        Ok(NewApiKey { owner: Some(&owner.id), lifetime, scope, ..NewApiKey::new(name) })
    }

    /// The account of a session whose user has proved enough, or what is missing.
    async fn assured_account(
        &self,
        session: &Session,
        user: &UserId,
        assurance: Assurance<'_>,
    ) -> Result<Result<Account, ApiKeyCreation>, ApiKeyError> {
        let Some(account) = self.challenges.account(user).await? else {
            return Ok(Err(ApiKeyCreation::NotLoggedIn));
        };
        if account.user.factor2.is_some() {
            let is_confirmed = assurance.factor.is_some_and(|proof| proof.is_of(&account));
            let confirmed = is_confirmed.then_some(account);
            return Ok(confirmed.ok_or(ApiKeyCreation::NeedsFactor));
        }
        if self.reauthentication.is_fresh(session) {
            return Ok(Ok(account));
        }
        let Some(password) = assurance.password else {
            return Ok(Err(ApiKeyCreation::NeedsPassword));
        };
        let checked =
            self.reauthentication.check_account::<ApiKeyError>(&account, password).await?;
        Ok(checked.map_or(Ok(account), |why| Err(ApiKeyCreation::Rejected(why))))
    }

    async fn store(
        &self,
        mut new: NewApiKey<'_>,
        owner: Option<&User>,
        credentials: Option<&CredentialVersion>,
    ) -> Result<Stored, ApiKeyError> {
        let now = self.clock.now();
        new.scope = distinct(new.scope);
        let scope = new.scope.clone();
        let mut key = new_key(new, now)?;
        let max = self.config.max_per_user;
        for _ in 0..ATTEMPTS {
            let secret = random_token(&*self.random);
            key.value = stored_value(KeyPrefix::ApiKey, &secret).into();
            let (kind, checks) = (KeyPrefix::ApiKey, StateChecks::ALL);
            let acts = (Act::ApiKeyCreated, Act::UserApiKeyCreated);
            let id = key_id(&key.value);
            let event = self.event(acts, key.userid.as_ref(), &id).await?;
            let audit = &[event.detail("scope", scope.clone())];
            let notice = owner.map(|owner| self.notice(owner, &key, &scope)).transpose()?;
            let send = &notice.flatten().into_iter().collect::<Vec<_>>();
            let named = NamedKey { key: &key, kind, max, credentials, checks, send, audit };
            match self.keys.insert_named(named).await {
                Ok(Inserted::Done) => return Ok(Stored::Done(self.issued(key, secret, now)?)),
                Ok(Inserted::NameTaken) => return Err(ApiKeyError::NameTaken),
                Ok(Inserted::TooMany) => return Err(ApiKeyError::TooMany { max }),
                Ok(Inserted::NoSuchUser) => return Err(ApiKeyError::NoSuchUser),
                Ok(Inserted::CredentialsChanged) => return Ok(Stored::CredentialsChanged),
                Ok(Inserted::Refused(refusal)) => return Err(refusal.into()),
                // The secret, or a name that the table of upstream does not tell apart.
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ApiKeyError::NameTaken)
    }

    /// The notice to the owner of a new key.
    fn notice(
        &self,
        owner: &User,
        key: &Key,
        scope: &[String],
    ) -> Result<Option<Message>, StorageError> {
        let variables = [("key", key.name().into()), ("scope", scope.join(", ").into())];
        self.challenges.notices.compose(MessageKind::ApiKeyCreated, owner, &variables)
    }

    fn issued(
        &self,
        key: Key,
        secret: String,
        now: Timestamp,
    ) -> Result<Box<IssuedApiKey>, StorageError> {
        let owner = key.userid.clone();
        let key = api_key(key).ok_or_else(|| StorageError::bug("a key without a name"))?;
        let owner = owner.as_ref().map(tracing::field::display);
        tracing::info!(user = owner, key = key.id, scope = ?key.scope, "API key created");
        let (secret, salt) = (Value::String(secret), random_salt(&*self.random));
        let token = self.signer.sign_payload([("v", &secret)], &salt, now);
        Ok(Box::new(IssuedApiKey { key, token }))
    }
}

/// The outcome of storing a key.
enum Stored {
    Done(Box<IssuedApiKey>),
    CredentialsChanged,
}

/// The key to store, still without its value.
fn new_key(new: NewApiKey<'_>, now: Timestamp) -> Result<Key, ApiKeyError> {
    let NewApiKey { name, owner, lifetime, scope, mut data, mut extra } = new;
    let name = name.trim();
    let is_long = name.chars().count() > MAX_NAME_LEN;
    if name.chars().all(is_blank) || is_long || name.chars().any(is_confusable) {
        return Err(ApiKeyError::InvalidName);
    }
    if lifetime.is_some_and(|lifetime| lifetime < Duration::from_secs(1) || lifetime >= PERMANENT) {
        return Err(ApiKeyError::InvalidLifetime { max: PERMANENT });
    }
    if let Some(scope) = scope.iter().find(|scope| !is_scope(scope)) {
        return Err(ApiKeyError::InvalidScope(scope.clone()));
    }
    if let Some(scope) = scope.get(MAX_SCOPES) {
        return Err(ApiKeyError::InvalidScope(scope.clone()));
    }
    if !scope.is_empty() {
        data.insert(SCOPE_FIELD.to_owned(), scope.into());
    }
    extra.insert(NAME_FIELD.to_owned(), name.into());
    Ok(Key {
        expires: lifetime.map(|lifetime| now + lifetime),
        data: KeyData::for_application(&data)?,
        extra,
        ..Key::new("", owner.cloned(), now)
    })
}

/// Whether a text is a scope (RFC 6749 section 3.3).
fn is_scope(scope: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !scope.is_empty() && scope.len() <= MAX_SCOPE_LEN && scope.bytes().all(is_allowed)
}
