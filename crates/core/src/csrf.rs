//! Protection against cross-site request forgery: the signed double-submit token.
//!
//! The cookie carries a signed token, the form or header the same token under a fresh mask, so that
//! compressed pages do not reveal it. With a session, the token is derived from the session id; any
//! other token, even if correctly signed, is refused.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, Digest, SHA256, digest};

use crate::crypto::csrf;
use crate::crypto::encoding::{decode, encode_to, encoded_len};
use crate::crypto::equal;
use crate::crypto::random::TOKEN_LEN;
use crate::crypto::sign::{MAX_SIGNATURE_LEN, Signer};
use crate::random::{Random, bytes};
use crate::session::SessionId;

/// Length of a token in base64url.
const TEXT_LEN: usize = encoded_len(TOKEN_LEN);

/// The CSRF check failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CsrfError {
    /// The request carries no token, or no cookie to compare it with.
    #[error("the CSRF token or its cookie is missing")]
    Missing,
    /// The token in the form or header is not the one in the cookie.
    #[error("the CSRF token does not match")]
    Mismatch,
    /// The request comes from a page of another site.
    #[error("the request comes from another site")]
    CrossSite,
}

/// A CSRF token: 128 bits.
#[derive(Clone, Copy)]
pub struct Token([u8; TOKEN_LEN]);

impl Token {
    /// Length of the longest cookie that carries a token, in bytes.
    pub const MAX_COOKIE_LEN: usize = TEXT_LEN + 1 + MAX_SIGNATURE_LEN;

    /// Parses base64url; `None` unless it is 128 bits in canonical form without padding.
    fn parse(text: &str) -> Option<Self> {
        let token = Self(decode(text).ok()?.try_into().ok()?);
        token.has_text(text).then_some(token)
    }

    fn text(&self) -> [u8; TEXT_LEN] {
        let mut text = [0; TEXT_LEN];
        encode_to(&self.0, &mut text);
        text
    }

    fn has_text(&self, text: &str) -> bool {
        equal(&self.text(), text.as_bytes())
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        equal(&self.0, &other.0)
    }
}

impl Eq for Token {}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Creates and checks CSRF tokens.
pub struct Csrf {
    signer: Arc<Signer>,
    random: Arc<dyn Random>,
}

impl Csrf {
    pub(crate) fn new(signer: Arc<Signer>, random: Arc<dyn Random>) -> Self {
        Self { signer, random }
    }

    /// The token of a session, or a new random one without a session.
    pub fn token(&self, session: Option<&SessionId>) -> Token {
        session.map_or_else(|| Token(bytes(&*self.random)), derive)
    }

    /// The token in a cookie, if it is signed by this server or derived from the session.
    pub fn from_cookie(&self, cookie: &str, session: Option<&SessionId>) -> Option<Token> {
        let Some(id) = session else {
            let token = csrf::token_in_cookie(&self.signer, cookie).ok()?;
            return Token::parse(token);
        };
        // Only the server and the holder of the session can derive it, so that it needs no
        // signature.
        let token = derive(id);
        let (text, _signature) = cookie.split_once('.')?;
        token.has_text(text).then_some(token)
    }

    /// The value of the cookie that carries `token`.
    pub fn cookie(&self, token: &Token) -> String {
        let text = token.text().map(char::from).iter().collect::<String>();
        csrf::cookie_value(&self.signer, &text)
    }

    /// The value for forms and headers, under a fresh mask.
    pub fn form_value(&self, token: &Token) -> String {
        csrf::masked(&*self.random, &token.0)
    }

    /// Checks the value of a form or header against the token of the cookie.
    pub fn verify(&self, token: &Token, form_value: &str) -> Result<(), CsrfError> {
        let unmasked = csrf::unmask(form_value).map_err(|_| CsrfError::Mismatch)?;
        if token.has_text(&unmasked) { Ok(()) } else { Err(CsrfError::Mismatch) }
    }
}

/// Derives the token of a session. The session id is stored as the hash of another text, which does
/// not reveal the token.
fn derive(id: &SessionId) -> Token {
    let hash = hash_of_parts(b"csrf token of session ", id.expose().as_bytes());
    let mut token = [0; TOKEN_LEN];
    token.copy_from_slice(&hash.as_ref()[..TOKEN_LEN]);
    Token(token)
}

/// The hash of two concatenated texts; in one call if they are short, as ids are.
fn hash_of_parts(first: &[u8], second: &[u8]) -> Digest {
    let mut joined = [0; 64];
    let len = first.len() + second.len();
    if let Some(joined) = joined.get_mut(..len) {
        joined[..first.len()].copy_from_slice(first);
        joined[first.len()..].copy_from_slice(second);
        return digest(&SHA256, joined);
    }
    let mut hash = Context::new(&SHA256);
    hash.update(first);
    hash.update(second);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    fn csrf() -> Csrf {
        let signer = Signer::danger_with_any_secret("secret");
        Csrf::new(Arc::new(signer), Arc::new(SystemRandom))
    }

    #[test]
    fn token_is_valid_with_its_own_cookie_only() {
        let csrf = csrf();
        let [one, other] = [(); 2].map(|()| csrf.token(None));
        assert_ne!(one, other);
        assert_eq!(csrf.from_cookie(&csrf.cookie(&one), None), Some(one));
        assert_eq!(csrf.verify(&one, &csrf.form_value(&one)), Ok(()));
        assert_eq!(csrf.verify(&one, &csrf.form_value(&other)), Err(CsrfError::Mismatch));
        for value in ["", ".", "AA.AA", "AAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(csrf.verify(&one, value), Err(CsrfError::Mismatch), "{value}");
        }
    }

    #[test]
    fn signed_texts_that_are_not_tokens_are_ignored() {
        let csrf = csrf();
        for text in ["", "AA", "!", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAAAA=="] {
            let cookie = csrf::cookie_value(&csrf.signer, text);
            assert_eq!(csrf.from_cookie(&cookie, None), None, "{text}");
        }
    }

    #[test]
    fn hash_of_parts_is_the_hash_of_the_concatenation() {
        for len in [0, 20, 42, 43, 500] {
            let id = vec![b'x'; len];
            let whole = digest(&SHA256, &[b"csrf token of session ", &*id].concat());
            let parts = hash_of_parts(b"csrf token of session ", &id);
            assert_eq!(parts.as_ref(), whole.as_ref());
        }
    }
}
