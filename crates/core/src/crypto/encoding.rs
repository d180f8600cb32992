//! Base64url: written without padding, read with or without.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Unused trailing bits must be zero, so that bytes have only one encoding, and its padded form.
pub(crate) const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The text is not base64url, or its bytes are not of the expected type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not base64url")]
pub struct InvalidEncoding;

/// Number of characters that `len` bytes take.
pub(crate) const fn encoded_len(len: usize) -> usize {
    len / 3 * 4 + (len % 3 * 4).div_ceil(3)
}

/// Writes base64url into `text`, which is [`encoded_len`] bytes long.
///
/// For short texts of known length; several times as fast as the general encoder.
pub(crate) fn encode_to(bytes: &[u8], text: &mut [u8]) {
    debug_assert_eq!(text.len(), encoded_len(bytes.len()), "the text has the right length");
    let (groups, rest) = bytes.as_chunks();
    let (quads, tail) = text.as_chunks_mut();
    for (group, quad) in groups.iter().zip(quads) {
        *quad = symbols(*group);
    }
    if !rest.is_empty() {
        let mut group = [0; 3];
        group[..rest.len()].copy_from_slice(rest);
        tail.copy_from_slice(&symbols(group)[..tail.len()]);
    }
}

/// The four symbols of three bytes.
fn symbols([first, second, third]: [u8; 3]) -> [u8; 4] {
    const SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = u32::from_be_bytes([0, first, second, third]);
    let symbol = |shift: u32| SYMBOLS[(bits >> shift & 0x3f) as usize];
    [symbol(18), symbol(12), symbol(6), symbol(0)]
}

/// Encodes bytes as base64url without padding.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64URL.encode(bytes)
}

/// Decodes base64url with or without padding.
pub fn decode(text: &str) -> Result<Vec<u8>, InvalidEncoding> {
    BASE64URL.decode(text).map_err(|_| InvalidEncoding)
}

/// Decodes base64url into a buffer that is long enough for the text itself.
pub(crate) fn decode_to<'b>(text: &str, buffer: &'b mut [u8]) -> Result<&'b [u8], InvalidEncoding> {
    let len = BASE64URL.decode_slice(text, buffer).map_err(|_| InvalidEncoding)?;
    buffer.get(..len).ok_or(InvalidEncoding)
}

/// Decodes base64url of UTF-8 text.
pub fn decode_text(text: &str) -> Result<String, InvalidEncoding> {
    String::from_utf8(decode(text)?).map_err(|_| InvalidEncoding)
}

/// Converts base64url to standard base64 with padding.
pub fn to_standard(base64url: &str) -> String {
    pad(&base64url.replace('-', "+").replace('_', "/"))
}

/// Converts standard base64 to base64url without padding.
pub fn from_standard(base64: &str) -> String {
    base64.replace('+', "-").replace('/', "_").replace('=', "")
}

/// Pads the text with `=` to a multiple of four characters.
pub fn pad(text: &str) -> String {
    let missing = text.len().wrapping_neg() % 4;
    format!("{text}{}", "=".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encoders_write_the_same() {
        let bytes: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
        for start in 0..bytes.len() {
            for len in [0, 1, 2, 3, 4, 5, 16, 20, 32] {
                let part = &bytes[start..bytes.len().min(start + len)];
                let mut text = vec![0; encoded_len(part.len())];
                encode_to(part, &mut text);
                assert_eq!(text, encode(part).into_bytes());
            }
        }
    }
}
