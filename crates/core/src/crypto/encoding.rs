//! Base64 with the URL-safe alphabet: written without padding, read with or without.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Bits that no byte needs must be zero, so that only one text (and its padded form) stands for
/// given bytes.
pub(crate) const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The text is not base64url, or not of the kind of thing it should encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not base64url")]
pub struct InvalidEncoding;

/// Bytes as base64url without padding.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64URL.encode(bytes)
}

/// Bytes from base64url with or without padding.
pub fn decode(text: &str) -> Result<Vec<u8>, InvalidEncoding> {
    BASE64URL.decode(text).map_err(|_| InvalidEncoding)
}

/// Text from the base64url of its UTF-8 bytes.
pub fn decode_text(text: &str) -> Result<String, InvalidEncoding> {
    String::from_utf8(decode(text)?).map_err(|_| InvalidEncoding)
}

/// Base64url rewritten in the standard alphabet, with padding.
pub fn to_standard(base64url: &str) -> String {
    pad(&base64url.replace('-', "+").replace('_', "/"))
}

/// Base64 of the standard alphabet rewritten as base64url, without padding.
pub fn from_standard(base64: &str) -> String {
    base64.replace('+', "-").replace('/', "_").replace('=', "")
}

/// The text with as many `=` as make its length a multiple of four.
pub fn pad(text: &str) -> String {
    let missing = text.len().wrapping_neg() % 4;
    format!("{text}{}", "=".repeat(missing))
}
