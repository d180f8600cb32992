//! Protection against cross-site request forgery: the signed double-submit token.
//!
//! The cookie carries a signed token, the form or header the same token under a fresh mask, so
//! that compressed pages do not give it away. Where there is a session the token is derived from
//! the session's id: a token from anywhere else, though well signed, does not fit.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use subtle::ConstantTimeEq;

use crate::crypto::csrf;
use crate::crypto::encoding::encode;
use crate::crypto::sign::Signer;
use crate::random::Random;
use crate::session::SessionId;

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

/// What a browser must present twice.
#[derive(Clone, PartialEq, Eq)]
pub struct CsrfToken(String);

impl CsrfToken {
    fn new(token: &str) -> Self {
        Self(token.to_owned())
    }
}

impl fmt::Debug for CsrfToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfToken(…)")
    }
}

/// Makes and checks CSRF tokens.
pub struct Csrf {
    signer: Arc<Signer>,
    random: Arc<dyn Random>,
}

impl Csrf {
    pub(crate) fn new(signer: Arc<Signer>, random: Arc<dyn Random>) -> Self {
        Self { signer, random }
    }

    /// The token of a session, or a new random one where there is none.
    pub fn token(&self, session: Option<&SessionId>) -> CsrfToken {
        match session {
            Some(id) => CsrfToken(bound(id)),
            None => CsrfToken(csrf::new_token(&*self.random)),
        }
    }

    /// The token in a cookie, if it is signed by us and belongs to the session.
    pub fn from_cookie(&self, cookie: &str, session: Option<&SessionId>) -> Option<CsrfToken> {
        let Some(id) = session else {
            return csrf::token_in_cookie(&self.signer, cookie).ok().map(CsrfToken::new);
        };
        // Only we and the session's holder can derive it: it needs no signature to be ours.
        let bound = bound(id);
        let (token, _signature) = cookie.split_once('.')?;
        equal(token, &bound).then_some(CsrfToken(bound))
    }

    /// The value of the cookie that carries `token`.
    pub fn cookie(&self, token: &CsrfToken) -> String {
        csrf::cookie_value(&self.signer, &token.0)
    }

    /// The value for forms and headers, under a fresh mask.
    pub fn form_value(&self, token: &CsrfToken) -> String {
        // A token that is not base64url was signed by an original; it fits no form.
        csrf::form_value(&*self.random, &token.0).unwrap_or_default()
    }

    /// Checks what a form or header carries against the token of the cookie.
    pub fn verify(&self, token: &CsrfToken, form_value: &str) -> Result<(), CsrfError> {
        let unmasked = csrf::unmask(form_value).map_err(|_| CsrfError::Mismatch)?;
        if equal(&unmasked, &token.0) { Ok(()) } else { Err(CsrfError::Mismatch) }
    }
}

/// The token of a session. The id is as secret as any key, and its hash in storage, of another
/// text, does not help to find this one.
fn bound(id: &SessionId) -> String {
    let mut hash = Context::new(&SHA256);
    hash.update(b"csrf token of session ");
    hash.update(id.expose().as_bytes());
    encode(&hash.finish().as_ref()[..16])
}

fn equal(left: &str, right: &str) -> bool {
    left.as_bytes().ct_eq(right.as_bytes()).into()
}
