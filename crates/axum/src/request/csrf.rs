//! The CSRF token of a request and its response, computed lazily.

use std::sync::OnceLock;

use crossauth_core::csrf;
use crossauth_core::session::SessionId;

use crate::cookies::CookieValue;
use crate::crossauth::Crossauth;

/// The CSRF cookie of a request, and the token of its response.
pub(crate) struct CsrfState {
    cookie: Cookie,
    shown: OnceLock<Shown>,
}

/// The CSRF cookie of a request.
enum Cookie {
    Absent,
    Present(Text),
    /// Not of a form in which we write it.
    Invalid,
    /// More than one, or not text: none is accepted, and all are removed.
    Ambiguous,
}

/// The text of a cookie, in place: in most requests it is not parsed.
struct Text {
    bytes: [u8; csrf::Token::MAX_COOKIE_LEN],
    len: usize,
}

impl Text {
    /// `None` if it is longer than any that we write.
    fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; csrf::Token::MAX_COOKIE_LEN];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self { bytes, len: text.len() })
    }

    fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

/// A token that the response contains in a page, a body or a header.
pub(crate) struct Shown {
    pub(crate) token: csrf::Token,
    /// Whether the browser does not have the matching cookie yet.
    pub(crate) needs_cookie: bool,
}

impl CsrfState {
    pub(super) fn new(cookie: CookieValue<'_>) -> Self {
        let cookie = match cookie {
            CookieValue::Absent => Cookie::Absent,
            CookieValue::Present(value) => {
                Text::new(value).map_or(Cookie::Invalid, Cookie::Present)
            }
            CookieValue::Ambiguous => Cookie::Ambiguous,
        };
        Self { cookie, shown: OnceLock::new() }
    }

    fn in_cookie(&self, crossauth: &Crossauth, session: Option<&SessionId>) -> Option<csrf::Token> {
        match &self.cookie {
            Cookie::Present(cookie) => crossauth.auth().csrf.from_cookie(cookie.as_str(), session),
            Cookie::Absent | Cookie::Invalid | Cookie::Ambiguous => None,
        }
    }

    /// The expected token of a form.
    pub(super) fn expected(
        &self,
        crossauth: &Crossauth,
        session: Option<&SessionId>,
    ) -> Option<csrf::Token> {
        match session {
            Some(_) => Some(crossauth.auth().csrf.token(session)),
            None => self.in_cookie(crossauth, None),
        }
    }

    /// The token for the response: that of the session or the cookie, or a new one.
    pub(super) fn show(&self, crossauth: &Crossauth, session: Option<&SessionId>) -> &csrf::Token {
        let shown = self.shown.get_or_init(|| match self.in_cookie(crossauth, session) {
            Some(token) => Shown { token, needs_cookie: false },
            None => Shown { token: crossauth.auth().csrf.token(session), needs_cookie: true },
        });
        &shown.token
    }

    /// The token of the response, if it has one.
    pub(crate) fn shown(&self) -> Option<&Shown> {
        self.shown.get()
    }

    /// Whether the request has several cookies of this name.
    pub(crate) fn is_ambiguous(&self) -> bool {
        matches!(self.cookie, Cookie::Ambiguous)
    }

    /// Whether the request has a CSRF cookie.
    pub(crate) fn has_cookie(&self) -> bool {
        !matches!(self.cookie, Cookie::Absent)
    }
}
