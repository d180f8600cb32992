//! User ids.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// The largest integer that every JSON parser reads exactly: 2^53 - 1.
const MAX_JSON_INTEGER: u64 = (1 << 53) - 1;

/// Identifies a user in storage; never changes.
///
/// Serialized as a number, or as text if browsers would round the number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(untagged)]
pub enum UserId {
    /// A row number.
    Integer(i64),
    /// A UUID, a directory name, or another text of the storage.
    Text(String),
}

impl Serialize for UserId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Integer(id) if id.unsigned_abs() <= MAX_JSON_INTEGER => {
                serializer.serialize_i64(*id)
            }
            Self::Integer(id) => serializer.collect_str(id),
            Self::Text(id) => serializer.serialize_str(id),
        }
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(id) => id.fmt(f),
            Self::Text(id) => id.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_that_browsers_would_round_are_text_in_json() {
        let json = |id| serde_json::to_value(UserId::Integer(id)).unwrap();
        let max = (1_i64 << 53) - 1;
        for id in [0, 1, -1, max, -max] {
            assert_eq!(json(id), json!(id));
        }
        for id in [max + 1, -max - 1, 1_234_567_890_123_456_789, i64::MAX, i64::MIN] {
            assert_eq!(json(id), json!(id.to_string()));
        }
        assert_eq!(serde_json::to_value(UserId::Text("7".into())).unwrap(), json!("7"));
    }
}
