//! Texts signed with HMAC-SHA256: cookies, and tokens that carry a JSON object.
//!
//! `<payload>.<signature>`, the signature in base64url. The form with the signature in lower-case
//! hexadecimal is read as well.

use std::time::Duration;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, Tag, sign};
use base64::Engine;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use super::encoding::{BASE64URL, decode, encode};
use crate::clock::Timestamp;
use crate::error::ErrorCode;
use crate::secret::ServerSecret;

/// Length of an HMAC-SHA256 in base64url.
const BASE64_LEN: usize = 43;

/// Length of an HMAC-SHA256 in hexadecimal.
const HEX_LEN: usize = 64;

/// Signs and verifies; made once from the server's secret.
#[derive(Debug, Clone)]
pub struct Signer {
    key: Key,
}

/// Why a signed text was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnsignError {
    /// Not a payload, a dot and a signature.
    #[error("Key is invalid")]
    Format,
    /// The signature is not ours.
    #[error("Signature does not match payload")]
    Signature,
    /// Signed by us, but not a JSON object with the time at which that was.
    #[error("Payload is not a JSON object with a time")]
    Payload,
    /// Signed too long ago.
    #[error("Token has expired")]
    Expired,
}

impl From<UnsignError> for ErrorCode {
    fn from(error: UnsignError) -> Self {
        match error {
            UnsignError::Format | UnsignError::Signature | UnsignError::Payload => Self::InvalidKey,
            UnsignError::Expired => Self::Expired,
        }
    }
}

impl Signer {
    /// A signer with the server's secret.
    pub fn new(secret: &ServerSecret) -> Self {
        Self::insecure_with_any_secret(secret.expose())
    }

    /// A signer with a secret of any length, even an empty one. For compatibility tests.
    pub fn insecure_with_any_secret(secret: &str) -> Self {
        Self { key: Key::new(HMAC_SHA256, secret.as_bytes()) }
    }

    /// `<payload>.<signature>`. A payload that contains a dot cannot be read again.
    pub fn sign_token(&self, payload: &str) -> String {
        let mut signed = String::with_capacity(payload.len() + 1 + BASE64_LEN);
        signed.push_str(payload);
        signed.push('.');
        BASE64URL.encode_string(self.tag(payload), &mut signed);
        signed
    }

    /// The payload of a signed text.
    pub fn unsign_token<'a>(&self, signed: &'a str) -> Result<&'a str, UnsignError> {
        let (payload, signature) = signed.split_once('.').ok_or(UnsignError::Format)?;
        if signature.contains('.') {
            return Err(UnsignError::Format);
        }
        if self.is_signature(payload, signature) {
            Ok(payload)
        } else {
            Err(UnsignError::Signature)
        }
    }

    /// The signed form of a JSON object: `fields`, then `t`, the time in milliseconds, and `s`, a
    /// salt. Fields with these two names are left out.
    pub fn sign_payload<'a, K: AsRef<str>>(
        &self,
        fields: impl IntoIterator<Item = (K, &'a Value)>,
        salt: &str,
        issued: Timestamp,
    ) -> String {
        self.sign_token(&encode(signable(fields, salt, issued)))
    }

    /// The JSON object of a signed text, `t` and `s` included, if it was signed no more than
    /// `expiry` before `now`. Without `expiry` it is good for ever.
    pub fn unsign_payload(
        &self,
        signed: &str,
        expiry: Option<Duration>,
        now: Timestamp,
    ) -> Result<Map<String, Value>, UnsignError> {
        let payload = decode(self.unsign_token(signed)?).map_err(|_| UnsignError::Payload)?;
        let payload: Map<String, Value> =
            serde_json::from_slice(&payload).map_err(|_| UnsignError::Payload)?;
        if let Some(expiry) = expiry {
            let issued = payload.get("t").and_then(Value::as_i64).ok_or(UnsignError::Payload)?;
            if Timestamp::from_millis(issued) + expiry < now {
                return Err(UnsignError::Expired);
            }
        }
        Ok(payload)
    }

    fn tag(&self, payload: &str) -> Tag {
        sign(&self.key, payload.as_bytes())
    }

    /// Compares with the one right text of each form, so that no other spelling of the same bytes
    /// passes.
    fn is_signature(&self, payload: &str, signature: &str) -> bool {
        match signature.len() {
            BASE64_LEN => {
                let mut expected = [0; BASE64_LEN];
                let written = BASE64URL.encode_slice(self.tag(payload), &mut expected);
                written == Ok(BASE64_LEN) && expected.ct_eq(signature.as_bytes()).into()
            }
            HEX_LEN => hex(self.tag(payload).as_ref()).ct_eq(signature.as_bytes()).into(),
            _ => false,
        }
    }
}

