//! Signatures with HMAC-SHA256, for cookies and for tokens with a JSON object.
//!
//! `<payload>.<signature>`. TypeScript writes the signature in base64url, Python in lower-case
//! hexadecimal; both are accepted, regardless of which is written.

use std::borrow::Cow;
use std::time::Duration;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, Tag, sign};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::encoding::{decode, decode_to, encode, encode_to, pad};
use super::equal;
use crate::clock::Timestamp;
use crate::error::ErrorCode;
use crate::secret::ServerSecret;

/// Length of an HMAC-SHA256 in base64url.
const BASE64_LEN: usize = 43;

/// Length of an HMAC-SHA256 in hexadecimal.
const HEX_LEN: usize = 64;

/// Length of the longest signature.
pub(crate) const MAX_SIGNATURE_LEN: usize = HEX_LEN;

/// Maximum length of a payload that [`Signer::unsign_value`] reads, in bytes.
pub(crate) const MAX_PAYLOAD_LEN: usize = 1024;

/// The part of a payload that identifies something.
#[derive(Deserialize)]
struct WithValue<'p> {
    #[serde(borrow)]
    v: Cow<'p, str>,
}

/// Signs and verifies; created once from the server's secret.
#[derive(Debug, Clone)]
pub struct Signer {
    key: Key,
    form: SignatureForm,
}

/// Which of upstream's two encodings is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SignatureForm {
    /// That of TypeScript: signatures in base64url, payloads without padding.
    #[default]
    Base64Url,
    /// That of Python: signatures in hexadecimal, payloads with padding. For a migration during
    /// which a Python installation reads the same cookies.
    Hex,
}

/// Why a signed text is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsignError {
    /// Not a payload, a dot and a signature.
    #[error("Key is invalid")]
    Format,
    /// The signature was not made with this secret.
    #[error("Signature does not match payload")]
    Signature,
    /// Signed with this secret, but not a JSON object with the time of signing.
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
        Self::danger_with_any_secret(secret.expose())
    }

    /// A signer with a secret of any length, even an empty one. For compatibility tests.
    pub fn danger_with_any_secret(secret: &str) -> Self {
        let key = Key::new(HMAC_SHA256, secret.as_bytes());
        Self { key, form: SignatureForm::default() }
    }

    /// Writes signatures in this form.
    #[must_use]
    pub fn with_form(mut self, form: SignatureForm) -> Self {
        self.form = form;
        self
    }

    /// `<payload>.<signature>`. A payload that contains a dot cannot be verified.
    pub fn sign_token(&self, payload: &str) -> String {
        let tag = self.tag(payload);
        match self.form {
            SignatureForm::Base64Url => join(payload, &base64(&tag)),
            SignatureForm::Hex => join(payload, &hex(&tag)),
        }
    }

    /// Verifies a signed text and returns its payload.
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

    /// Signs a JSON object: `fields`, then `t`, the time in milliseconds, and `s`, a salt. Fields
    /// with these two names are left out.
    pub fn sign_payload<'a, K: AsRef<str>>(
        &self,
        fields: impl IntoIterator<Item = (K, &'a Value)>,
        salt: &str,
        issued: Timestamp,
    ) -> String {
        let payload = signable_payload(fields, salt, issued);
        match self.form {
            SignatureForm::Base64Url => self.sign_token(&payload),
            SignatureForm::Hex => self.sign_token(&pad(&payload)),
        }
    }

    /// Verifies a signed text and returns its JSON object, including `t` and `s`, if it was signed
    /// no more than `expiry` before `now`. Without `expiry` it never expires.
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

    /// Verifies a signed text of at most [`MAX_PAYLOAD_LEN`] bytes and passes the text in the field
    /// `v` of its JSON object to `read`. Does not allocate, for every request may have one.
    pub(crate) fn unsign_value<T>(
        &self,
        signed: &str,
        read: impl FnOnce(&str) -> T,
    ) -> Result<T, UnsignError> {
        let mut buffer = [0; MAX_PAYLOAD_LEN];
        let payload = self.unsign_token(signed)?;
        let payload = decode_to(payload, &mut buffer).map_err(|_| UnsignError::Payload)?;
        let WithValue { v } = serde_json::from_slice(payload).map_err(|_| UnsignError::Payload)?;
        Ok(read(&v))
    }

    fn tag(&self, payload: &str) -> Tag {
        sign(&self.key, payload.as_bytes())
    }

    /// Compares with the canonical text of each encoding, so that no other encoding of the same
    /// bytes is accepted.
    fn is_signature(&self, payload: &str, signature: &str) -> bool {
        match signature.len() {
            BASE64_LEN => equal(&base64(&self.tag(payload)), signature.as_bytes()),
            HEX_LEN => equal(&hex(&self.tag(payload)), signature.as_bytes()),
            _ => false,
        }
    }
}

