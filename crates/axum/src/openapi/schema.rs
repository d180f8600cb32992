//! Schemas of types that are serialized by hand or belong to `crossauth-core`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::next::NextPath;
use crate::routes::api_key::Scopes;
use crate::visible_user::{AdminUser, VisibleUser};

/// The id of a user: a number or text, depending on the storage.
pub(crate) struct Id;

/// A user after a change of the e-mail address.
pub(crate) struct ChangedUser;

/// What a second factor shows, which depends on the factor.
pub(crate) struct FactorShown;

/// A failure.
pub(crate) struct Error;

macro_rules! schema {
    ($type:ty, $name:literal, $generator:ident => $schema:expr) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

schema!(Id, "UserId", _generator => json_schema!({ "type": ["integer", "string"] }));

schema!(NextPath, "NextPath", _generator => json_schema!({
    "type": "string",
    "description": "A path of this site. Other values are ignored.",
}));

schema!(Scopes, "Scopes", _generator => json_schema!({
    "anyOf": [
        { "type": "array", "items": { "type": "string" } },
        { "type": ["string", "null"] },
    ],
    "description": "A list, or one text with spaces between the scopes",
}));

schema!(VisibleUser<'_>, "User", generator => user(generator));

schema!(AdminUser, "AdminUser", generator => {
    let mut schema = user(generator);
    let properties = &mut schema.ensure_object()["properties"];
    properties["email"] = serde_json::json!({ "type": ["string", "null"] });
    properties["created"] = serde_json::json!({ "type": ["string", "null"], "format": "date-time" });
    schema
});

schema!(ChangedUser, "ChangedUser", generator => {
    let mut schema = user(generator);
    let description = "The address before, if it was changed";
    schema.ensure_object()["properties"]["oldEmail"] =
        serde_json::json!({ "type": "string", "description": description });
    schema
});

schema!(FactorShown, "FactorShown", _generator => json_schema!({
    "type": "object",
    "properties": {
        "factor2": { "type": "string", "description": "The name of the factor" },
        "username": { "type": "string" },
        "totpsecret": { "type": "string", "description": "The secret in base32" },
        "uri": { "type": "string", "description": "The `otpauth:` URI of the secret" },
        "qr": { "type": "string", "description": "The URI as a QR code, a `data:` URL" },
        "sentTo": { "type": "string", "description": "The masked address or number" },
        "email": { "type": "string", "description": "The address that is being confirmed" },
        "phone": { "type": "string", "description": "The number that is being confirmed" },
    },
}));

schema!(Error, "Error", _generator => json_schema!({
    "type": "object",
    "required": ["ok", "errorMessage", "errorMessages", "errorCode", "errorCodeName"],
    "properties": {
        "ok": { "const": false },
        "errorMessage": { "type": "string", "description": "All messages, joined" },
        "errorMessages": { "type": "array", "items": { "type": "string" }, "minItems": 1 },
        "errorCode": { "type": "integer", "description": "The number of the code" },
        "errorCodeName": { "type": "string", "description": "The name of the code" },
        "fieldErrors": {
            "type": "object",
            "description": "The messages of each invalid field",
            "additionalProperties": { "type": "array", "items": { "type": "string" } },
        },
    },
}));

fn user(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "required": ["id", "username", "state", "factor1", "factor2", "admin"],
        "properties": {
            "id": generator.subschema_for::<Id>(),
            "username": { "type": "string" },
            "email": { "type": "string", "description": "Absent if the account has no address" },
            "state": { "type": "string", "description": "Such as `active` or `disabled`" },
            "factor1": { "type": "string" },
            "factor2": { "type": "string", "description": "The second factor, or `none`" },
            "admin": { "type": "boolean", "description": "Whether the user is an administrator" },
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crossauth_core::error::{ErrorBody, ErrorCode};
    use crossauth_core::form::FieldMessages;
    use serde::Serialize;
    use serde_json::Value;

    use super::*;
    use crate::page::sample_user;

    /// The members of what is serialized, without `ok`.
    fn members(value: impl Serialize) -> BTreeSet<String> {
        let value = serde_json::to_value(value).unwrap();
        value.as_object().unwrap().keys().filter(|name| *name != "ok").cloned().collect()
    }

    fn properties<T: JsonSchema>() -> BTreeSet<String> {
        let schema = T::json_schema(&mut SchemaGenerator::default());
        members(schema.get("properties").cloned().unwrap_or(Value::Null))
    }

    #[test]
    fn schemas_by_hand_have_the_members_that_are_serialized() {
        assert_eq!(properties::<VisibleUser<'_>>(), members(VisibleUser::bare(&sample_user())));
        assert_eq!(properties::<AdminUser>(), members(AdminUser(sample_user())));
        let mut fields = FieldMessages::default();
        fields.add("user_email", "is required".into());
        let error = ErrorBody::new(ErrorCode::FormEntry, vec![]).with_fields(fields);
        assert_eq!(properties::<Error>(), members(error));
    }
}
