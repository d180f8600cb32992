//! The wire form of the double-submit check against cross-site request forgery.
//!
//! The cookie carries the signed token; the form or header carries `<mask>.<token xor mask>` with a
//! fresh mask in each response, so that compressed responses do not reveal the token (BREACH).

use super::encoding::{InvalidEncoding, decode, encode, encode_to, encoded_len};
use super::equal;
use super::random::{TOKEN_LEN, random_token};
use super::sign::Signer;
use crate::error::ErrorCode;
use crate::random::{Random, bytes};

/// Length of a token in base64url.
const TEXT_LEN: usize = encoded_len(TOKEN_LEN);

/// Why a pair of cookie and form value is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCsrf {
    /// The value in form or header is not two base64url texts joined by a dot.
    #[error("CSRF token in header or form not in correct format")]
    Format,
    /// The cookie was not signed by this server.
    #[error("Invalid CSRF cookie")]
    Cookie,
    /// Cookie and form carry different tokens.
    #[error("CSRF token is invalid")]
    Mismatch,
}

impl From<InvalidCsrf> for ErrorCode {
    fn from(_: InvalidCsrf) -> Self {
        Self::InvalidCsrf
    }
}

/// Generates a token.
pub fn new_token(random: &dyn Random) -> String {
    random_token(random)
}

/// The cookie's value for a token.
pub fn cookie_value(signer: &Signer, token: &str) -> String {
    signer.sign_token(token)
}

/// Verifies a cookie's value and returns its token.
pub fn token_in_cookie<'a>(signer: &Signer, cookie: &'a str) -> Result<&'a str, InvalidCsrf> {
    match signer.unsign_token(cookie) {
        Ok(token) if !token.is_empty() => Ok(token),
        Ok(_) | Err(_) => Err(InvalidCsrf::Cookie),
    }
}

/// A form or header value for the bytes of a token, under a fresh mask.
pub(crate) fn masked(random: &dyn Random, token: &[u8; TOKEN_LEN]) -> String {
    let mask = bytes::<TOKEN_LEN>(random);
    let mut under_mask = *token;
    under_mask.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    let mut text = [b'.'; 2 * TEXT_LEN + 1];
    encode_to(&mask, &mut text[..TEXT_LEN]);
    encode_to(&under_mask, &mut text[TEXT_LEN + 1..]);
    text.map(char::from).iter().collect()
}

/// `<mask>.<token xor mask>`.
pub fn mask(token: &str, mask: &str) -> Result<String, InvalidEncoding> {
    Ok(format!("{mask}.{}", xor(token, mask)?))
}

/// The token in a form or header value.
pub fn unmask(form: &str) -> Result<String, InvalidCsrf> {
    let (mask, masked) = form.split_once('.').ok_or(InvalidCsrf::Format)?;
    if mask.is_empty() || masked.is_empty() {
        return Err(InvalidCsrf::Format);
    }
    xor(masked, mask).map_err(|_| InvalidCsrf::Format)
}

/// XOR of the bytes that two base64url texts encode, up to the end of the shorter one.
pub fn xor(left: &str, right: &str) -> Result<String, InvalidEncoding> {
    let (left, right) = (decode(left)?, decode(right)?);
    Ok(encode(left.iter().zip(&right).map(|(a, b)| a ^ b).collect::<Vec<u8>>()))
}

/// Checks that the form or header value matches the cookie, and that the cookie is signed with this
/// secret.
pub fn verify(signer: &Signer, cookie: &str, form: &str) -> Result<(), InvalidCsrf> {
    let in_form = unmask(form)?;
    let in_cookie = token_in_cookie(signer, cookie)?;
    if equal(in_form.as_bytes(), in_cookie.as_bytes()) {
        Ok(())
    } else {
        Err(InvalidCsrf::Mismatch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    #[test]
    fn every_value_has_a_fresh_mask() {
        let signer = Signer::danger_with_any_secret("secret");
        let token = bytes::<TOKEN_LEN>(&SystemRandom);
        let cookie = cookie_value(&signer, &encode(token));
        let forms = [(); 2].map(|()| masked(&SystemRandom, &token));
        assert_ne!(forms[0], forms[1]);
        assert_eq!(forms.clone().map(|form| form.len()), [45; 2]);
        for form in forms {
            assert_eq!(verify(&signer, &cookie, &form), Ok(()));
        }
    }

    #[test]
    fn empty_token_never_passes() {
        let signer = Signer::danger_with_any_secret("secret");
        let cookie = cookie_value(&signer, "");
        assert_eq!(verify(&signer, &cookie, "."), Err(InvalidCsrf::Format));
        assert_eq!(verify(&signer, &cookie, "AA.AA"), Err(InvalidCsrf::Cookie));
    }
}
