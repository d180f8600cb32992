//! Changing the address of an account, and taking the change back.
//!
//! The old address gets a notice with a link that restores it, valid for 72 hours. Of several
//! changes in that time only the first sends such a link: otherwise an attacker who changes the
//! address twice would receive one, too.

use std::time::Duration;

use super::{EmailVerification, VerifiedAddress, done, event_of};
use crate::audit::Act;
use crate::clock::Timestamp;
use crate::email_link::{LinkError, LinkRequest, ValidLink, record_address};
use crate::factor::email;
use crate::key::{Key, KeyData, KeyPrefix};
use crate::limit::TooMany;
use crate::mail_request::MailRequest;
use crate::message::{Message, MessageKind};
use crate::password_reset::find_owner;
use crate::storage::{Change, Effects, EndSessions, StorageError};
use crate::user::{Patch, StateEvent, User, UserState, UserUpdate};
use crate::visitor::Visitor;

/// How long a change can be taken back.
const RESTORE_LIFETIME: Duration = Duration::from_hours(72);

/// A change of an address that is about to be stored.
pub(crate) enum AddressChange {
    /// It is stored with the other changes of the account.
    Prepared(PreparedAddress),
    /// Too many links were sent.
    TooMany {
        /// When the next one may be sent.
        retry_at: Timestamp,
    },
    /// The account is disabled, or its address must be verified first.
    NotAllowed,
}

/// What a change of an address stores.
#[derive(Default)]
pub(crate) struct PreparedAddress {
    /// The address, where it need not be verified.
    pub(crate) email: Patch<String>,
    pub(crate) event: Option<StateEvent>,
    pub(crate) revoke: &'static [KeyPrefix],
    pub(crate) issue: Vec<Key>,
    pub(crate) send: Vec<Message>,
    /// Whether a link must be used before the address is that of the account.
    pub(crate) needs_verification: bool,
    /// The address, if another account has it: its owner is to be notified.
    pub(crate) in_use: Option<String>,
}

/// Kinds of keys that a change of address deletes.
const REVOKED: &[KeyPrefix] =
    &[KeyPrefix::PasswordReset, KeyPrefix::EmailVerification, KeyPrefix::KnownDevice];

/// Also the links that restore an address.
const REVOKED_BY_RESTORING: &[KeyPrefix] = &[
    KeyPrefix::PasswordReset,
    KeyPrefix::EmailVerification,
    KeyPrefix::KnownDevice,
    KeyPrefix::AddressRestore,
];

/// What a change stores besides.
struct Sequel {
    issue: Vec<Key>,
    send: Vec<Message>,
}

impl EmailVerification {
    /// Prepares the change of the address of a logged-in user: at once or, where addresses must be
    /// verified, by a link to the new address, which replaces earlier ones. The caller has checked
    /// that the user may do this, and that it is another valid address.
    ///
    /// For an address that another account has, the same is stored, but no link is sent.
    pub(crate) async fn prepare(
        &self,
        user: &User,
        address: &str,
    ) -> Result<AddressChange, StorageError> {
        if user.state.after(StateEvent::PasswordResetRequired).is_none() {
            return Ok(AddressChange::NotAllowed);
        }
        if !self.is_enabled() {
            let Sequel { issue, send } = self.sequel(user, address).await?;
            return Ok(AddressChange::Prepared(PreparedAddress {
                email: Patch::Set(address.to_owned()),
                event: event_of(user),
                revoke: REVOKED,
                issue,
                send,
                ..PreparedAddress::default()
            }));
        }
        let kind = &MessageKind::EmailVerification;
        let charges = self.limits.mail(kind, &user.id, Some(address));
        if let Err(TooMany { retry_at }) = self.limits.charge(charges, Some(&user.id)).await? {
            return Ok(AddressChange::TooMany { retry_at });
        }
        let owner = find_owner(&*self.users, address).await?;
        let is_in_use = owner.is_some_and(|owner| *owner.id() != user.id);
        let data = KeyData::from_text(address);
        let variables = [("username", user.username.as_str())];
        let link = self.request_of(address, Some(&user.id), &variables, data);
        let link = self.links.make(link)?;
        tracing::info!(user = %user.id, "a link to verify a new e-mail address is sent");
        Ok(AddressChange::Prepared(PreparedAddress {
            revoke: &[KeyPrefix::EmailVerification],
            issue: vec![link.key],
            send: if is_in_use { Vec::new() } else { vec![link.message] },
            needs_verification: true,
            in_use: is_in_use.then(|| address.to_owned()),
            ..PreparedAddress::default()
        }))
    }

