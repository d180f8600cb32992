//! One-time tokens of the application, such as those of invitations.
//!
//! ```
//! use std::time::Duration;
//!
//! use crossauth_core::Auth;
//! use crossauth_core::storage::StorageError;
//! use crossauth_core::token::NewToken;
//! use serde_json::{Map, json};
//!
//! async fn invite(auth: &Auth) -> Result<String, StorageError> {
//!     let data = Map::from_iter([("team".to_owned(), json!("blue"))]);
//!     let week = Duration::from_hours(7 * 24);
//!     auth.tokens.issue(NewToken { data, ..NewToken::new("invitation", week) }).await
//! }
//!
//! async fn accept(auth: &Auth, token: &str) -> Result<Option<String>, StorageError> {
//!     let taken = auth.tokens.take("invitation", token).await?;
//!     Ok(taken.map(|token| token.data["team"].to_string()))
//! }
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::clock::{Clock, Timestamp};
use crate::crypto::{random_token, stored_value};
use crate::deps::Deps;
use crate::key::{Key, KeyData, KeyPrefix};
use crate::random::Random;
use crate::storage::{KeyStore, StorageError, StorageErrorKind};
use crate::user::UserId;

/// The field of a key with the purpose of its token.
const PURPOSE: &str = "purpose";

/// The field of a key with what the application stored.
const DATA: &str = "data";

/// A token to issue.
#[derive(Debug, Clone, PartialEq)]
pub struct NewToken<'a> {
    /// What it is for. It is accepted for nothing else.
    pub purpose: &'a str,
    /// How long it is valid.
    pub lifetime: Duration,
    /// The user whom it belongs to: it is deleted with the account. A change of the password does
    /// not end it.
    pub user: Option<&'a UserId>,
    /// What the application wants to know when it is used.
    pub data: Map<String, Value>,
}

impl<'a> NewToken<'a> {
    /// A token without user and data.
    pub fn new(purpose: &'a str, lifetime: Duration) -> Self {
        Self { purpose, lifetime, user: None, data: Map::new() }
    }
}

/// A valid token.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Token {
    /// The user whom it belongs to.
    pub user: Option<UserId>,
    /// What the application stored with it.
    pub data: Map<String, Value>,
    /// When it was issued.
    pub created: Timestamp,
}

/// Issues and takes tokens of the application.
pub struct Tokens {
    keys: Arc<dyn KeyStore>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    pub(crate) fn new(deps: &Deps) -> Self {
        Self {
            keys: deps.storage.keys.clone(),
            clock: deps.clock.clone(),
            random: deps.random.clone(),
        }
    }

    /// Issues a token of 128 random bits, of which only a hash is stored.
    pub async fn issue(&self, new: NewToken<'_>) -> Result<String, StorageError> {
        let NewToken { purpose, lifetime, user, data } = new;
        let (token, now) = (random_token(&*self.random), self.clock.now());
        let mut key = Key::new(value(&token), user.cloned(), now);
        key.expires = Some(now + lifetime);
        let stored = [(PURPOSE, purpose.into()), (DATA, Value::Object(data))];
        let stored = stored.map(|(name, value)| (name.to_owned(), value));
        key.data = KeyData::from_object(&Map::from_iter(stored));
        self.keys.insert(&key).await?;
        Ok(token)
    }

    /// Finds a valid token without using it up, for the page behind a link. Mail scanners follow
    /// links, so only a POST from that page should [take](Self::take) the token.
    pub async fn find(&self, purpose: &str, token: &str) -> Result<Option<Token>, StorageError> {
        let key = match self.keys.find(&value(token)).await {
            Ok(key) => key,
            Err(error) if error.kind == StorageErrorKind::BadRow => {
                tracing::warn!(%error, "cannot decode a token of the application");
                None
            }
            Err(error) => return Err(error),
        };
        Ok(key.and_then(|key| self.valid(key, purpose)))
    }

    /// Uses a token up. `None` if it was used, has expired, is for another purpose or was never
    /// issued. Of concurrent calls, one gets the token; it is used up even if the caller fails
    /// afterwards.
    pub async fn take(&self, purpose: &str, token: &str) -> Result<Option<Token>, StorageError> {
        let Some(found) = self.find(purpose, token).await? else { return Ok(None) };
        let is_first = self.keys.delete(&value(token)).await?;
        Ok(is_first.then_some(found))
    }

    fn valid(&self, key: Key, purpose: &str) -> Option<Token> {
        let mut stored = key.data.object().ok()?;
        let is_valid = stored.get(PURPOSE).is_some_and(|stored| stored == purpose)
            && key.expires.is_some()
            && !key.is_expired(self.clock.now());
        let Some(Value::Object(data)) = stored.remove(DATA).filter(|_| is_valid) else {
            return None;
        };
        Some(Token { user: key.userid, data, created: key.created })
    }
}

fn value(token: &str) -> String {
    stored_value(KeyPrefix::ApplicationToken, token).into()
}
