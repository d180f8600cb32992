//! Password reset: a new password by a link that is mailed.
//!
//! The answer to a request is the same whether or not there is an account; see
//! `mail_request.rs`. The link works once and for the address that it was sent
//! to. It keeps the second factor, and ends the sessions, known devices and API keys of the account.
//!
//! An account whose address was never verified may have been created by another person. The link
//! proves ownership of the address: the reset also verifies it, and removes the second factor of
//! the account.

use std::sync::Arc;
use std::time::Duration;

use crate::account::Accounts;
use crate::audit::Act;
use crate::deps::Deps;
use crate::email_link::{
    Activation, EmailLinks, LinkError, LinkRequest, ValidLink, record_address,
};
use crate::factor::email;
use crate::form::{Field, FieldError, Rule};
use crate::key::KeyPrefix;
use crate::login::{Door, Login};
use crate::mail_request::{MailRequest, MailRequests};
use crate::message::MessageKind;
use crate::notice::Notices;
use crate::password::{HashError, Hasher, Lane};
use crate::secret::Password;
use crate::session::NewSession;
use crate::storage::{
    Change, Changed, Effects, EndSessions, Guard, StorageError, StorageErrorKind, StoredUser,
    UserStore,
};
use crate::user::{
    EmailAddress, InvalidEmail, Patch, SecretsUpdate, StateEvent, User, UserId, UserState,
    UserUpdate,
};
use crate::visitor::Visitor;

/// Configuration of password reset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordResetConfig {
    /// Whether passwords can be reset.
    pub activation: Activation,
    /// Lifetime of a link.
    pub lifetime: Duration,
}

impl Default for PasswordResetConfig {
    /// Where mail can be sent; links are valid for a day.
    fn default() -> Self {
        Self { activation: Activation::default(), lifetime: Duration::from_hours(24) }
    }
}

