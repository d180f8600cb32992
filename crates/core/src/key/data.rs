//! The data of a key: a JSON object, changed by dotted paths.

use std::fmt;

use serde_json::{Map, Value};

use super::{Slot, is_reserved_slot};

/// Maximum length of the data after a change, in bytes.
const MAX_LEN: usize = 64 * 1024;

/// The data of a key: usually a JSON object; for e-mail verification, a plain address.
///
/// Stored as text, because most keys are read without parsing their data. `Debug` shows only the
/// length.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct KeyData(String);

impl fmt::Debug for KeyData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyData({} bytes)", self.0.len())
    }
}

/// One change to a key's data.
#[derive(Debug, Clone, PartialEq)]
pub struct DataChange {
    /// Names separated by dots; all but the last must refer to objects.
    pub path: String,
    /// The new value; `None` removes the field.
    pub value: Option<Value>,
}

impl DataChange {
    /// Writes `value` at `path`.
    pub fn set(path: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { path: path.into(), value: Some(value.into()) }
    }

    /// Removes the field at `path`, if it exists.
    pub fn remove(path: impl Into<String>) -> Self {
        Self { path: path.into(), value: None }
    }

    /// An error if the change is to a field that belongs to Crossauth.
    pub fn check_for_application(&self) -> Result<(), DataError> {
        let name = self.path.split('.').next().unwrap_or_default();
        if is_reserved_slot(name) { Err(DataError::Reserved) } else { Ok(()) }
    }
}

/// Why a key's data could not be read or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The stored text is not a JSON object.
    #[error("the key's data is not a JSON object")]
    Format,
    /// A parent in the path is not an object.
    #[error("a parent in the path is not an object")]
    Path,
    /// The field belongs to Crossauth.
    #[error("the field belongs to Crossauth")]
    Reserved,
    /// The value of a slot has another type than the slot.
    #[error("the value of {0} is not of the expected type")]
    Slot(&'static str),
    /// The data would exceed 64 KiB.
    #[error("the key's data would exceed 64 KiB")]
    TooLong,
}

impl KeyData {
    /// Data from its stored text.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Data from an object; `{}` if it is empty.
    pub fn from_object(object: &Map<String, Value>) -> Self {
        Self(serde_json::to_string(object).unwrap_or_else(|_| "{}".into()))
    }

    /// Data from an application; an error if it has fields that belong to Crossauth.
    pub fn for_application(object: &Map<String, Value>) -> Result<Self, DataError> {
        if object.keys().any(|name| is_reserved_slot(name)) {
            return Err(DataError::Reserved);
        }
        let data = Self::from_object(object);
        if data.0.len() > MAX_LEN { Err(DataError::TooLong) } else { Ok(data) }
    }

    /// The text to store.
    pub fn as_text(&self) -> &str {
        &self.0
    }

    /// Parses the object; empty if there is no text.
    pub fn object(&self) -> Result<Map<String, Value>, DataError> {
        if self.0.is_empty() {
            return Ok(Map::new());
        }
        match serde_json::from_str(&self.0) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(Value::Null) => Ok(Map::new()),
            _ => Err(DataError::Format),
        }
    }

    /// The object without the fields that belong to Crossauth.
    pub fn application_object(&self) -> Result<Map<String, Value>, DataError> {
        let mut object = self.object()?;
        object.retain(|name, _| !is_reserved_slot(name));
        Ok(object)
    }

    /// The value of a slot; `None` if it is absent or null. A value of another type is an error of
    /// this slot only, not of the other fields.
    pub fn slot<S: Slot>(&self) -> Result<Option<S>, DataError> {
        match self.object()?.remove(S::NAME) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                serde_json::from_value(value).map(Some).map_err(|_| DataError::Slot(S::NAME))
            }
        }
    }

    /// Whether the data has this text at this path; true if none is expected.
    pub fn has_text(&self, expected: Option<(&str, &str)>) -> Result<bool, DataError> {
        let Some((path, text)) = expected else { return Ok(true) };
        let object = Value::Object(self.object()?);
        let found = path.split('.').try_fold(&object, |place, name| place.get(name));
        Ok(found.and_then(Value::as_str) == Some(text))
    }

    /// Applies all `changes`, or none if one is an error.
    pub fn changed(&self, changes: &[DataChange]) -> Result<Self, DataError> {
        let mut object = self.object()?;
        for change in changes {
            apply(&mut object, change)?;
        }
        let data = Self::from_object(&object);
        if data.0.len() > MAX_LEN { Err(DataError::TooLong) } else { Ok(data) }
    }
}

fn apply(object: &mut Map<String, Value>, change: &DataChange) -> Result<(), DataError> {
    let (parents, name) = match change.path.rsplit_once('.') {
        Some((parents, name)) => (Some(parents), name),
        None => (None, change.path.as_str()),
    };
    let mut parent_object = object;
    for parent in parents.into_iter().flat_map(|parents| parents.split('.')) {
        match parent_object.get_mut(parent) {
            Some(Value::Object(inner)) => parent_object = inner,
            None if change.value.is_none() => return Ok(()),
            _ => return Err(DataError::Path),
        }
    }
    match &change.value {
        Some(value) => parent_object.insert(name.to_owned(), value.clone()),
        None => parent_object.remove(name),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn data(value: &Value) -> KeyData {
        KeyData::from_text(value.to_string())
    }

    #[test]
    fn changes_reach_into_nested_objects() {
        let start = data(&json!({"part1": {"part2": "text"}, "other": 1}));
        let changed = start
            .changed(&[
                DataChange::set("part1.part2", json!({"part3": 3, "part4": 4})),
                DataChange::set("part1.part5", "five"),
                DataChange::remove("part1.part2.part3"),
            ])
            .unwrap();
        assert_eq!(
            Value::Object(changed.object().unwrap()),
            json!({"part1": {"part2": {"part4": 4}, "part5": "five"}, "other": 1})
        );
    }

    #[test]
    fn path_through_a_scalar_or_a_missing_parent_is_an_error() {
        let start = data(&json!({"a": 1}));
        assert_eq!(start.changed(&[DataChange::set("a.b", 1)]), Err(DataError::Path));
        assert_eq!(start.changed(&[DataChange::set("x.y", 1)]), Err(DataError::Path));
        assert_eq!(start.changed(&[DataChange::remove("x.y")]).unwrap(), start);
    }

    #[test]
    fn empty_and_null_are_empty_objects_and_other_text_is_an_error() {
        assert_eq!(KeyData::default().object().unwrap(), Map::new());
        assert_eq!(KeyData::from_text("null").object().unwrap(), Map::new());
        assert_eq!(KeyData::from_text("bob@example.com").object(), Err(DataError::Format));
        assert_eq!(KeyData::from_text("[1]").object(), Err(DataError::Format));
    }

    #[test]
    fn data_cannot_grow_without_bound() {
        let big = DataChange::set("x", "y".repeat(MAX_LEN));
        assert_eq!(KeyData::default().changed(&[big]), Err(DataError::TooLong));
    }
}
