//! One-time links that are mailed to users: their tokens, made and found.
//!
//! A token has 128 random bits and is stored as a hash. It is used up in the transaction that it
//! permits, so that of concurrent uses one succeeds, and it is invalid once the credentials of its
//! account have changed, in databases that have credential epochs, unless it only verifies the
//! present address.
//!
//! Tokens that do not exist are counted by the network of the visitor, where that is known.

use std::slice;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::audit::{Act, Audit};
use crate::clock::Clock;
use crate::crypto::{random_token, stored_value};
use crate::deps::Deps;
use crate::factor::email;
use crate::key::{Key, KeyData, KeyPrefix};
use crate::limit::{Limits, TooMany};
use crate::message::{Message, MessageKind, Messages, Recipient};
use crate::random::Random;
use crate::storage::{Change, Changed, Effects, KeyStore, StorageError, StoredUser, UserStore};
use crate::user::{EmailAddress, User, UserId};
use crate::visitor::Visitor;

/// The field of a key's data with an address.
const EMAIL: &str = "email";

/// Where mail with links is used: to verify addresses, or to reset passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// Where mail can be sent, or is shown to a developer.
    #[default]
    WhereMailCanBeSent,
    /// Always; an error where mail cannot be sent.
    On,
    /// Never.
    Off,
}

/// Why a mailed link is not accepted. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The link was used, was replaced by a newer one, is invalid because the account has changed, or
    /// was never sent.
    #[error("the link is not valid")]
    Invalid,
    /// The link is too old.
    #[error("the link has expired")]
    Expired,
    /// The account is disabled.
    #[error("the account is not active")]
    NotActive,
    /// Another account has the address by now.
    #[error("another account has this address")]
    AddressTaken,
    /// Too many tokens from this network did not exist. The token was not looked for.
    #[error("too many links were not valid")]
    TooMany {
        /// How long to wait.
        wait: Duration,
    },
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A new link: the key to store with what causes it, and the message with its token.
pub(crate) struct NewLink {
    pub(crate) key: Key,
    pub(crate) message: Message,
}

/// A link to make.
pub(crate) struct LinkRequest<'a> {
    pub(crate) prefix: KeyPrefix,
    pub(crate) lifetime: Duration,
    /// What the key remembers.
    pub(crate) data: KeyData,
    pub(crate) kind: MessageKind,
    pub(crate) to: &'a str,
    /// The account; `None` if it is created in the same step.
    pub(crate) user: Option<&'a UserId>,
    pub(crate) variables: &'a [(&'a str, &'a str)],
}

/// Data with an address, for [`ValidLink::recorded_address`].
pub(crate) fn record_address(address: &str) -> KeyData {
    KeyData::from_object(&Map::from_iter([(EMAIL.to_owned(), Value::from(address))]))
}

/// A valid link.
pub(crate) struct ValidLink {
    pub(crate) key: Key,
    pub(crate) user: StoredUser,
}