    /// Changes the address to the one that a link has verified.
    pub(super) async fn change_verified(
        &self,
        link: &ValidLink,
        user: &User,
        address: &str,
    ) -> Result<VerifiedAddress, LinkError> {
        let old_email = email(user);
        let Sequel { issue, send } = self.sequel(user, address).await?;
        let audit = [self.links.audit.event(Act::EmailChanged).about(user)];
        let change = Change {
            user: UserUpdate { email: Patch::Set(address.to_owned()), ..UserUpdate::default() },
            event: event_of(user),
            effects: Effects {
                consume: Some(&link.key.value),
                revoke: REVOKED,
                issue: &issue,
                send: &send,
                audit: &audit,
                ..Effects::default()
            },
            ..Change::default()
        };
        let user = done(self.users.change(&user.id, &change).await?)?;
        tracing::info!(user = %user.id, "e-mail address changed");
        Ok(VerifiedAddress { user, old_email })
    }

    /// The notice to the old address and its link. An address that was never verified gets none.
    async fn sequel(&self, user: &User, address: &str) -> Result<Sequel, StorageError> {
        let waits = event_of(user).is_some_and(|_| !matches!(user.state, UserState::Custom(_)));
        let Some(old) = email(user).filter(|_| !waits) else {
            return Ok(Sequel { issue: Vec::new(), send: Vec::new() });
        };
        let variables = [("username", user.username.as_str()), ("newEmail", address)];
        let kind = MessageKind::AddressChanged;
        if self.links.has(&user.id, KeyPrefix::AddressRestore).await? {
            let notice = self.links.compose(kind, &old, Some(&user.id), variables)?;
            return Ok(Sequel { issue: Vec::new(), send: vec![notice] });
        }
        let link = self.links.make(LinkRequest {
            prefix: KeyPrefix::AddressRestore,
            lifetime: RESTORE_LIFETIME,
            data: record_address(&old),
            kind,
            to: &old,
            user: Some(&user.id),
            variables: &variables,
        })?;
        Ok(Sequel { issue: vec![link.key], send: vec![link.message] })
    }

    /// The address that a link restores, if the link is valid. Does not use it up.
    pub async fn check_restore(
        &self,
        token: &str,
        visitor: Visitor<'_>,
    ) -> Result<String, LinkError> {
        Ok(self.find_restore(token, visitor).await?.1)
    }

    async fn find_restore(
        &self,
        token: &str,
        visitor: Visitor<'_>,
    ) -> Result<(ValidLink, String), LinkError> {
        let link = self.links.find(KeyPrefix::AddressRestore, token, visitor).await?;
        let address = link.recorded_address()?.ok_or(LinkError::Invalid)?;
        let (user, _) = link.user.clone().regardless_of_state();
        if user.state.after(StateEvent::PasswordResetRequired).is_none() {
            return Err(LinkError::NotActive);
        }
        Ok((link, address))
    }

    /// Restores the old address of an account whose user did not change it. Others may know the
    /// password, so sessions and known devices end, and the password must be reset by a link that
    /// is sent to the restored address, where passwords can be reset.
    pub async fn restore(&self, token: &str, visitor: Visitor<'_>) -> Result<User, LinkError> {
        let (link, address) = self.find_restore(token, visitor).await?;
        let event = self.offers_reset.then_some(StateEvent::PasswordResetRequired);
        let audit = [self.links.audit.event(Act::EmailRestored).about_stored(&link.user)];
        let change = Change {
            user: UserUpdate { email: Patch::Set(address), ..UserUpdate::default() },
            event,
            effects: Effects {
                consume: Some(&link.key.value),
                sessions: EndSessions::All,
                revoke: REVOKED_BY_RESTORING,
                audit: &audit,
                ..Effects::default()
            },
            ..Change::default()
        };
        let user = done(self.users.change(link.user.id(), &change).await?)?;
        tracing::warn!(user = %user.id, "the change of an e-mail address was taken back");
        if self.offers_reset {
            self.request_silently(MailRequest::ResetPassword(user.id.clone()));
        }
        Ok(user)
    }
}
