//! E-mail verification: a link proves that a user receives mail at an address.
//!
//! At sign-up the account waits for it ([`UserState::AwaitingEmailVerification`]). A new address of
//! an existing account is stored only in the token until it is verified. The link works once, and only
//! the newest one is valid. Verification begins no session.

mod change;

use std::sync::Arc;
use std::time::Duration;

use crate::audit::Act;
use crate::deps::Deps;
use crate::email_link::{Activation, EmailLinks, LinkError, LinkRequest, NewLink, ValidLink};
use crate::factor::email;
use crate::key::{KeyData, KeyPrefix};
use crate::limit::Limits;
use crate::mail_request::{MailRequest, MailRequests};
use crate::message::MessageKind;
use crate::password_reset::{ResetRequestError, find_owner};
use crate::storage::{Change, Changed, Effects, StorageError, UserStore};
use crate::user::{EmailAddress, NewUser, StateEvent, User, UserId, UserState};
use crate::visitor::Visitor;

pub(crate) use change::{AddressChange, PreparedAddress};

/// Configuration of e-mail verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailVerificationConfig {
    /// Whether addresses must be verified.
    pub activation: Activation,
    /// Lifetime of a link.
    pub lifetime: Duration,
}

impl Default for EmailVerificationConfig {
    /// Where mail can be sent; links are valid for a day.
    fn default() -> Self {
        Self { activation: Activation::default(), lifetime: Duration::from_hours(24) }
    }
}

/// An address was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedAddress {
    /// The account after it.
    pub user: User,
    /// The address before, if it was changed.
    pub old_email: Option<String>,
}

/// What a link stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingVerification {
    /// The account.
    pub user: User,
    /// The address that is verified.
    pub email: String,
}

/// Verifies addresses.
pub struct EmailVerification {
    users: Arc<dyn UserStore>,
    limits: Arc<Limits>,
    links: EmailLinks,
    requests: Arc<MailRequests>,
    lifetime: Duration,
    is_enabled: bool,
    offers_reset: bool,
}

impl EmailVerification {
    pub(crate) fn new(
        deps: &Deps,
        requests: Arc<MailRequests>,
        lifetime: Duration,
        is_enabled: bool,
        offers_reset: bool,
    ) -> Self {
        Self {
            users: deps.storage.users.clone(),
            limits: deps.limits.clone(),
            links: EmailLinks::new(deps),
            requests,
            lifetime,
            is_enabled,
            offers_reset,
        }
    }

    /// Whether addresses must be verified.
    pub fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// The address of an account that is about to be created, which must be verified.
    pub(crate) fn address_of(user: &NewUser) -> Option<String> {
        let address = user.email.as_deref().unwrap_or(&user.username);
        EmailAddress::parse(address).ok().map(EmailAddress::into_string)
    }

    /// Whether the address of an account that is about to be created must be verified, and another
    /// account has it.
    pub(crate) async fn has_owner(&self, user: &NewUser) -> Result<bool, StorageError> {
        match Self::address_of(user).filter(|_| self.is_enabled) {
            Some(address) => Ok(find_owner(&*self.users, &address).await?.is_some()),
            None => Ok(false),
        }
    }

    /// The link for an account that is about to be created; `None` if it need not be verified.
    pub(crate) fn link_for(&self, user: &NewUser) -> Result<Option<NewLink>, StorageError> {
        let waits = matches!(
            user.state,
            UserState::AwaitingEmailVerification
                | UserState::AwaitingTwoFactorSetupAndEmailVerification
        );
        let Some(address) = Self::address_of(user).filter(|_| waits) else { return Ok(None) };
        let variables = [("username", user.username.as_str())];
        let link = self.request_of(&address, None, &variables, KeyData::default());
        self.links.make(link).map(Some)
    }

