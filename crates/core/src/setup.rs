//! The first administrator: made by whoever holds the one-time link that the server prints while
//! there is none.

use std::sync::Arc;
use std::time::Duration;

use crate::account::{AccountError, AccountForm, Accounts};
use crate::clock::Clock;
use crate::crypto::digest::stored_value;
use crate::crypto::random::random_token;
use crate::key::{Key, KeyPrefix};
use crate::password::Lane;
use crate::random::Random;
use crate::session::{Beginning, NewSession, Persistence, SessionId, Sessions};
use crate::storage::{KeyStore, Storage, StorageError, UserStore};
use crate::user::{NewUser, ReservedNames, User, UserSecrets};

/// How long a link can be used.
const LINK_LIFETIME: Duration = Duration::from_hours(24);

/// Why the first administrator was not made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The link was used, replaced, is too old or never was one.
    #[error("the link is not valid any more")]
    InvalidLink,
    /// The account cannot be made so.
    #[error(transparent)]
    Account(#[from] AccountError),
}

impl From<StorageError> for SetupError {
    fn from(error: StorageError) -> Self {
        Self::Account(error.into())
    }
}

/// Makes the first administrator.
pub struct Setup {
    users: Arc<dyn UserStore>,
    keys: Arc<dyn KeyStore>,
    accounts: Arc<Accounts>,
    sessions: Arc<Sessions>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Setup {
    pub(crate) fn new(
        storage: &Storage,
        accounts: Arc<Accounts>,
        sessions: Arc<Sessions>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        let (users, keys) = (storage.users.clone(), storage.keys.clone());
        Self { users, keys, accounts, sessions, clock, random }
    }

    /// A new token for the link, good for 24 hours, if there is no administrator yet. Earlier
    /// links are void from then on.
    pub async fn issue_token(&self) -> Result<Option<String>, StorageError> {
        self.keys.delete_all_for_user(None, KeyPrefix::Setup.as_str(), None).await?;
        if self.users.has_admin().await? {
            return Ok(None);
        }
        let token = random_token(&*self.random);
        let now = self.clock.now();
        let mut key = Key::new(&*stored_value(KeyPrefix::Setup, &token), None, now);
        key.expires = Some(now + LINK_LIFETIME);
        self.keys.insert(&key).await?;
        Ok(Some(token))
    }

    /// Whether a token can be used. Uses up nothing.
    pub async fn is_valid(&self, token: &str) -> Result<bool, StorageError> {
        let key = self.keys.find(&stored_value(KeyPrefix::Setup, token)).await?;
        Ok(key.is_some_and(|key| !key.is_expired(self.clock.now()))
            && !self.users.has_admin().await?)
    }

    /// Makes the first administrator and logs them in. Of any number of callers with one token
    /// one succeeds; a form with mistakes does not use the token up.
    pub async fn create_admin(
        &self,
        token: &str,
        form: AccountForm,
        persist: Option<Persistence>,
        replaces: Option<&SessionId>,
    ) -> Result<NewSession, SetupError> {
        if !self.is_valid(token).await? {
            return Err(SetupError::InvalidLink);
        }
        let mut user = self.accounts.check(&form, &ReservedNames::none())?;
        user.admin = true;
        let secrets = self.accounts.secrets(form.password, Lane::Trusted).await?;
        let user = self.redeem(token, user, secrets.clone()).await?;
        tracing::warn!(user = %user.id, username = ?user.username, "first administrator created");
        let beginning = Beginning {
            replaces,
            persist,
            password: secrets.password.as_deref(),
            ..Beginning::default()
        };
        let session = self.sessions.begin(user, beginning).await?;
        session.ok_or(SetupError::Account(AccountError::NoSuchUser))
    }

    /// Uses the token up and stores the user, or does neither.
    ///
    /// In a task of its own, which goes on when the request is given up: a browser that closes
    /// the connection in between must not leave a used token and no administrator.
    async fn redeem(
        &self,
        token: &str,
        user: NewUser,
        secrets: UserSecrets,
    ) -> Result<User, SetupError> {
        let value = stored_value(KeyPrefix::Setup, token);
        let (keys, accounts) = (self.keys.clone(), self.accounts.clone());
        let redeemed = tokio::spawn(async move {
            let key = keys.take(&value).await?.ok_or(SetupError::InvalidLink)?;
            match accounts.insert(&user, &secrets).await {
                Ok(user) => Ok(user),
                Err(error) => {
                    keys.insert(&key).await?;
                    Err(error.into())
                }
            }
        });
        redeemed.await.unwrap_or_else(|error| Err(StorageError::unavailable(error).into()))
    }
}
