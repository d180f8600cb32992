//! A JSON object, parsed strictly: a duplicate member is an error.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::{Fields, bad_request, malformed, not_utf8};
use crate::failure::Failure;

pub(super) fn parse(body: &[u8]) -> Result<Fields, Failure> {
    let text = std::str::from_utf8(body).map_err(|_| not_utf8())?;
    let Members(members) = serde_json::from_str(text).map_err(|error| {
        if error.is_data() {
            bad_request("The body must be a JSON object")
        } else {
            malformed("JSON")
        }
    })?;
    let mut fields = Fields::default();
    for (name, value) in members {
        fields.insert(name, value)?;
    }
    Ok(fields)
}

struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_become_fields() {
        let fields = parse(br#"{"username":"bob","n":1}"#).unwrap();
        assert_eq!(fields.text("username"), Some("bob"));
        assert_eq!(fields.text("n"), None);
    }

    #[test]
    fn only_one_object_without_duplicate_members_is_accepted() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        for body in [
            r#"{"a":1,"a":2}"#,
            "[]",
            "null",
            "1",
            "\"a\"",
            "{",
            "{}x",
            r#"{"a":NaN}"#,
            "\u{FEFF}{}",
            r#"{"a":"\ud800"}"#,
            &deep,
        ] {
            assert!(parse(body.as_bytes()).is_err(), "{}", &body[..body.len().min(40)]);
        }
        assert!(parse(b"{\"a\":\"\xFF\"}").is_err());
    }
}
