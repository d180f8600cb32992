//! A change of an account that an administrator makes, composed of parts and stored in one
//! transaction.

use super::{AccountError, Accounts};
use crate::audit::AuditEvent;
use crate::key::{Key, KeyPrefix};
use crate::message::Message;
use crate::storage::{
    Change, Changed, Charge, CredentialVersion, Effects, EndSessions, Guard, StorageError,
};
use crate::user::{Patch, SecretsUpdate, StateEvent, User, UserId, UserUpdate};

/// How often a change is tried whose account is linked to another entry of the directory each time.
const ATTEMPTS: usize = 5;

/// Mailed links, which are invalid after an account was disabled.
pub(crate) const LINKS: &[KeyPrefix] =
    &[KeyPrefix::PasswordReset, KeyPrefix::EmailVerification, KeyPrefix::AddressRestore];

/// What a change writes, and what happens with it.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) user: UserUpdate,
    pub(super) secrets: SecretsUpdate,
    /// Whether it is an administrator who decides if the account is enabled: the directory does not
    /// enable it again.
    pub(super) decides: bool,
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
        Self {
            user: UserUpdate { factor2: state.user.factor2, ..self.user },
            guard: if state.guard == Guard::None { self.guard } else { state.guard },
            revoke: [self.revoke, state.revoke].concat(),
            issue: [self.issue, state.issue].concat(),
            send: [self.send, state.send].concat(),
            audit: [self.audit, state.audit].concat(),
            charges: [self.charges, state.charges].concat(),
            ..state
        }
    }

    /// Makes a disabled account active.
    pub(super) fn enabling(recorded: AuditEvent) -> Self {
        Self {
            decides: true,
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
            decides: true,
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
    /// Stores a change that [needs the account](Change::needs_account); all or nothing.
    pub(super) async fn execute(&self, id: &UserId, plan: Plan) -> Result<User, AccountError> {
        readable(self.execute_any(id, plan).await?)
    }

    /// Stores a change; all or nothing. `None` if the changed account cannot be decoded.
    pub(super) async fn execute_any(
        &self,
        id: &UserId,
        plan: Plan,
    ) -> Result<Option<User>, AccountError> {
        let changed = self.try_plan(id, &plan).await;
        if changed.is_err() {
            self.limits.give_back(&plan.charges).await;
        }
        changed
    }

    async fn try_plan(&self, id: &UserId, plan: &Plan) -> Result<Option<User>, AccountError> {
        for _ in 0..ATTEMPTS {
            let decided = if plan.decides { self.decided_link(id).await? } else { None };
            let mut secrets = plan.secrets.clone();
            if let Some((link, _)) = &decided {
                secrets.password = Patch::Set(link.stored());
            }
            let effects = Effects {
                sessions: plan.sessions,
                revoke: &plan.revoke,
                issue: &plan.issue,
                send: &plan.send,
                audit: &plan.audit,
                ..Effects::default()
            };
            let credentials = decided.as_ref().map(|(_, credentials)| credentials);
            let (user, event) = (plan.user.clone(), plan.event);
            let guard = guarded(plan.guard, credentials);
            let change = Change { user, secrets, event, guard, effects };
            let changed = self.users.change(id, &change).await?;
            if changed != Changed::GuardFailed || decided.is_none() {
                return Self::changed(changed);
            }
        }
        Err(StorageError::unavailable("the link of the account to its entry changes all the time")
            .into())
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

/// The account after a change that needs it.
pub(super) fn readable(changed: Option<User>) -> Result<User, AccountError> {
    changed.ok_or_else(|| StorageError::bug("a change was made without the account").into())
}

/// A guard that also fails if the account was linked to another entry.
fn guarded<'a>(guard: Guard<'a>, credentials: Option<&'a CredentialVersion>) -> Guard<'a> {
    match (credentials, guard) {
        (None, guard) => guard,
        (Some(credentials), Guard::NotTheLastAdmin) => {
            Guard::CredentialsAndNotTheLastAdmin(credentials)
        }
        (Some(credentials), _) => Guard::CredentialsAre(credentials),
    }
}