/// What [`Signer::sign_payload`] signs: the JSON text in base64url, its members in the order given.
pub fn signable_payload<'a, K: AsRef<str>>(
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
    encode(json + &format!("\"t\":{},\"s\":{}}}", issued.as_millis(), Value::from(salt)))
}

/// `<payload>.<signature>`; the signature is ASCII.
fn join(payload: &str, signature: &[u8]) -> String {
    let mut signed = String::with_capacity(payload.len() + 1 + signature.len());
    signed.push_str(payload);
    signed.push('.');
    signed.extend(signature.iter().map(|byte| char::from(*byte)));
    signed
}

fn base64(tag: &Tag) -> [u8; BASE64_LEN] {
    let mut text = [0; BASE64_LEN];
    encode_to(tag.as_ref(), &mut text);
    text
}

fn hex(tag: &Tag) -> [u8; HEX_LEN] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; HEX_LEN];
    for (pair, byte) in text.chunks_exact_mut(2).zip(tag.as_ref()) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 0xf)];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        Signer::danger_with_any_secret("ABCDEFGHIJKLMNOPQRSTUVWX")
    }

    #[test]
    fn only_the_canonical_encoding_of_a_signature_is_accepted() {
        let hex = "abc.52e5ccb28459f8ac5143d1af65da956b9fa3dac75e10473900212f41421c1337";
        let base64 = "abc.UuXMsoRZ-KxRQ9GvZdqVa5-j2sdeEEc5ACEvQUIcEzc";
        assert_eq!(signer().unsign_token(hex), Ok("abc"));
        assert_eq!(signer().unsign_token(base64), Ok("abc"));
        let upper = format!("abc.{}", hex["abc.".len()..].to_uppercase());
        // The last character has two unused bits.
        let trailing_bits = base64.replace("Ezc", "Ezd");
        let padded = format!("{base64}=");
        for other in [upper, trailing_bits, padded] {
            assert_eq!(signer().unsign_token(&other), Err(UnsignError::Signature), "{other}");
        }
    }

    #[test]
    fn form_of_python_is_written_on_request() {
        let python = signer().with_form(SignatureForm::Hex);
        let signed = python.sign_token("abc");
        let expected = "abc.52e5ccb28459f8ac5143d1af65da956b9fa3dac75e10473900212f41421c1337";
        assert_eq!(signed, expected);
        assert_eq!(signer().unsign_token(&signed), Ok("abc"));
        let issued = Timestamp::from_secs(1_700_000_000);
        let signed = python.sign_payload([("v", &Value::from("x"))], "salt", issued);
        let (payload, signature) = signed.split_once('.').unwrap();
        assert!(payload.len().is_multiple_of(4) && signature.len() == HEX_LEN, "{signed}");
        assert_eq!(signer().unsign_payload(&signed, None, issued).unwrap()["v"], "x");
    }

    #[test]
    fn debug_output_of_a_signer_redacts_the_key() {
        let printed = format!("{:?}", signer());
        assert!(!printed.contains("ABCD") && !printed.contains("65, 66, 67"), "{printed}");
    }

    #[test]
    fn payload_is_valid_until_its_expiry() {
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
    fn signed_text_that_is_not_an_object_with_a_time_is_refused() {
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