    fn request_of<'a>(
        &self,
        to: &'a str,
        user: Option<&'a UserId>,
        variables: &'a [(&'a str, &'a str)],
        data: KeyData,
    ) -> LinkRequest<'a> {
        LinkRequest {
            prefix: KeyPrefix::EmailVerification,
            lifetime: self.lifetime,
            data,
            kind: MessageKind::EmailVerification,
            to,
            user,
            variables,
        }
    }

    /// Asks for a new link for the account with this address that waits for verification. It is
    /// sent if there is such an account and not too many were sent to it.
    pub async fn request(
        &self,
        address: &str,
        visitor: Visitor<'_>,
    ) -> Result<(), ResetRequestError> {
        let address = EmailAddress::parse(address)?;
        self.requests.admit(visitor).await?;
        let found = find_owner(&*self.users, address.as_str()).await?;
        let request =
            found.map_or(MailRequest::Nothing, |user| MailRequest::VerifyEmail(user.id().clone()));
        Ok(self.requests.add(request)?)
    }

    /// Requests a new link for an account whose password was checked.
    pub(crate) fn send_again(&self, user: &UserId) {
        self.request_silently(MailRequest::VerifyEmail(user.clone()));
    }

    /// Requests a link for an account that waits for verification, if it has none that is valid.
    pub(crate) async fn ensure_link(&self, user: &UserId) {
        match self.links.has(user, KeyPrefix::EmailVerification).await {
            Ok(true) => {}
            Ok(false) => self.send_again(user),
            Err(error) => tracing::error!(%error, %user, "a link was not requested"),
        }
    }

    /// Requests a notice to the owner of an address that was used in another sign-up.
    pub(crate) fn report_use(&self, address: String) {
        self.request_silently(MailRequest::AddressInUse(address));
    }

    /// Adds a request. The answer must not depend on it: it may reveal whether there is an account,
    /// or what it confirms has been stored.
    fn request_silently(&self, request: MailRequest) {
        if let Err(error) = self.requests.add(request) {
            tracing::error!(%error, "a request for mail was dropped");
        }
    }

    /// Sends a new link to the address of an account that waits for verification.
    pub(crate) async fn send_link(&self, id: &UserId) -> Result<(), StorageError> {
        let Some(found) = self.users.find_by_id(id).await? else { return Ok(()) };
        let (user, _) = found.regardless_of_state();
        let waits = user.state.after(StateEvent::EmailVerified);
        let waits = waits.is_some_and(|next| next != user.state);
        let Some(address) = email(&user).filter(|_| waits) else { return Ok(()) };
        let variables = [("username", user.username.as_str())];
        let link = self.request_of(&address, Some(id), &variables, KeyData::default());
        self.links.send(&user, link).await
    }

    /// Notifies the owner of an address that it was used for another account, and how to go on if the
    /// sign-up of the account that has it was never finished.
    pub(crate) async fn tell_owner(&self, address: &str) -> Result<(), StorageError> {
        let Some(found) = find_owner(&*self.users, address).await? else { return Ok(()) };
        let (user, _) = found.regardless_of_state();
        let Some(address) = email(&user) else { return Ok(()) };
        let kind = MessageKind::AccountExists;
        if user.state == UserState::Disabled
            || self
                .limits
                .charge(self.limits.mail(&kind, &user.id, None), Some(&user.id))
                .await?
                .is_err()
        {
            return Ok(());
        }
        let flag = |is_set| if is_set { "true" } else { "" };
        let variables = [
            ("username", user.username.as_str()),
            ("unfinished", flag(user.state.has_unproved_address())),
            ("passwordResetEnabled", flag(self.offers_reset)),
        ];
        let message = self.links.compose(kind, &address, Some(&user.id), variables)?;
        let effects = Effects { send: &[message], ..Effects::default() };
        self.users.change(&user.id, &Change { effects, ..Change::default() }).await?;
        Ok(())
    }

    /// What a link stands for, if it is valid. Does not use it up.
    pub async fn check(
        &self,
        token: &str,
        visitor: Visitor<'_>,
    ) -> Result<PendingVerification, LinkError> {
        let (link, user) = self.find(token, visitor).await?;
        let email = match new_address(&link)? {
            Some(address) => address,
            None => email(&user).ok_or(LinkError::Invalid)?,
        };
        Ok(PendingVerification { user, email })
    }

    async fn find(
        &self,
        token: &str,
        visitor: Visitor<'_>,
    ) -> Result<(ValidLink, User), LinkError> {
        let link = self.links.find(KeyPrefix::EmailVerification, token, visitor).await?;
        // A link to the present address permits nothing else, and is revoked with the address. At
        // sign-up it is sent before the second factor is set up, which is a change of credentials.
        let link = match new_address(&link)? {
            Some(_) => link.of_present_credentials()?,
            None => link,
        };
        let (user, _) = link.user.clone().regardless_of_state();
        if user.state == UserState::Disabled {
            return Err(LinkError::NotActive);
        }
        Ok((link, user))
    }

    /// Uses a link up: verifies the address of the account, or changes it to the verified one.
    pub async fn verify(
        &self,
        token: &str,
        visitor: Visitor<'_>,
    ) -> Result<VerifiedAddress, LinkError> {
        let (link, user) = self.find(token, visitor).await?;
        match new_address(&link)? {
            Some(address) => self.change_verified(&link, &user, &address).await,
            None => self.verify_present(&link, &user).await,
        }
    }

    async fn verify_present(
        &self,
        link: &ValidLink,
        user: &User,
    ) -> Result<VerifiedAddress, LinkError> {
        email(user).ok_or(LinkError::Invalid)?;
        let audit = [self.links.audit.event(Act::EmailVerified).about(user)];
        let effects = Effects {
            consume: Some(&link.key.value),
            revoke: &[KeyPrefix::EmailVerification],
            audit: &audit,
            ..Effects::default()
        };
        let event = event_of(user);
        let change = Change { event, effects, ..Change::default() };
        let changed = self.users.change(&user.id, &change).await?;
        let user = done(changed)?;
        tracing::info!(user = %user.id, "e-mail address verified");
        Ok(VerifiedAddress { user, old_email: None })
    }
}

/// The event for an account; `None` if it does not wait for verification.
fn event_of(user: &User) -> Option<StateEvent> {
    user.state.after(StateEvent::EmailVerified).map(|_| StateEvent::EmailVerified)
}

/// The new address that a link verifies; `None` if it verifies that of the account.
fn new_address(link: &ValidLink) -> Result<Option<String>, LinkError> {
    match link.key.data.as_text().trim() {
        "" => Ok(None),
        text => match EmailAddress::parse(text) {
            Ok(address) => Ok(Some(address.into_string())),
            Err(_) => Err(LinkError::Invalid),
        },
    }
}

fn done(changed: Changed) -> Result<User, LinkError> {
    match changed {
        Changed::Done(stored) => Ok(stored.regardless_of_state().0),
        Changed::NotAllowed => Err(LinkError::NotActive),
        Changed::EmailTaken | Changed::UsernameTaken => Err(LinkError::AddressTaken),
        Changed::DoneUnreadable
        | Changed::NoSuchUser
        | Changed::GuardFailed
        | Changed::LastAdmin
        | Changed::TokenGone
        | Changed::AlreadyUsed
        | Changed::SessionGone => Err(LinkError::Invalid),
    }
}
