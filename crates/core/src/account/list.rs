//! Lists of accounts.

use super::{AccountRef, Accounts, Role};
use crate::directory::PasswordSource;
use crate::storage::{StorageError, UserPage, UserPosition, UserQuery};
use crate::user::User;

/// Maximum number of accounts that a list [skips](UserPosition::Skip).
pub const MAX_SKIPPED: u32 = 100_000;

/// Why no accounts are listed.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// More than [`MAX_SKIPPED`] accounts would be skipped. Pages further on are found by
    /// [`UserPosition::After`].
    #[error("a list cannot skip more than {MAX_SKIPPED} accounts")]
    TooFar,
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// An account with what an administrator should know of its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountDetails {
    /// The account.
    pub user: User,
    /// Whether it has a password, here or in the directory.
    pub has_password: bool,
}

impl Accounts {
    /// Lists accounts in any state, in the order of their normalized usernames.
    ///
    /// Where the application [searches](crate::hooks::Hooks::user_search), a searched text selects
    /// the accounts that it finds, in its order.
    pub async fn list(&self, query: &UserQuery<'_>) -> Result<UserPage, ListError> {
        if matches!(query.position, UserPosition::Skip(number) if number > MAX_SKIPPED) {
            return Err(ListError::TooFar);
        }
        let search = query.search.map(str::trim).filter(|text| !text.is_empty());
        let query = UserQuery { search, ..query.clone() };
        // No name or address has this character, and some databases refuse it.
        let has_null = |text: Option<&str>| text.is_some_and(|text| text.contains('\0'));
        if has_null(search) || has_null(query.position.name()) {
            return Ok(UserPage::default());
        }
        match (&self.hooks.user_search, search) {
            (Some(find), Some(text)) => {
                Ok(page(find(text.to_owned(), self.users.clone()).await?, &query))
            }
            (Some(_) | None, Some(_) | None) => Ok(self.users.list(&query).await?),
        }
    }

    /// Finds an account in any state, with what is known of its secrets; `None` if it does not exist.
    pub async fn details(
        &self,
        account: impl Into<AccountRef<'_>>,
    ) -> Result<Option<AccountDetails>, StorageError> {
        let found = self.stored(account).await?;
        Ok(found.map(|stored| AccountDetails {
            has_password: match self.passwords.source_of(&stored) {
                PasswordSource::None => false,
                PasswordSource::Hash(hash) => !hash.is_empty(),
                PasswordSource::Entry { .. } => true,
            },
            user: stored.regardless_of_state().0,
        }))
    }
}

/// The page of a query among the users that the application has found.
fn page(found: Vec<User>, query: &UserQuery<'_>) -> UserPage {
    let matches = |user: &User| {
        query.state.as_ref().is_none_or(|state| user.state == *state)
            && query.role.is_none_or(|role| user.admin == (role == Role::Administrator))
    };
    let mut found: Vec<User> = found.into_iter().filter(matches).collect();
    let place = |name: &str| found.iter().position(|user| user.username == name);
    match query.position {
        UserPosition::First => {}
        UserPosition::Last => found.reverse(),
        UserPosition::After(name) => {
            found.drain(..place(name).map_or(found.len(), |place| place + 1));
        }
        UserPosition::Before(name) => {
            found.truncate(place(name).unwrap_or_default());
            found.reverse();
        }
        UserPosition::Skip(number) => {
            found.drain(..found.len().min(number as usize));
        }
    }
    found.truncate((query.limit as usize).saturating_add(1));
    let rows = found.into_iter().map(|user| (Some(user.username.clone()), Some(user)));
    UserPage::of_rows(rows.collect(), query)
}
