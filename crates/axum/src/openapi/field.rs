//! The schemas of the fields that an application describes.

use serde_json::{Map, Value, json};

use crate::crossauth::Crossauth;
use crate::signup_field::{FieldKind, SignupField};

/// The schema of a user in responses.
const USER: &str = "User";
const SIGNUP_FORM: &str = "SignupForm";
const UPDATE_USER_FORM: &str = "UpdateUserForm";

/// Adds the application's fields to the schemas of users and of the forms that set them.
pub(super) fn add(crossauth: &Crossauth, schemas: &mut Map<String, Value>) {
    let config = crossauth.config();
    for name in &config.visible_fields {
        add_property(schemas, USER, name, json!({}));
    }
    for field in &config.signup_fields {
        let name = format!("user_{}", field.name);
        add_property(schemas, SIGNUP_FORM, &name, schema(field, field.required));
        if field.required {
            add_required(schemas, &name);
        }
        if crossauth.auth().profile.is_editable(&field.name) {
            add_property(schemas, UPDATE_USER_FORM, &name, schema(field, false));
        }
    }
}

/// A property that Crossauth defines itself stays as it is.
fn add_property(schemas: &mut Map<String, Value>, name: &str, property: &str, schema: Value) {
    let Some(properties) = schemas.get_mut(name).and_then(|it| it.get_mut("properties")) else {
        return;
    };
    if properties.get(property).is_none() {
        properties[property] = schema;
    }
}

fn add_required(schemas: &mut Map<String, Value>, property: &str) {
    let form = schemas.get_mut(SIGNUP_FORM).and_then(|form| form.get_mut("required"));
    if let Some(required) = form.and_then(Value::as_array_mut) {
        required.push(property.into());
    }
}

/// The schema of a field in a request.
fn schema(field: &SignupField, required: bool) -> Value {
    let format = match field.kind {
        FieldKind::Email => Some("email"),
        FieldKind::Date => Some("date"),
        FieldKind::Url => Some("uri"),
        FieldKind::Text | FieldKind::Phone | FieldKind::Number => None,
    };
    let types = match field.kind {
        FieldKind::Number => ["number", "string"].as_slice(),
        FieldKind::Text
        | FieldKind::Email
        | FieldKind::Phone
        | FieldKind::Date
        | FieldKind::Url => &["string"],
    };
    let mut schema = json!({ "type": types, "description": field.label });
    if let Some(format) = format {
        schema["format"] = format.into();
    }
    if !field.choices.is_empty() {
        let choices = field.choices.iter().map(|(value, _)| Value::from(value.as_str()));
        schema["enum"] = choices.collect();
    }
    if required {
        return schema;
    }
    // An empty text stands for no value, as in a form.
    json!({ "anyOf": [schema, { "const": "" }, { "type": "null" }] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_fields_may_be_empty_and_choices_are_listed() {
        let team = SignupField::new("team").choices([("red", "Red team")]);
        let expected = json!({ "type": ["string"], "description": "Team", "enum": ["red"] });
        assert_eq!(schema(&team, true), expected);
        let optional = json!({ "anyOf": [expected, { "const": "" }, { "type": "null" }] });
        assert_eq!(schema(&team, false), optional);
        let age = SignupField::new("age").kind(FieldKind::Number);
        assert_eq!(schema(&age, true)["type"], json!(["number", "string"]));
        let site = SignupField::new("site").kind(FieldKind::Url);
        assert_eq!(schema(&site, true)["format"], "uri");
    }
}
