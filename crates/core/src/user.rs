//! Users: the record, its secrets, and partial updates of both.

mod factor;
mod field;
mod id;
mod name;
mod state;

use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::clock::Timestamp;

pub use factor::FactorName;
pub use field::is_reserved_field;
pub use id::UserId;
pub use name::{
    EmailAddress, InvalidEmail, InvalidUsername, Normalization, ReservedNames, Username,
};
pub(crate) use name::{is_blank, is_confusable};
pub(crate) use name::{nfc, skeleton};
pub use state::{Refusal, StateChecks, StateEvent, UserState};

/// An account. Contains no secret, so it can be shown to its user.
///
/// Serializes to the JSON of the `user` member of the API: an application field with a [reserved
/// name](is_reserved_field) is left out, so that it cannot shadow one of our fields. `id` is set by
/// the storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Identifies the user; never reused.
    pub id: UserId,
    /// The username as entered.
    pub username: String,
    /// The e-mail address as entered.
    pub email: Option<String>,
    /// The state of the account.
    pub state: UserState,
    /// The first factor.
    pub factor1: FactorName,
    /// The second factor; `None` for a login with the first one only.
    pub factor2: Option<FactorName>,
    /// Whether the user is an administrator.
    pub admin: bool,
    /// When the account was created; `None` if the storage has no record of it.
    pub created: Option<Timestamp>,
    /// Fields of the application.
    pub extra: Map<String, Value>,
}

impl Serialize for User {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("username", &self.username)?;
        if let Some(email) = &self.email {
            map.serialize_entry("email", email)?;
        }
        map.serialize_entry("state", &self.state)?;
        map.serialize_entry("factor1", &self.factor1)?;
        map.serialize_entry("factor2", FactorName::text(self.factor2.as_ref()))?;
        map.serialize_entry("admin", &self.admin)?;
        let created = self.created.and_then(Timestamp::to_rfc3339);
        if let Some(created) = &created {
            map.serialize_entry("created", created)?;
        }
        // Not reserved: a mapped table may have a column of this name.
        let is_shown = |name: &str| created.is_none() || name != "created";
        for (name, value) in &self.extra {
            if !is_reserved_field(name) && is_shown(name) {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

/// A user to be stored; the storage adds the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// The username as entered.
    pub username: String,
    /// The e-mail address as entered.
    pub email: Option<String>,
    /// The state of the account.
    pub state: UserState,
    /// The first factor.
    pub factor1: FactorName,
    /// The second factor; `None` for a login with the first one only.
    pub factor2: Option<FactorName>,
    /// Whether the user is an administrator.
    pub admin: bool,
    /// When the account is created; `None` if that is unknown.
    pub created: Option<Timestamp>,
    /// Fields of the application.
    pub extra: Map<String, Value>,
}

impl NewUser {
    /// An active user with a password as the only factor and no other fields.
    pub fn named(username: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            email: None,
            state: UserState::Active,
            factor1: FactorName::PASSWORD,
            factor2: None,
            admin: false,
            created: None,
            extra: Map::new(),
        }
    }

    /// The stored user with this id.
    pub fn with_id(self, id: UserId) -> User {
        let Self { username, email, state, factor1, factor2, admin, created, extra } = self;
        User { id, username, email, state, factor1, factor2, admin, created, extra }
    }
}

/// A partial update of one nullable field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// Leave the field unchanged.
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

/// A partial update of a user; `None` and [`Patch::Keep`] leave a field unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserUpdate {
    /// New username.
    pub username: Option<String>,
    /// New e-mail address, or its removal.
    pub email: Patch<String>,
    /// New state.
    pub state: Option<UserState>,
    /// New first factor.
    pub factor1: Option<FactorName>,
    /// New second factor, or none any more.
    pub factor2: Patch<FactorName>,
    /// Makes the user an administrator or an ordinary user.
    pub admin: Option<bool>,
    /// Application fields to write; `null` deletes a field, absent ones stay.
    pub extra: Map<String, Value>,
}

impl UserUpdate {
    /// Applies the update to a user in memory.
    pub fn apply(self, user: &mut User) {
        let Self { username, email, state, factor1, factor2, admin, extra } = self;
        user.username = username.unwrap_or_else(|| std::mem::take(&mut user.username));
        email.apply(&mut user.email);
        user.state = state.unwrap_or_else(|| user.state.clone());
        user.factor1 = factor1.unwrap_or_else(|| user.factor1.clone());
        factor2.apply(&mut user.factor2);
        user.admin = admin.unwrap_or(user.admin);
        for (name, value) in extra {
            if value.is_null() {
                user.extra.remove(&name);
            } else {
                user.extra.insert(name, value);
            }
        }
    }
}

impl From<&NewUser> for UserUpdate {
    /// The update that writes every field of a new user that can change later.
    fn from(new: &NewUser) -> Self {
        let NewUser { username, email, state, factor1, factor2, admin, created: _, extra } = new;
        Self {
            username: Some(username.clone()),
            email: email.clone().map_or(Patch::Clear, Patch::Set),
            state: Some(state.clone()),
            factor1: Some(factor1.clone()),
            factor2: factor2.clone().map_or(Patch::Clear, Patch::Set),
            admin: Some(*admin),
            extra: extra.clone(),
        }
    }
}

/// The stored credentials of a user. `Debug` is redacted.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct UserSecrets {
    /// The password hash, in a format of [`crate::password`].
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

/// A partial update of a user's secrets.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SecretsUpdate {
    /// New password hash, or its removal.
    pub password: Patch<String>,
    /// New TOTP secret, or its removal.
    pub totpsecret: Patch<String>,
}

impl fmt::Debug for SecretsUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretsUpdate(…)")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(extra: Map<String, Value>) -> User {
        NewUser { extra, ..NewUser::named("Bob") }.with_id(UserId::Integer(1))
    }

    #[test]
    fn application_fields_cannot_shadow_fields_of_the_user() {
        let ours = serde_json::to_value(user(Map::new())).unwrap();
        let mut extra = Map::new();
        for name in ["id", "username", "email", "state", "factor1", "factor2", "admin", "Admin"] {
            extra.insert(name.into(), json!(true));
        }
        for secret in ["password", "totpsecret", "otp", "credential_epoch"] {
            extra.insert(secret.into(), json!("secret"));
        }
        let text = serde_json::to_string(&user(extra.clone())).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), ours, "{text}");
        assert_eq!(text.matches("\"admin\"").count(), 1, "{text}");

        extra.insert("phone".into(), json!("1"));
        assert_eq!(serde_json::to_value(user(extra)).unwrap()["phone"], "1");
    }

    #[test]
    fn time_of_creation_is_ours_where_it_is_known_and_else_the_applications() {
        let mut extra = Map::new();
        extra.insert("created".into(), json!("by hand"));
        let mut bob = user(extra);
        assert_eq!(serde_json::to_value(&bob).unwrap()["created"], "by hand");
        bob.created = Some(Timestamp::from_millis(1_767_225_600_123));
        let text = serde_json::to_string(&bob).unwrap();
        assert_eq!(text.matches("\"created\"").count(), 1, "{text}");
        assert!(text.contains("\"created\":\"2026-01-01T00:00:00Z\""), "{text}");
    }
}
