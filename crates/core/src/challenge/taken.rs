//! Sign-ups with an address that another account has.
//!
//! What they answer must not reveal that. So an account is created, and its second factor set up, as
//! for any other sign-up; but the account has no address, and nothing is sent to it. If the
//! username is the address, the account has another name, too.

use serde::{Deserialize, Serialize};

use super::Account;
use crate::factor::Description;

/// Name and address as the sign-up gave them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TakenAddress {
    pub(crate) username: String,
    pub(crate) email: String,
}

impl Account {
    /// The account as its user believes it to be.
    pub(crate) fn with_taken_address(mut self, taken: Option<TakenAddress>) -> Self {
        if let Some(TakenAddress { username, email }) = &taken {
            self.user.username.clone_from(username);
            self.user.email = Some(email.clone());
        }
        self.taken = taken;
        self
    }

    /// Whether a factor sends its codes to an address that is not the user's: none is sent then, and
    /// every response is wrong.
    pub(super) fn receives_nothing(&self, factor: &Description) -> bool {
        let needs_email = factor.proves_email || factor.bound_field == Some("email");
        self.taken.is_some() && needs_email
    }
}
