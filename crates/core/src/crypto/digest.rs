//! SHA-256 of texts, and the values under which keys are stored.

use std::fmt;
use std::ops::Deref;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;

use super::encoding::{BASE64URL, encode};
use crate::key::KeyPrefix;

/// Length of a SHA-256 in base64url.
const HASH_LEN: usize = 43;

/// Longest of the prefixes.
const MAX_PREFIX_LEN: usize = 8;

/// The SHA-256 of a text's UTF-8 bytes, in base64url.
pub fn hash(text: &str) -> String {
    encode(digest(&SHA256, text.as_bytes()))
}

/// The value under which a store keeps the key that belongs to `token`: prefix and hash.
pub fn stored_value(prefix: KeyPrefix, token: &str) -> StoredValue {
    let mut bytes = [0; MAX_PREFIX_LEN + HASH_LEN];
    let prefix = prefix.as_str().as_bytes();
    bytes[..prefix.len()].copy_from_slice(prefix);
    let hash = digest(&SHA256, token.as_bytes());
    // The space is there: a wrong length would make a value that no key has.
    let hash_len = BASE64URL.encode_slice(hash, &mut bytes[prefix.len()..]).unwrap_or_default();
    StoredValue { bytes, len: prefix.len() + hash_len }
}

/// The stored value of a session id.
pub fn session_key(id: &str) -> StoredValue {
    stored_value(KeyPrefix::Session, id)
}

/// A stored value on the stack; reads as `&str`.
///
/// Every request with a session makes one, so it must not cost an allocation.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StoredValue {
    bytes: [u8; MAX_PREFIX_LEN + HASH_LEN],
    len: usize,
}

impl StoredValue {
    /// The value as text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
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
    use super::*;

    #[test]
    fn every_prefix_fits_in_front_of_a_whole_hash() {
        let prefixes = [
            KeyPrefix::Session,
            KeyPrefix::PasswordReset,
            KeyPrefix::EmailVerification,
            KeyPrefix::ApiKey,
            KeyPrefix::AuthorizationCode,
            KeyPrefix::AccessToken,
            KeyPrefix::RefreshToken,
            KeyPrefix::MfaToken,
            KeyPrefix::DeviceCode,
            KeyPrefix::UserCode,
            KeyPrefix::KnownDevice,
            KeyPrefix::Setup,
        ];
        for prefix in prefixes {
            let value = stored_value(prefix, "token");
            assert_eq!(value.as_str(), format!("{}{}", prefix.as_str(), hash("token")));
            assert_eq!(String::from(value), value.to_string());
        }
    }
}
