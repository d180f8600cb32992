//! Types for secrets: `Debug` is redacted, memory is zeroized on drop, comparison is constant-time
//! for equal lengths.
//!
//! Only the value itself is zeroized. Copies in the buffers of the HTTP server and of parsers are
//! not.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::crypto::equal;

/// A plaintext password as typed. Clones share one text.
#[derive(Clone)]
pub struct Password(Arc<Zeroizing<String>>);

impl Password {
    /// Wraps a plaintext password.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Arc::new(Zeroizing::new(text.into())))
    }

    /// The plaintext.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        equal(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl Eq for Password {}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// The server's secret: signs cookies and tokens, and encrypts stored values.
#[derive(Clone)]
pub struct ServerSecret(Zeroizing<String>);

/// The secret is too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret must have at least {} bytes", ServerSecret::MIN_LEN)]
pub struct WeakSecret;

impl ServerSecret {
    /// Minimum length, in bytes.
    pub const MIN_LEN: usize = 16;

    /// Wraps a secret of at least [`Self::MIN_LEN`] bytes. Removes trailing line breaks, as of
    /// files.
    pub fn new(text: impl Into<String>) -> Result<Self, WeakSecret> {
        let mut text = Zeroizing::new(text.into());
        let len = text.trim_end_matches(['\r', '\n']).len();
        text.truncate(len);
        if text.len() < Self::MIN_LEN { Err(WeakSecret) } else { Ok(Self(text)) }
    }

    /// The secret as text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ServerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_redacts_secret_types() {
        let secret = ServerSecret::new("0123456789abcdef").unwrap();
        assert_eq!(format!("{secret:?}"), "ServerSecret(…)");
        assert_eq!(format!("{:?}", Password::new("bobPass123")), "Password(…)");
    }

    #[test]
    fn server_secret_has_at_least_16_bytes() {
        assert_eq!(ServerSecret::new("0123456789abcde").unwrap_err(), WeakSecret);
        assert_eq!(ServerSecret::new("0123456789abcde\r\n").unwrap_err(), WeakSecret);
        assert_eq!(ServerSecret::new("0123456789abcdef\n").unwrap().expose(), "0123456789abcdef");
        assert_eq!(ServerSecret::new("0123456789abcdef").unwrap().expose(), "0123456789abcdef");
    }

    #[test]
    fn passwords_compare_byte_by_byte() {
        let read: Password = serde_json::from_str("\" a\u{00e9}\"").unwrap();
        assert_eq!(read, Password::new(" a\u{00e9}"));
        assert_ne!(read, Password::new("a\u{00e9}"));
        assert_ne!(read, Password::new(" ae\u{0301}"));
    }
}
