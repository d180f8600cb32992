//! Boolean fields, as JSON or as text of a form.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// What text says, in upper or lower case.
pub(super) fn of_text(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "on" | "1" | "yes" | "y" => Some(true),
        "false" | "f" | "off" | "0" | "no" | "n" => Some(false),
        _ => None,
    }
}

/// Deserializes a field that must say `true` or `false`; `None` if it is empty or `null`. Anything
/// else is an error: taken for `false`, it would do what was not asked for.
pub(crate) fn deserialize_flag<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<bool>, D::Error> {
    deserializer.deserialize_any(FlagVisitor)
}

/// Deserializes a checkbox. Any value but those for true is not ticked. Only for a field that may safely
/// be taken for absent.
pub(crate) fn deserialize_tick<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<bool>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let is_absent = value.is_null() || value.is_array() || value.is_object() || value == "";
    Ok((!is_absent).then(|| deserialize_flag(value).ok().flatten().unwrap_or(false)))
}

struct FlagVisitor;

impl Visitor<'_> for FlagVisitor {
    type Value = Option<bool>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Option<bool>, E> {
        Ok(Some(flag))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Option<bool>, E> {
        match number {
            0 => Ok(Some(false)),
            1 => Ok(Some(true)),
            _ => Err(neither()),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<bool>, E> {
        if text.is_empty() {
            return Ok(None);
        }
        of_text(text).map(Some).ok_or_else(neither)
    }

    fn visit_unit<E: Error>(self) -> Result<Option<bool>, E> {
        Ok(None)
    }
}

/// An error without the value.
fn neither<E: Error>() -> E {
    E::unknown_variant("", &["true", "false"])
}
