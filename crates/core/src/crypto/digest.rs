//! SHA-256, and the values under which keys are stored.

use std::fmt;
use std::ops::Deref;

use aws_lc_rs::digest::{SHA256, digest};

use super::encoding::{encode, encode_to, encoded_len};
use crate::key::KeyPrefix;

/// Length of a SHA-256 in base64url.
const HASH_LEN: usize = 43;

/// Length of the longest prefix, so that every prefix fits in front of a whole hash.
const MAX_PREFIX_LEN: usize = longest(KeyPrefix::ALL);

const _: () = assert!(MAX_PREFIX_LEN > 0, "there are prefixes");

const fn longest(prefixes: &[KeyPrefix]) -> usize {
    let mut longest = 0;
    let mut index = 0;
    while index < prefixes.len() {
        let len = prefixes[index].as_str().len();
        if len > longest {
            longest = len;
        }
        index += 1;
    }
    longest
}

/// The SHA-256 of a text's UTF-8 bytes, in base64url.
pub fn hash(text: &str) -> String {
    encode(digest(&SHA256, text.as_bytes()))
}

/// The value under which the key of `token` is stored: prefix and hash.
#[expect(clippy::missing_panics_doc, reason = "the buffer is sized for every prefix")]
pub fn stored_value(prefix: KeyPrefix, token: &str) -> StoredValue {
    let mut bytes = [0; MAX_PREFIX_LEN + HASH_LEN];
    let prefix = prefix.as_str().as_bytes();
    bytes[..prefix.len()].copy_from_slice(prefix);
    let hash = digest(&SHA256, token.as_bytes());
    let len = prefix.len() + HASH_LEN;
    // Without a whole hash, all tokens with this prefix would share one value.
    assert_eq!(encoded_len(hash.as_ref().len()), HASH_LEN, "a SHA-256 has a fixed length");
    encode_to(hash.as_ref(), &mut bytes[prefix.len()..len]);
    StoredValue { bytes, len }
}

/// A stored value on the stack; dereferences to `&str`.
///
/// Every request with a session creates one, so it does not allocate.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StoredValue {
    bytes: [u8; MAX_PREFIX_LEN + HASH_LEN],
    len: usize,
}

impl StoredValue {
    /// The value as text.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "prefix and base64url are ASCII, and a default would be the value of many keys"
    )]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..self.len]).expect("prefix and base64url are ASCII")
    }
}

impl Deref for StoredValue {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<StoredValue> for String {
    fn from(value: StoredValue) -> Self {
        value.as_str().to_owned()
    }
}

impl fmt::Display for StoredValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for StoredValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoredValue").field(&self.as_str()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn stored_values_of_different_tokens_differ_for_every_prefix() {
        let mut values = HashSet::new();
        for &prefix in KeyPrefix::ALL {
            for token in ["one", "two"] {
                let value = stored_value(prefix, token);
                assert_eq!(value.as_str(), format!("{}{}", prefix.as_str(), hash(token)));
                assert_eq!(String::from(value), value.to_string());
                assert!(values.insert(value.to_string()), "{value} collides");
            }
        }
        assert_eq!(values.len(), 2 * KeyPrefix::ALL.len());
    }

    #[test]
    fn no_prefix_is_a_prefix_of_another() {
        for a in KeyPrefix::ALL {
            for b in KeyPrefix::ALL {
                assert!(a == b || !a.as_str().starts_with(b.as_str()), "{a:?} and {b:?}");
            }
        }
    }
}
