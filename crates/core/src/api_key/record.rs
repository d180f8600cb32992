//! Conversion of stored keys.

use serde_json::{Map, Value};

use super::ApiKey;
use crate::crypto::hash;
use crate::key::{Key, NAME_FIELD, PERMANENT};

/// The field of a key's data with its scopes, as upstream has it.
pub(super) const SCOPE_FIELD: &str = "scope";

/// Identifies a key. The stored value is itself a digest of the secret.
pub(super) fn key_id(value: &str) -> String {
    hash(value)
}

/// An API key as stored; `None` if it has no name, so that it is none.
///
/// Data of upstream may be anything. If it is not an object, the key has no scope.
pub(super) fn api_key(key: Key) -> Option<ApiKey> {
    let id = key_id(&key.value);
    let Key { userid, created, expires, lastactive, data, mut extra, .. } = key;
    let Some(Value::String(name)) = extra.remove(NAME_FIELD) else { return None };
    let mut data = data.object().unwrap_or_default();
    Some(ApiKey {
        id,
        name,
        owner: userid,
        scope: scope_in(&mut data),
        created,
        // The store of a table without keys that never expire writes such a time.
        expires: expires.filter(|expires| *expires < created + PERMANENT),
        last_used: lastactive,
        data,
        extra,
    })
}

/// The texts in the field; anything else there is no scope.
fn scope_in(data: &mut Map<String, Value>) -> Vec<String> {
    let Some(Value::Array(scope)) = data.remove(SCOPE_FIELD) else { return Vec::new() };
    scope.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
