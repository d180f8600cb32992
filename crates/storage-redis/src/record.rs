//! Sessions as the fields of a hash.

use std::collections::HashMap;

use crossauth_core::clock::Timestamp;
use crossauth_core::key::{Key, KeyData};
use crossauth_core::storage::StorageError;
use crossauth_core::user::UserId;

/// A field that only a session has which is prepared, but not valid yet.
const PREPARED: &str = "p";

/// A session in Redis.
pub(crate) struct Held {
    /// Its key.
    pub(crate) key: Key,
    /// How often its data was changed.
    pub(crate) version: u64,
}

/// Names and values of the fields of a session.
pub(crate) fn encode(key: &Key) -> Vec<(&'static str, String)> {
    let Key { value: _, userid, created, expires, lastactive, data, epoch, extra } = key;
    let millis = |time: &Timestamp| time.as_millis().to_string();
    let mut fields = vec![("c", millis(created)), ("d", data.as_text().to_owned())];
    fields.extend(userid.as_ref().map(|id| ("u", encode_id(id))));
    fields.extend(expires.as_ref().map(|time| ("x", millis(time))));
    fields.extend(lastactive.as_ref().map(|time| ("a", millis(time))));
    fields.extend(epoch.map(|epoch| ("e", epoch.to_string())));
    let mut extra = extra.clone();
    extra.retain(|_, value| !value.is_null());
    if !extra.is_empty() {
        fields.push(("f", serde_json::Value::Object(extra).to_string()));
    }
    fields
}

/// The fields of a session that is not valid yet.
pub(crate) fn encode_prepared(key: &Key) -> Vec<(&'static str, String)> {
    let mut fields = encode(key);
    fields.push((PREPARED, "1".into()));
    fields
}

/// A session from its fields; `None` if there is none, or it is not valid yet.
pub(crate) fn decode(
    value: &str,
    fields: &HashMap<String, String>,
) -> Result<Option<Held>, StorageError> {
    if fields.is_empty() || fields.contains_key(PREPARED) {
        return Ok(None);
    }
    let text = |name: &str| fields.get(name).map(String::as_str);
    let bad = |name: &str| {
        StorageError::bad_row(format!("the field {name:?} of the session {value:?} is invalid"))
    };
    let number = |name: &str| {
        let parse = |text: &str| text.parse::<i64>().map_err(|_| bad(name));
        text(name).map(parse).transpose()
    };
    let count = |name: &str| {
        let parse = |text: &str| text.parse::<u64>().map_err(|_| bad(name));
        text(name).map(parse).transpose()
    };
    let time = |name: &str| Ok::<_, StorageError>(number(name)?.map(Timestamp::from_millis));
    let extra = match text("f").map(serde_json::from_str) {
        None => serde_json::Map::new(),
        Some(Ok(serde_json::Value::Object(extra))) => extra,
        Some(_) => return Err(bad("f")),
    };
    let key = Key {
        value: value.to_owned(),
        userid: text("u").map(|id| decode_id(id).ok_or_else(|| bad("u"))).transpose()?,
        created: time("c")?.ok_or_else(|| bad("c"))?,
        expires: time("x")?,
        lastactive: time("a")?,
        data: KeyData::from_text(text("d").unwrap_or_default()),
        epoch: count("e")?,
        extra,
    };
    Ok(Some(Held { key, version: count("v")?.unwrap_or_default() }))
}

/// The id of a user as text, from which [`decode_id`] makes the same id.
pub(crate) fn encode_id(id: &UserId) -> String {
    match id {
        UserId::Integer(id) => format!("i{id}"),
        UserId::Text(id) => format!("t{id}"),
    }
}

fn decode_id(text: &str) -> Option<UserId> {
    if let Some(id) = text.strip_prefix('t') {
        return Some(UserId::Text(id.to_owned()));
    }
    text.strip_prefix('i')?.parse().ok().map(UserId::Integer)
}

/// The entry of a session in the index of its user: the value, and when it expires.
pub(crate) fn entry(key: &Key) -> String {
    match key.expires {
        Some(expires) => format!("{} {}", key.value, expires.as_millis()),
        None => format!("{} -", key.value),
    }
}

/// The value of the session of an entry.
pub(crate) fn value_of(entry: &str) -> &str {
    entry.rsplit_once(' ').map_or(entry, |(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(key: &Key) -> HashMap<String, String> {
        encode(key).into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    #[test]
    fn sessions_are_decoded_as_they_were_encoded() {
        let now = Timestamp::from_millis(1_767_225_600_123);
        for userid in [UserId::Integer(-1), UserId::Text("i1".into()), UserId::Text(String::new())]
        {
            let key = Key {
                expires: Some(now),
                lastactive: Some(now),
                epoch: Some(7),
                ..Key::new("s:1", Some(userid), now)
            };
            assert_eq!(decode("s:1", &fields(&key)).unwrap().unwrap().key, key);
            assert_eq!(value_of(&entry(&key)), "s:1");
        }
        let bare = Key::new("s: 1 ", None, now);
        assert_eq!(decode("s: 1 ", &fields(&bare)).unwrap().unwrap().key, bare);
        assert_eq!(value_of(&entry(&bare)), "s: 1 ");
    }

    #[test]
    fn invalid_fields_are_errors_of_the_session() {
        let key = Key::new("s:1", None, Timestamp::from_millis(1));
        for (name, text) in [("c", "x"), ("x", "1.5"), ("u", "7"), ("e", "-1"), ("f", "[]")] {
            let mut fields = fields(&key);
            fields.insert(name.into(), text.into());
            let error = decode("s:1", &fields).err().unwrap();
            assert_eq!(error.kind, crossauth_core::storage::StorageErrorKind::BadRow, "{name}");
        }
    }

    #[test]
    fn prepared_session_is_absent() {
        let key = Key::new("s:1", None, Timestamp::from_millis(1));
        let fields = encode_prepared(&key).into_iter().map(|(name, text)| (name.to_owned(), text));
        assert!(decode("s:1", &fields.collect()).unwrap().is_none());
        assert!(decode("s:1", &HashMap::new()).unwrap().is_none());
    }
}
