//! A change of an account that an administrator makes, composed of parts and stored in one
//! transaction.

use super::{AccountError, Accounts};
use crate::audit::AuditEvent;
use crate::key::{Key, KeyPrefix};
use crate::message::Message;
use crate::storage::{Change, Charge, Effects, EndSessions, Guard, StorageError};
use crate::user::{Patch, SecretsUpdate, StateEvent, User, UserId, UserUpdate};

/// Mailed links, which are invalid after an account was disabled.
pub(crate) const LINKS: &[KeyPrefix] =
    &[KeyPrefix::PasswordReset, KeyPrefix::EmailVerification, KeyPrefix::AddressRestore];

/// What a change writes, and what happens with it.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) user: UserUpdate,
    pub(super) secrets: SecretsUpdate,
    pub(super) event: Option<StateEvent>,
    /// [`Guard::None`] or [`Guard::NotTheLastAdmin`].
    pub(super) guard: Guard<'static>,
    pub(super) sessions: EndSessions<'static>,
    pub(super) revoke: Vec<KeyPrefix>,
    pub(super) issue: Vec<Key>,
    pub(super) send: Vec<Message>,
    pub(super) audit: Vec<AuditEvent>,
    /// What the limits were charged for it, which is given back if nothing changes.
    pub(super) charges: Vec<Charge>,
}

impl Plan {
    /// Adds the change of the state or the second factor to a change of fields.
    pub(super) fn with_state(self, state: Self) -> Self {
        let Self { user, secrets, event, guard, sessions, revoke, issue, send, audit, charges } =
            state;
        Self {
            user: UserUpdate { factor2: user.factor2, ..self.user },
            secrets,
            event,
            guard: if guard == Guard::None { self.guard } else { guard },
            sessions,
            revoke: [self.revoke, revoke].concat(),
            issue: [self.issue, issue].concat(),
            send: [self.send, send].concat(),
            audit: [self.audit, audit].concat(),
            charges: [self.charges, charges].concat(),
        }
    }

    /// Makes a disabled account active.
    pub(super) fn enabling(recorded: AuditEvent) -> Self {
        Self {
            event: Some(StateEvent::Enabled),
            sessions: EndSessions::All,
            revoke: LINKS.to_vec(),
            audit: vec![recorded],
            ..Self::default()
        }
    }

    /// Disables an account.
    pub(super) fn disabling(recorded: AuditEvent) -> Self {
        Self {
            event: Some(StateEvent::Disabled),
            guard: Guard::NotTheLastAdmin,
            sessions: EndSessions::All,
            revoke: LINKS.to_vec(),
            audit: vec![recorded],
            ..Self::default()
        }
    }
}

impl Accounts {
    /// Stores a change; all or nothing.
    pub(super) async fn execute(&self, id: &UserId, plan: Plan) -> Result<User, AccountError> {
        let Plan { user, secrets, event, guard, sessions, revoke, issue, send, audit, charges } =
            plan;
        let effects = Effects {
            sessions,
            revoke: &revoke,
            issue: &issue,
            send: &send,
            audit: &audit,
            ..Effects::default()
        };
        let change = Change { user, secrets, event, guard, effects };
        let changed = self.change_readable(id, &change).await;
        if changed.is_err() {
            self.limits.give_back(&charges).await;
        }
        changed
    }

    /// A change of fields.
    pub(super) async fn plan_update(
        &self,
        id: &UserId,
        user: UserUpdate,
    ) -> Result<Plan, StorageError> {
        let mut revoke = Vec::new();
        // A username may be the address.
        if user.email != Patch::Keep || user.username.is_some() {
            // Links that were sent to the old address, and devices that its owner remembered.
            revoke.extend([
                KeyPrefix::PasswordReset,
                KeyPrefix::EmailVerification,
                KeyPrefix::AddressRestore,
                KeyPrefix::KnownDevice,
            ]);
        }
        if user.admin == Some(true) {
            revoke.push(KeyPrefix::Setup);
        }
        let guard = match user.admin {
            Some(false) => Guard::NotTheLastAdmin,
            Some(true) | None => Guard::None,
        };
        let audit = self.events_of_update(id, &user).await?;
        Ok(Plan { user, guard, revoke, audit, ..Plan::default() })
    }
}