/// Makes and finds links.
pub(crate) struct EmailLinks {
    users: Arc<dyn UserStore>,
    keys: Arc<dyn KeyStore>,
    limits: Arc<Limits>,
    pub(crate) audit: Arc<Audit>,
    messages: Arc<Messages>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl EmailLinks {
    pub(crate) fn new(deps: &Deps) -> Self {
        Self {
            users: deps.storage.users.clone(),
            keys: deps.storage.keys.clone(),
            limits: deps.limits.clone(),
            audit: deps.audit.clone(),
            messages: deps.messages.clone(),
            clock: deps.clock.clone(),
            random: deps.random.clone(),
        }
    }

    pub(crate) fn make(&self, request: LinkRequest<'_>) -> Result<NewLink, StorageError> {
        let token = random_token(&*self.random);
        let now = self.clock.now();
        let value = stored_value(request.prefix, &token);
        let mut key = Key::new(&*value, request.user.cloned(), now);
        key.expires = Some(now + request.lifetime);
        key.data = request.data;
        let variables = request.variables.iter().copied().chain([("token", token.as_str())]);
        let message = self.compose(request.kind, request.to, request.user, variables)?;
        Ok(NewLink { key, message })
    }

    /// Sends a link to an account, which replaces earlier ones of its kind, unless too many were sent
    /// to the account.
    pub(crate) async fn send(
        &self,
        account: &User,
        request: LinkRequest<'_>,
    ) -> Result<(), StorageError> {
        let user = &account.id;
        let (prefix, kind, to) = (request.prefix, request.kind.clone(), request.to);
        if self.limits.charge(self.limits.mail(&kind, user, None), Some(user)).await?.is_err() {
            tracing::warn!(%user, %kind, "too many messages to one account; this one is not sent");
            return Ok(());
        }
        let NewLink { key, message } = self.make(request)?;
        let issue = slice::from_ref(&key);
        let is_reset = prefix == KeyPrefix::PasswordReset;
        let act = if is_reset { Act::PasswordResetRequested } else { Act::EmailLinkSent };
        let audit = [self.audit.event(act).about(account)];
        let (revoke, send) = (&[prefix], &[message]);
        let effects = Effects { revoke, issue, send, audit: &audit, ..Effects::default() };
        let change = Change { effects, ..Change::default() };
        if let Changed::Done(stored) = self.users.change(user, &change).await?
            && email(&stored.regardless_of_state().0).as_deref() != Some(to)
        {
            // The address has changed since the caller read it, and revoked the links before.
            self.keys.delete(&key.value).await?;
        }
        tracing::info!(%user, %kind, "a link is sent");
        Ok(())
    }

    pub(crate) fn compose<'a>(
        &self,
        kind: MessageKind,
        to: &str,
        user: Option<&UserId>,
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Message, StorageError> {
        let variables = variables.into_iter();
        let variables: Map<String, Value> =
            variables.map(|(name, text)| (name.to_owned(), Value::from(text))).collect();
        self.messages.compose(kind, Recipient::Email(to.to_owned()), user, variables)
    }

    /// Finds the account of a token. Does not use the token up.
    pub(crate) async fn find(
        &self,
        prefix: KeyPrefix,
        token: &str,
        visitor: Visitor<'_>,
    ) -> Result<ValidLink, LinkError> {
        let key = self.find_key(&stored_value(prefix, token), visitor).await?;
        // A link that never expires is none of ours, and none of upstream's.
        if key.expires.is_none() {
            return Err(LinkError::Invalid);
        }
        let owner = key.userid.as_ref().ok_or(LinkError::Invalid)?;
        let user = self.users.find_by_id(owner).await?.ok_or(LinkError::Invalid)?;
        if key.is_expired(self.clock.now()) {
            return Err(LinkError::Expired);
        }
        Ok(ValidLink { key, user })
    }

    /// Charges the network before the token is looked for, and gives that back if it exists.
    async fn find_key(&self, value: &str, visitor: Visitor<'_>) -> Result<Key, LinkError> {
        let admitted = match self.limits.charge(self.limits.link(visitor), None).await? {
            Ok(admitted) => admitted,
            Err(TooMany { retry_at }) => {
                return Err(LinkError::TooMany { wait: retry_at.since(self.clock.now()) });
            }
        };
        let key = self.keys.find(value).await?.ok_or(LinkError::Invalid)?;
        self.limits.give_back(&admitted.into_charges()).await;
        Ok(key)
    }

    /// Whether an account has a link of this kind that has not expired.
    pub(crate) async fn has(&self, user: &UserId, prefix: KeyPrefix) -> Result<bool, StorageError> {
        let now = self.clock.now();
        let keys = self.keys.list_for_user(Some(user), prefix, None, MAX_LINKS).await?;
        Ok(keys.iter().any(|key| !key.is_expired(now)))
    }
}

/// Maximum number of links of one kind that an account is looked through for.
const MAX_LINKS: u32 = 20;

impl ValidLink {
    /// The address that the data records; `None` if it records none.
    pub(crate) fn recorded_address(&self) -> Result<Option<String>, LinkError> {
        let object = self.key.data.object().map_err(|_| LinkError::Invalid)?;
        let Some(recorded) = object.get(EMAIL) else { return Ok(None) };
        let address = recorded.as_str().and_then(|text| EmailAddress::parse(text).ok());
        address.map(|address| Some(address.into_string())).ok_or(LinkError::Invalid)
    }

    /// Refuses a link that was made before the credentials of the account changed.
    pub(crate) fn of_present_credentials(self) -> Result<Self, LinkError> {
        match (self.key.epoch, self.user.epoch()) {
            (Some(made), Some(now)) if made != now => Err(LinkError::Invalid),
            (Some(_) | None, Some(_) | None) => Ok(self),
        }
    }
}
