//! The first session of a user, which begins in the step that creates them.

use std::slice;

use super::begin::ID_ATTEMPTS;
use super::{BeginOptions, NewSession, Sessions};
use crate::account::{AccountError, Accounts};
use crate::audit::AuditEvent;
use crate::key::Owner;
use crate::storage::{Effects, Guard, StorageError};
use crate::user::{NewUser, StateChecks, UserSecrets};

/// A checked account, about to be stored.
pub(crate) struct NewAccount<'a> {
    pub(crate) user: &'a NewUser,
    pub(crate) secrets: &'a UserSecrets,
    /// The stored value of the one-time key that permits it.
    pub(crate) token: Option<&'a str>,
    /// The condition of its creation.
    pub(crate) guard: Guard<'a>,
    /// The events of its creation.
    pub(crate) audit: &'a [AuditEvent],
}

impl Sessions {
    /// Stores an account and its first session, and ends the session that this replaces, in one
    /// step.
    pub(crate) async fn begin_with_account(
        &self,
        accounts: &Accounts,
        account: NewAccount<'_>,
        beginning: &BeginOptions<'_>,
    ) -> Result<Box<NewSession>, AccountError> {
        if account.user.state.refusal(StateChecks::ALL).is_some() {
            return Err(AccountError::NotAllowed);
        }
        let replaces = beginning.replaces.map(|old| old.stored_value());
        let mut key = self.new_key(Owner::NewUser, beginning);
        for _ in 0..ID_ATTEMPTS {
            let id = self.assign_id(&mut key);
            let effects = Effects {
                consume: account.token,
                revoke: beginning.revoke,
                replaces: replaces.as_deref(),
                issue: slice::from_ref(&key),
                audit: account.audit,
                ..Effects::default()
            };
            match accounts.insert(account.user, account.secrets, account.guard, effects).await {
                Ok(stored) => {
                    let user = Box::new(stored.regardless_of_state().0);
                    return Ok(Box::new(self.new_session(id, &key, beginning, Some(user))));
                }
                // Either the id, or a name that another account got in this moment, which the
                // next attempt finds.
                Err(AccountError::Storage(error)) if error.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
        Err(StorageError::conflict("no free session id").into())
    }
}
