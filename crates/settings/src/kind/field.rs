//! Fields of the sign-up form: tables in the file, a JSON array of objects in the environment.

use crossauth_axum::{FieldKind, SignupField};
use crossauth_core::user::is_reserved_field;
use toml::{Table, Value};

use super::choice::{Choice, words};
use super::{Kind, Raw, Reason};

words! { FieldKind, "`text`, `email`, `phone`, `number`, `date` or `url`" {
    "text" = FieldKind::Text;
    "email" = FieldKind::Email;
    "phone" = FieldKind::Phone;
    "tel" = FieldKind::Phone;
    "number" = FieldKind::Number;
    "date" = FieldKind::Date;
    "url" = FieldKind::Url;
} }

/// The members of a table.
const MEMBERS: [&str; 7] = ["name", "label", "type", "required", "choices", "hint", "autocomplete"];

/// The fields of the sign-up form.
pub(crate) struct SignupFields;

impl Kind for SignupFields {
    type Value = Vec<SignupField>;
    const EXPECTS: &'static str = "tables `[[signup.fields]]` in the file, a JSON array of objects \
        in the environment";

    fn parse(raw: &Raw) -> Result<Vec<SignupField>, Reason> {
        let mut names: Vec<String> = Vec::new();
        let mut fields = Vec::new();
        for (index, table) in tables(raw)?.into_iter().enumerate() {
            let name = table.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let place = format!("field {} ({name:?})", index + 1);
            let refused = |reason: String| Reason::because(format!("{place}: {reason}"));
            if names.contains(&name) {
                return Err(refused("there is a field of this name before".to_owned()));
            }
            fields.push(field(&name, table).map_err(refused)?);
            names.push(name);
        }
        Ok(fields)
    }

    /// `None`: there is no field by default.
    fn show(_: &Vec<SignupField>) -> Option<String> {
        None
    }
}

fn tables(raw: &Raw) -> Result<Vec<Table>, Reason> {
    match raw {
        Raw::Tables(tables) => Ok(tables.clone()),
        Raw::Text(text) => {
            serde_json::from_str(text).map_err(|_| Reason::expected(SignupFields::EXPECTS))
        }
        Raw::List(_) => Err(Reason::expected(SignupFields::EXPECTS)),
    }
}

fn field(name: &str, table: Table) -> Result<SignupField, String> {
    if name.is_empty() {
        return Err("expected `name`, the name of a field of users".to_owned());
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.chars().all(is_plain) {
        return Err("`name` may contain letters, digits and `_` only".to_owned());
    }
    if name != "email" && is_reserved_field(name) {
        return Err("is a field of Crossauth that users cannot set".to_owned());
    }
    table.into_iter().try_fold(SignupField::new(name), |field, (member, value)| {
        with_member(field, &member, &value)
    })
}

/// The field with a member of its table.
fn with_member(field: SignupField, member: &str, value: &Value) -> Result<SignupField, String> {
    let expected = |what: &str| format!("{member}: expected {what}");
    let text = || match value.as_str().map(str::trim) {
        Some(text) if !text.is_empty() && !text.chars().any(char::is_control) => Ok(text),
        Some(_) | None => Err(expected("a text on one line")),
    };
    Ok(match member {
        "name" => field,
        "label" => field.label(text()?),
        "hint" => field.hint(text()?),
        "autocomplete" => field.autocomplete(text()?),
        "type" => {
            let kind = Choice::<FieldKind>::parse(&Raw::Text(text()?.to_owned()));
            field.kind(kind.map_err(|reason| format!("{member}: {reason}"))?)
        }
        "required" => {
            let required = value.as_bool().ok_or_else(|| expected("`true` or `false`"))?;
            if required { field.required() } else { field }
        }
        "choices" => field.choices(choices(value).ok_or_else(|| {
            expected(
                "a list of values, or of tables such as `{ value = \"n\", label = \"North\" }`",
            )
        })?),
        _ => {
            let members = MEMBERS.join(", ");
            return Err(format!("no such member: {member:?}; there are {members}"));
        }
    })
}

/// Values with their labels; a value alone is its own label.
fn choices(value: &Value) -> Option<Vec<(String, String)>> {
    let choices: Option<Vec<_>> = value.as_array()?.iter().map(choice).collect();
    choices.filter(|choices| !choices.is_empty())
}

fn choice(value: &Value) -> Option<(String, String)> {
    let (value, label) = match value {
        Value::String(text) => (text, text),
        Value::Table(table) => {
            let (value, label) = (table.get("value")?.as_str()?, table.get("label")?.as_str()?);
            let complete = table.len() == 2 && !value.is_empty();
            return complete.then(|| (value.to_owned(), label.to_owned()));
        }
        Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Array(_) => return None,
    };
    (!value.is_empty()).then(|| (value.clone(), label.clone()))
}
