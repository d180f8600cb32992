//! The JSON data of a key.

use crossauth_core::key::{DataChange, KeyData};

/// Parsed data round-trips, and a change affects nothing else.
pub(crate) fn any(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (path, text) = text.split_once('\n').unwrap_or(("name", text));
    let Ok(object) = KeyData::from_text(text).object() else { return };
    let written = KeyData::from_object(&object);
    assert_eq!(written.object().unwrap(), object, "{}", written.as_text());
    let Ok(changed) = written.changed(&[DataChange::set(path, true)]) else { return };
    let changed_object = changed.object().unwrap();
    let top = path.split('.').next().unwrap_or_default();
    for (name, value) in object.iter().filter(|(name, _)| *name != top) {
        assert_eq!(changed_object.get(name), Some(value), "{path} changes {name}");
    }
    let again = changed.changed(&[DataChange::set(path, true)]).unwrap();
    assert_eq!(again, changed);
}