/// Why a request for a link is refused, for any address alike.
#[derive(Debug, thiserror::Error)]
pub enum ResetRequestError {
    /// The text is not an address.
    #[error(transparent)]
    InvalidEmail(#[from] InvalidEmail),
    /// There were too many requests from this network.
    #[error("there were too many requests for mail")]
    TooMany {
        /// How long to wait.
        wait: Duration,
    },
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A new password.
#[derive(Debug)]
pub struct ResetForm {
    /// The token of the link.
    pub token: String,
    /// The password.
    pub password: Password,
    /// The repeated password, if the form has it.
    pub repeat: Option<Password>,
}

impl ResetForm {
    /// A form without a repeated password.
    pub fn new(token: impl Into<String>, password: Password) -> Self {
        Self { token: token.into(), password, repeat: None }
    }
}

/// Why a password was not reset. Unless the link is not valid any more, it can be used again.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// The link is not accepted.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The password violates rules.
    #[error("the password is not allowed")]
    Form(Vec<FieldError>),
    /// No capacity for hashing at the moment.
    #[error(transparent)]
    Hash(#[from] HashError),
}

impl From<StorageError> for ResetError {
    fn from(error: StorageError) -> Self {
        Self::Link(error.into())
    }
}

/// A password was reset.
#[derive(Debug)]
#[non_exhaustive]
pub struct ResetDone {
    /// The account.
    pub user: User,
    /// A new session; `None` if the account demands more for a login, such as a second factor.
    pub session: Option<Box<NewSession>>,
}

/// Kinds of keys that a reset deletes.
///
/// API keys are among them: who resets the password may have lost the account to another person, who
/// has made keys.
const REVOKED: &[KeyPrefix] = &[
    KeyPrefix::PasswordReset,
    KeyPrefix::EmailVerification,
    KeyPrefix::KnownDevice,
    KeyPrefix::ApiKey,
];

/// For an unverified account, also the recovery codes that another person may have.
const REVOKED_UNVERIFIED: &[KeyPrefix] = &[
    KeyPrefix::PasswordReset,
    KeyPrefix::EmailVerification,
    KeyPrefix::KnownDevice,
    KeyPrefix::RecoveryCode,
    KeyPrefix::ApiKey,
];

/// Resets passwords.
pub struct PasswordReset {
    users: Arc<dyn UserStore>,
    hasher: Arc<Hasher>,
    links: EmailLinks,
    notices: Notices,
    requests: Arc<MailRequests>,
    accounts: Arc<Accounts>,
    login: Arc<Login>,
    lifetime: Duration,
    is_enabled: bool,
}

impl PasswordReset {
    pub(crate) fn new(
        deps: &Deps,
        accounts: Arc<Accounts>,
        login: Arc<Login>,
        requests: Arc<MailRequests>,
        lifetime: Duration,
        is_enabled: bool,
    ) -> Self {
        Self {
            users: deps.storage.users.clone(),
            hasher: deps.hasher.clone(),
            links: EmailLinks::new(deps),
            notices: Notices::new(deps.messages.clone()),
            requests,
            accounts,
            login,
            lifetime,
            is_enabled,
        }
    }

    /// Whether passwords can be reset.
    pub fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// Asks for a link for the account with this address. It is sent if there is such an account,
    /// it is not disabled, it has a password, and not too many links were sent to it.
    pub async fn request(
        &self,
        address: &str,
        visitor: Visitor<'_>,
    ) -> Result<(), ResetRequestError> {
        let address = EmailAddress::parse(address)?;
        self.requests.admit(visitor).await?;
        let found = find_owner(&*self.users, address.as_str()).await?;
        let request = found
            .map_or(MailRequest::Nothing, |user| MailRequest::ResetPassword(user.id().clone()));
        Ok(self.requests.add(request)?)
    }

    /// Sends a link, which replaces earlier ones.
    pub(crate) async fn send_link(&self, id: &UserId) -> Result<(), StorageError> {
        let Some(found) = self.users.find_by_id(id).await? else { return Ok(()) };
        let (user, _) = found.regardless_of_state();
        let is_possible = user.state.after(StateEvent::PasswordReset).is_some();
        let Some(address) = email(&user).filter(|_| is_possible && user.factor1.is_password())
        else {
            tracing::info!(user = %id, "the password of this account cannot be reset");
            return Ok(());
        };
        let link = LinkRequest {
            prefix: KeyPrefix::PasswordReset,
            lifetime: self.lifetime,
            data: record_address(&address),
            kind: MessageKind::PasswordReset,
            to: &address,
            user: Some(id),
            variables: &[("username", &user.username)],
        };
        self.links.send(&user, link).await
    }

    /// The account of a link, if the link is valid. Does not use it up.
    pub async fn check(&self, token: &str, visitor: Visitor<'_>) -> Result<User, LinkError> {
        Ok(self.find(token, visitor).await?.1)
    }

    async fn find(
        &self,
        token: &str,
        visitor: Visitor<'_>,
    ) -> Result<(ValidLink, User), LinkError> {
        let link = self.links.find(KeyPrefix::PasswordReset, token, visitor).await?;
        let link = link.of_present_credentials()?;
        let (user, _) = link.user.clone().regardless_of_state();
        if !user.factor1.is_password() || user.state.after(StateEvent::PasswordReset).is_none() {
            return Err(LinkError::NotActive);
        }
        // The address may have changed while the link was made, and so have escaped its revocation.
        if link.recorded_address()?.is_some_and(|sent_to| email(&user) != Some(sent_to)) {
            return Err(LinkError::Invalid);
        }
        Ok((link, user))
    }

    /// Sets a new password, if the link is valid and the password is allowed. Ends the sessions, known
    /// devices and API keys of the account, notifies its user, and begins a session if a login requires
    /// no more than the password.
    pub async fn reset(&self, form: ResetForm, door: Door<'_>) -> Result<ResetDone, ResetError> {
        let (link, user) = self.find(&form.token, door.visitor).await?;
        let errors = self.errors(&form, &user);
        if !errors.is_empty() {
            return Err(ResetError::Form(errors));
        }
        let hash = self.hasher.hash(form.password, Lane::Trusted).await?;
        let stored = self.store(&link, &user, hash).await?;
        tracing::info!(user = %user.id, "password reset");
        let session = self.login.admit_with_password(&stored, door).await;
        let session = session.unwrap_or_else(|error| {
            tracing::error!(%error, user = %user.id, "no session begins after a password reset");
            None
        });
        Ok(ResetDone { user: stored.regardless_of_state().0, session })
    }

    fn errors(&self, form: &ResetForm, user: &User) -> Vec<FieldError> {
        let name = (user.username.as_str(), user.email.as_deref());
        let mut errors = self.accounts.check_new_password(&form.password, name);
        if form.repeat.as_ref().is_some_and(|repeat| *repeat != form.password) {
            errors.push(FieldError::new(Field::RepeatPassword, Rule::Mismatch));
        }
        errors
    }

    async fn store(
        &self,
        link: &ValidLink,
        user: &User,
        hash: String,
    ) -> Result<StoredUser, LinkError> {
        let is_unverified = is_unverified(&user.state);
        let (factor2, totpsecret) =
            if is_unverified { (Patch::Clear, Patch::Clear) } else { (Patch::Keep, Patch::Keep) };
        let notice = self.notices.compose(MessageKind::PasswordChanged, user, &[])?;
        // A factor that was set up in this moment stays.
        let credentials = link.user.credentials();
        let guard = if is_unverified { Guard::CredentialsAre(&credentials) } else { Guard::None };
        let audit = [self.links.audit.event(Act::PasswordReset).about(user)];
        let change = Change {
            user: UserUpdate { factor2, ..UserUpdate::default() },
            secrets: SecretsUpdate { password: Patch::Set(hash), totpsecret },
            event: Some(StateEvent::PasswordReset),
            guard,
            effects: Effects {
                consume: Some(&link.key.value),
                sessions: EndSessions::All,
                revoke: if is_unverified { REVOKED_UNVERIFIED } else { REVOKED },
                send: notice.as_slice(),
                audit: &audit,
                ..Effects::default()
            },
        };
        match self.users.change(&user.id, &change).await? {
            Changed::Done(stored) => Ok(*stored),
            Changed::NotAllowed => Err(LinkError::NotActive),
            Changed::DoneUnreadable
            | Changed::NoSuchUser
            | Changed::GuardFailed
            | Changed::LastAdmin
            | Changed::TokenGone
            | Changed::AlreadyUsed
            | Changed::SessionGone
            | Changed::UsernameTaken
            | Changed::EmailTaken => Err(LinkError::Invalid),
        }
    }
}

/// Whether the address of the account has not been verified.
fn is_unverified(state: &UserState) -> bool {
    matches!(
        state,
        UserState::AwaitingEmailVerification
            | UserState::AwaitingTwoFactorSetupAndEmailVerification
    )
}

/// Finds the account with this address, or with this address as its name. Looks for both in any
/// case, so that the time does not reveal which one exists.
pub(crate) async fn find_owner(
    users: &dyn UserStore,
    address: &str,
) -> Result<Option<StoredUser>, StorageError> {
    let by_email = readable(users.find_by_email(address).await)?;
    let by_name = readable(users.find_by_username(address).await)?;
    Ok(by_email.or(by_name))
}

/// `None` for an account whose row cannot be decoded, which is logged.
fn readable(
    found: Result<Option<StoredUser>, StorageError>,
) -> Result<Option<StoredUser>, StorageError> {
    match found {
        Err(error) if error.kind == StorageErrorKind::BadRow => {
            tracing::error!(%error, "cannot decode an account; no mail is sent to its user");
            Ok(None)
        }
        other => other,
    }
}
