//! Protection against cross-site request forgery: the signed double-submit token (`spec` 2, 6.2).
//!
//! The cookie carries a signed token, the form or header the same token under a fresh mask, so
//! that compressed pages do not give it away. Where there is a session the token is derived from
//! the session's id: a token from anywhere else, though well signed, does not fit.

use std::fmt;
use std::sync::Arc;

use crate::crypto::{self, Signer, random_value};
use crate::random::Random;
use crate::secret::ServerSecret;
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

impl fmt::Debug for CsrfToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfToken(…)")
    }
}

/// Makes and checks CSRF tokens.
pub struct Csrf {
    signer: Arc<Signer>,
    binder: Signer,
    random: Arc<dyn Random>,
}

impl fmt::Debug for Csrf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Csrf")
    }
}

impl Csrf {
    pub(crate) fn new(secret: &ServerSecret, signer: Arc<Signer>, random: Arc<dyn Random>) -> Self {
        // A key of its own: no signed cookie can ever equal a bound token.
        let binder = Signer::derived(secret, "csrf token of a session");
        Self { signer, binder, random }
    }

    /// The token of a session, or a new random one where there is none.
    pub fn token(&self, session: Option<&SessionId>) -> CsrfToken {
        match session {
            Some(id) => CsrfToken(self.bound(id)),
            None => CsrfToken(random_value(&*self.random, 16)),
        }
    }

    fn bound(&self, id: &SessionId) -> String {
        let mac = self.binder.mac(id.expose().as_bytes());
        crypto::base64url_encode(&mac[..16])
    }

    /// The token in a cookie, if it is signed by us and belongs to the session.
    pub fn from_cookie(&self, cookie: &str, session: Option<&SessionId>) -> Option<CsrfToken> {
        let token = self.signer.unsign_token(cookie).ok()?;
        match session {
            Some(id) if !crypto::equal(token.as_bytes(), self.bound(id).as_bytes()) => None,
            _ => Some(CsrfToken(token.to_owned())),
        }
    }

    /// The value of the cookie that carries `token`.
    pub fn cookie(&self, token: &CsrfToken) -> String {
        self.signer.sign_token(&token.0)
    }

    /// The value for forms and headers, under a fresh mask.
    pub fn form_value(&self, token: &CsrfToken) -> String {
        let mask = self.random.bytes::<16>();
        crypto::mask(&token.0, &mask)
    }

    /// Checks what a form or header carries against the token of the cookie.
    pub fn verify(&self, token: &CsrfToken, form_value: &str) -> Result<(), CsrfError> {
        let unmasked = crypto::unmask(form_value).ok_or(CsrfError::Mismatch)?;
        if crypto::equal(unmasked.as_bytes(), token.0.as_bytes()) {
            Ok(())
        } else {
            Err(CsrfError::Mismatch)
        }
    }
}
