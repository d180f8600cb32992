//! Users as sent to browsers.

use crossauth_core::clock::Timestamp;
use crossauth_core::user::{FactorName, User, is_reserved_field};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::crossauth::Crossauth;

/// A user with our fields and the visible application fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VisibleUser<'a> {
    user: &'a User,
    fields: &'a [String],
}

impl<'a> VisibleUser<'a> {
    pub(crate) fn new(crossauth: &'a Crossauth, user: &'a User) -> Self {
        Self { user, fields: &crossauth.config().visible_fields }
    }

    /// Only our fields.
    pub(crate) fn bare(user: &'a User) -> Self {
        Self { user, fields: &[] }
    }
}

impl Serialize for VisibleUser<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { user, fields } = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &user.id)?;
        map.serialize_entry("username", &user.username)?;
        if let Some(email) = &user.email {
            map.serialize_entry("email", email)?;
        }
        map.serialize_entry("state", &user.state)?;
        map.serialize_entry("factor1", &user.factor1)?;
        map.serialize_entry("factor2", FactorName::text(user.factor2.as_ref()))?;
        map.serialize_entry("admin", &user.admin)?;
        for (name, value) in &user.extra {
            if fields.contains(name) && !is_reserved_field(name) {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

/// A user for administrators: with all application fields, and since when there is the account.
#[derive(Debug, Clone)]
pub(crate) struct AdminUser(pub(crate) User);

impl Serialize for AdminUser {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(user) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &user.id)?;
        map.serialize_entry("username", &user.username)?;
        map.serialize_entry("email", &user.email)?;
        map.serialize_entry("state", &user.state)?;
        map.serialize_entry("factor1", &user.factor1)?;
        map.serialize_entry("factor2", FactorName::text(user.factor2.as_ref()))?;
        map.serialize_entry("admin", &user.admin)?;
        map.serialize_entry("created", &user.created.and_then(Timestamp::to_rfc3339))?;
        for (name, value) in &user.extra {
            if !is_reserved_field(name) && name != "created" {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::page::sample_user;

    #[test]
    fn application_fields_do_not_shadow_ours() {
        let fields = ["admin", "ID", "team"].map(str::to_owned);
        let extra = [("admin", json!(true)), ("ID", json!(7)), ("team", json!("red"))];
        let extra = Map::from_iter(extra.map(|(name, value)| (name.to_owned(), value)));
        let user = User { admin: false, extra, ..sample_user() };
        let shown = serde_json::to_string(&VisibleUser { user: &user, fields: &fields }).unwrap();
        assert!(shown.contains(r#""admin":false"#) && shown.contains(r#""team":"red""#), "{shown}");
        assert!(!shown.contains("true") && !shown.contains("ID"), "{shown}");
    }
}
