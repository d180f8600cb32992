//! Users as sent to browsers.

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