/// The JSON text in the order in which its parts are given.
fn signable<'a, K: AsRef<str>>(
    fields: impl IntoIterator<Item = (K, &'a Value)>,
    salt: &str,
    issued: Timestamp,
) -> String {
    let mut json = String::from("{");
    for (name, value) in fields {
        if !matches!(name.as_ref(), "t" | "s") {
            json.extend([&Value::from(name.as_ref()).to_string(), ":", &value.to_string(), ","]);
        }
    }
    json + &format!("\"t\":{},\"s\":{}}}", issued.as_millis(), Value::from(salt))
}

fn hex(bytes: &[u8]) -> [u8; HEX_LEN] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; HEX_LEN];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 0xf)];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        Signer::insecure_with_any_secret("ABCDEFGHIJKLMNOPQRSTUVWX")
    }

    #[test]
    fn only_one_spelling_of_a_signature_passes() {
        let hex = "abc.52e5ccb28459f8ac5143d1af65da956b9fa3dac75e10473900212f41421c1337";
        let base64 = "abc.UuXMsoRZ-KxRQ9GvZdqVa5-j2sdeEEc5ACEvQUIcEzc";
        assert_eq!(signer().unsign_token(hex), Ok("abc"));
        assert_eq!(signer().unsign_token(base64), Ok("abc"));
        let upper = format!("abc.{}", hex["abc.".len()..].to_uppercase());
        // The last character carries two bits that no byte needs.
        let trailing_bits = base64.replace("Ezc", "Ezd");
        let padded = format!("{base64}=");
        for other in [upper, trailing_bits, padded] {
            assert_eq!(signer().unsign_token(&other), Err(UnsignError::Signature), "{other}");
        }
    }

    #[test]
    fn a_signer_does_not_print_its_key() {
        let printed = format!("{:?}", signer());
        assert!(!printed.contains("ABCD") && !printed.contains("65, 66, 67"), "{printed}");
    }

    #[test]
    fn a_payload_is_good_until_its_expiry_and_not_longer() {
        let issued = Timestamp::from_secs(1_700_000_000);
        let minute = Duration::from_mins(1);
        let signed = signer().sign_payload([("v", &Value::from("x"))], "salt", issued);
        let unsign = |now| signer().unsign_payload(&signed, Some(minute), now);
        assert_eq!(unsign(issued + minute).unwrap()["v"], "x");
        let late = issued + minute + Duration::from_millis(1);
        assert_eq!(unsign(late), Err(UnsignError::Expired));
        assert!(signer().unsign_payload(&signed, None, late).is_ok());
    }

    #[test]
    fn what_is_signed_but_no_object_with_a_time_is_refused() {
        let now = Timestamp::from_secs(0);
        let hour = Some(Duration::from_hours(1));
        for text in ["[1]", "{", "{\"t\":\"0\"}", "{}"] {
            let signed = signer().sign_token(&encode(text));
            assert_eq!(signer().unsign_payload(&signed, hour, now), Err(UnsignError::Payload));
        }
        let garbage = signer().sign_token("not base64!");
        assert_eq!(signer().unsign_payload(&garbage, None, now), Err(UnsignError::Payload));
    }
}
