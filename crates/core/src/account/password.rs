//! Passwords of accounts, on behalf of an administrator: a new one, or a link to choose one.

use std::slice;
use std::time::Duration;

use super::{AccountError, AccountRef, Accounts};
use crate::audit::Act;
use crate::clock::Timestamp;
use crate::email_link::{LinkRequest, NewLink, record_address};
use crate::factor::email;
use crate::form::{Field, FieldError, Rule};
use crate::key::KeyPrefix;
use crate::limit::TooMany;
use crate::message::MessageKind;
use crate::password::Lane;
use crate::secret::Password;
use crate::storage::{Change, Charge, Effects, EndSessions};
use crate::user::{NewUser, Patch, SecretsUpdate, StateEvent, User, UserId};

/// How accounts get links that reset their password.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResetLinks {
    pub(crate) is_enabled: bool,
    pub(crate) lifetime: Duration,
}

/// Whether a link that resets the password was mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetMail {
    /// None was needed.
    NotNeeded,
    /// It waits to be sent.
    Sent,
    /// None: too many were sent to this account.
    TooMany {
        /// When the next can be sent.
        retry_at: Timestamp,
    },
}

impl Accounts {
    /// Sets a new password, ends the user's sessions, deletes the API keys and notifies the user, on behalf of an
    /// administrator. The account no longer has to change or reset its password.
    pub async fn set_password(
        &self,
        account: impl Into<AccountRef<'_>>,
        password: Password,
    ) -> Result<User, AccountError> {
        let user = self.find(account).await?.ok_or(AccountError::NoSuchUser)?;
        if self.passwords.is_of_directory(&user) {
            return Err(AccountError::DirectoryPassword);
        }
        if !user.factor1.is_password() {
            return Err(AccountError::NoPassword);
        }
        let errors = self.check_password(&password, &user.username, user.email.as_deref());
        if !errors.is_empty() {
            return Err(AccountError::Form(errors));
        }
        let hash = self.hasher.hash(password, Lane::Trusted).await?;
        let notice = self.notices.compose(MessageKind::PasswordChanged, &user, &[])?;
        let audit = [self.audit().event(Act::UserPasswordSet).about(&user)];
        let change = Change {
            secrets: SecretsUpdate { password: Patch::Set(hash), ..SecretsUpdate::default() },
            event: Some(StateEvent::PasswordSet),
            effects: Effects {
                sessions: EndSessions::All,
                revoke: &[
                    KeyPrefix::PasswordReset,
                    KeyPrefix::EmailVerification,
                    KeyPrefix::KnownDevice,
                    KeyPrefix::ApiKey,
                ],
                send: notice.as_slice(),
                audit: &audit,
                ..Effects::default()
            },
            ..Change::default()
        };
        self.change_readable(&user.id, &change).await
    }

    /// Mails a link to choose a new password, which replaces earlier ones, on behalf of an
    /// administrator. The present password stays valid until the link is used; a login with it makes
    /// the link invalid.
    pub async fn send_reset(
        &self,
        account: impl Into<AccountRef<'_>>,
    ) -> Result<ResetMail, AccountError> {
        let user = self.find(account).await?.ok_or(AccountError::NoSuchUser)?;
        if user.state.after(StateEvent::PasswordReset).is_none() {
            return Err(AccountError::NotAllowed);
        }
        let address = self.reset_address(&user)?;
        let (link, charges) = match self.reset_link(&user, &address).await? {
            Ok(charged) => charged,
            Err(TooMany { retry_at }) => return Ok(ResetMail::TooMany { retry_at }),
        };
        let audit = [self.audit().event(Act::UserResetSent).about(&user)];
        let effects = Effects {
            revoke: &[KeyPrefix::PasswordReset],
            issue: slice::from_ref(&link.key),
            send: slice::from_ref(&link.message),
            audit: &audit,
            ..Effects::default()
        };
        let change = Change { effects, ..Change::default() };
        if let Err(error) = self.change_readable(&user.id, &change).await {
            self.limits.give_back(&charges).await;
            return Err(error);
        }
        Ok(ResetMail::Sent)
    }

    /// Whether a link to choose a password can be sent to this account: links are sent here, and it has
    /// an address, a password, and a state that allows it.
    pub fn can_send_reset(&self, user: &User) -> bool {
        user.state.after(StateEvent::PasswordReset).is_some() && self.reset_address(user).is_ok()
    }

    /// The address to which notices about an account are mailed: that of the account, or the username if
    /// it is one.
    pub fn notice_address(&self, user: &User) -> Option<String> {
        email(user)
    }

    /// The address to which a link is mailed; an error if the account can have none.
    pub(super) fn reset_address(&self, user: &User) -> Result<String, AccountError> {
        if !self.reset_links.is_enabled || !user.factor1.is_password() {
            return Err(AccountError::ResetUnavailable);
        }
        email(user).ok_or_else(|| {
            let rule = if user.email.is_some() { Rule::Format } else { Rule::Missing };
            AccountError::Form(vec![FieldError::new(Field::Email, rule)])
        })
    }

    /// Makes a link for an account, unless too many were sent to it. Also returns what the limits were
    /// charged, to be given back if the link is not sent.
    pub(super) async fn reset_link(
        &self,
        user: &User,
        address: &str,
    ) -> Result<Result<(NewLink, Vec<Charge>), TooMany>, AccountError> {
        let kind = MessageKind::PasswordReset;
        let charges = self.limits.mail(&kind, &user.id, None);
        let admitted = match self.limits.charge(charges, Some(&user.id)).await? {
            Ok(admitted) => admitted,
            Err(too_many) => return Ok(Err(too_many)),
        };
        let link = self.link(kind, address, &user.username, Some(&user.id))?;
        Ok(Ok((link, admitted.into_charges())))
    }

    /// The link by which the user of a new account chooses a password.
    pub(super) fn invitation(&self, user: &NewUser) -> Result<NewLink, AccountError> {
        let user = user.clone().with_id(UserId::Integer(0));
        let address = self.reset_address(&user)?;
        self.link(MessageKind::Invitation, &address, &user.username, None)
    }

    fn link(
        &self,
        kind: MessageKind,
        to: &str,
        username: &str,
        user: Option<&UserId>,
    ) -> Result<NewLink, AccountError> {
        let link = LinkRequest {
            prefix: KeyPrefix::PasswordReset,
            lifetime: self.reset_links.lifetime,
            data: record_address(to),
            kind,
            to,
            user,
            variables: &[("username", username)],
        };
        Ok(self.links.make(link)?)
    }
}
