//! Message authentication codes with keys of their own, for values that only this server makes and
//! compares.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};

use super::encoding::encode;
use super::encrypt::{InvalidKey, derive};
use crate::secret::ServerSecret;

/// Computes HMAC-SHA256 with a key that is derived from the server's secret.
#[derive(Debug)]
pub(crate) struct Mac(Key);

impl Mac {
    /// A different key for each `purpose`.
    pub(crate) fn from_secret(secret: &ServerSecret, purpose: &str) -> Result<Self, InvalidKey> {
        let key = derive(secret.expose().as_bytes(), purpose).ok_or(InvalidKey)?;
        Ok(Self(Key::new(HMAC_SHA256, key.as_ref())))
    }

    /// The code of a text, in base64url.
    pub(crate) fn code(&self, text: &str) -> String {
        encode(sign(&self.0, text.as_bytes()))
    }
}
