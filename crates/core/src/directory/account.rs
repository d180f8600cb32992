//! Accounts of the directory.

use std::sync::Arc;
use std::time::Duration;

use super::{CountedDirectory, DirectoryConfig, Entry, FirstLogin, Passwords};
use crate::account::{AccountError, Accounts};
use crate::audit::Audit;
use crate::clock::Clock;
use crate::crypto::{StoredValue, stored_value};
use crate::deps::Deps;
use crate::factor::Factors;
use crate::key::KeyPrefix;
use crate::storage::{AttemptStore, KeyStore, StorageError, UserStore};
use crate::user::User;

/// Creates, links, changes and disables accounts as the directory says.
pub struct DirectoryAccounts {
    pub(super) users: Arc<dyn UserStore>,
    pub(super) keys: Arc<dyn KeyStore>,
    pub(super) attempts: Arc<dyn AttemptStore>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) passwords: Arc<Passwords>,
    pub(super) factors: Arc<Factors>,
    pub(super) audit: Arc<Audit>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) directory: Arc<CountedDirectory>,
    pub(super) first_login: FirstLogin,
    pub(super) check_interval: Option<Duration>,
}

impl DirectoryAccounts {
    pub(crate) fn new(
        deps: &Deps,
        accounts: Arc<Accounts>,
        directory: Arc<CountedDirectory>,
        config: &DirectoryConfig,
    ) -> Self {
        let DirectoryConfig { first_login, check_interval, .. } = *config;
        Self {
            users: deps.storage.users.clone(),
            keys: deps.storage.keys.clone(),
            attempts: deps.storage.attempts.clone(),
            accounts,
            passwords: deps.passwords.clone(),
            factors: deps.factors.clone(),
            audit: deps.audit.clone(),
            clock: deps.clock.clone(),
            directory,
            first_login,
            check_interval,
        }
    }

    /// Whether the first login of an entry creates its account.
    pub fn first_login(&self) -> FirstLogin {
        self.first_login
    }

    /// Whether an account may be created for an entry: the error says why not, such as a username
    /// that is not allowed.
    pub fn check(&self, entry: &Entry) -> Result<(), AccountError> {
        self.accounts.draft_of_entry(entry, self.directory.factor()).map(drop)
    }

    /// The account that is linked to an entry, whatever its username; or, if there is none, the one
    /// with the username of the entry, which may not belong to the directory.
    pub async fn find(&self, entry: &Entry) -> Result<Option<User>, StorageError> {
        Ok(self.find_account(entry).await?.map(|found| found.regardless_of_state().0))
    }
}

/// The value of the key by which the account of an entry is found. Two accounts never have the same.
pub(super) fn entry_key(id: &str) -> StoredValue {
    stored_value(KeyPrefix::DirectoryEntry, id)
}
