//! A person with an account: the record, its secrets, and partial updates of both.

mod name;
mod state;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use name::{EmailAddress, InvalidEmail, InvalidUsername, Normalization, Username};
pub use state::{Refusal, StateChecks, StateEvent, UserState};

/// What identifies a user in storage and never changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum UserId {
    /// A row number.
    Integer(i64),
    /// A UUID, a directory name, or whatever text the storage chose.
    Text(String),
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(id) => id.fmt(f),
            Self::Text(id) => id.fmt(f),
        }
    }
}

/// An account. Holds no secret, so it can be shown to the user it describes.
///
/// Serialises to the JSON of the `user` member of the API. `id`, `username_normalized` and
/// `email_normalized` are the storage's to set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// Identifies the user; never reused for another.
    pub id: UserId,
    /// The name as the user typed it.
    pub username: String,
    /// The name as it is looked up.
    #[serde(skip)]
    pub username_normalized: String,
    /// Where mail goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The address as it is looked up.
    #[serde(skip)]
    pub email_normalized: Option<String>,
    /// Whether and how the account may be used.
    pub state: UserState,
    /// Name of the first factor, such as `localpassword`.
    pub factor1: String,
    /// Name of the second factor; empty for none.
    pub factor2: String,
    /// Whether the user may administer others.
    pub admin: bool,
    /// The application's own fields.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl User {
    /// Whether logging in takes a second factor.
    pub fn has_second_factor(&self) -> bool {
        !matches!(self.factor2.as_str(), "" | "none")
    }
}

/// A user about to be stored; the storage adds the id and the normalised names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// The name as the user typed it.
    pub username: String,
    /// Where mail goes.
    pub email: Option<String>,
    /// Whether and how the account may be used.
    pub state: UserState,
    /// Name of the first factor.
    pub factor1: String,
    /// Name of the second factor; empty for none.
    pub factor2: String,
    /// Whether the user may administer others.
    pub admin: bool,
    /// The application's own fields.
    pub extra: Map<String, Value>,
}

impl NewUser {
    /// An active user with a password as the only factor and no further fields.
    pub fn named(username: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            email: None,
            state: UserState::Active,
            factor1: crate::password::FACTOR_NAME.into(),
            factor2: String::new(),
            admin: false,
            extra: Map::new(),
        }
    }
}

/// What a partial update does to one nullable field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// Leave the field as it is.
    #[default]
    Keep,
    /// Write this value.
    Set(T),
    /// Write null.
    Clear,
}

impl<T> Patch<T> {
    /// Applies the change to a field in memory.
    pub fn apply(self, field: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Set(value) => *field = Some(value),
            Self::Clear => *field = None,
        }
    }
}

/// A partial update of a user: what is `None` or [`Patch::Keep`] stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserUpdate {
    /// New name.
    pub username: Option<String>,
    /// New address, or none any more.
    pub email: Patch<String>,
    /// New state.
    pub state: Option<UserState>,
    /// New first factor.
    pub factor1: Option<String>,
    /// New second factor; empty turns it off.
    pub factor2: Option<String>,
    /// Grants or withdraws administration.
    pub admin: Option<bool>,
    /// Application fields to write; `null` clears one, absent ones stay.
    pub extra: Map<String, Value>,
}

/// What proves that a user is who they say: stored forms only, never shown to anyone.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct UserSecrets {
    /// The password hash, in a form [`crate::password`] reads.
    pub password: Option<String>,
    /// The shared secret of the TOTP factor.
    pub totpsecret: Option<String>,
}

impl fmt::Debug for UserSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserSecrets")
            .field("password", &self.password.as_ref().map(|_| "…"))
            .field("totpsecret", &self.totpsecret.as_ref().map(|_| "…"))
            .finish()
    }
}

/// A partial update of a user's secrets; merged with what is stored.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SecretsUpdate {
    /// New password hash, or none any more.
    pub password: Patch<String>,
    /// New TOTP secret, or none any more.
    pub totpsecret: Patch<String>,
}

impl fmt::Debug for SecretsUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretsUpdate(…)")
    }
}
