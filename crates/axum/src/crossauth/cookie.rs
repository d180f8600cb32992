//! Our cookies and the CSRF header, as they leave with an answer.

use crossauth_core::clock::Timestamp;
use crossauth_core::cookie::{CookieOptions, InvalidCookie, SetCookie};
use crossauth_core::csrf::CsrfToken;
use crossauth_core::session::NewSession;
use http::{HeaderMap, HeaderValue, header};

use super::Crossauth;
use crate::cookies::CookieNames;

impl Crossauth {
    pub(crate) fn cookie_names(&self) -> CookieNames<'_> {
        let config = self.config();
        CookieNames { session: &config.session_cookie.name, csrf: &config.csrf_cookie.name }
    }

    pub(crate) fn set_session_cookie(&self, headers: &mut HeaderMap, session: &NewSession) {
        let options = &self.config().session_cookie;
        append(headers, options, &session.cookie, session.cookie_expires);
    }

    pub(crate) fn set_csrf_cookie(&self, headers: &mut HeaderMap, token: &CsrfToken) {
        append(headers, &self.config().csrf_cookie, &self.auth().csrf.cookie(token), None);
    }

    pub(crate) fn delete_session_cookie(&self, headers: &mut HeaderMap) {
        delete(headers, &self.config().session_cookie);
    }

    pub(crate) fn delete_csrf_cookie(&self, headers: &mut HeaderMap) {
        delete(headers, &self.config().csrf_cookie);
    }

    /// Sends the token under a fresh mask, for scripts that cannot read the cookie.
    pub(crate) fn set_csrf_header(&self, headers: &mut HeaderMap, token: &CsrfToken) {
        if let Ok(value) = HeaderValue::from_maybe_shared(self.auth().csrf.form_value(token)) {
            headers.insert(self.config().csrf_header.clone(), value);
        }
    }
}

fn append(
    headers: &mut HeaderMap,
    options: &CookieOptions,
    value: &str,
    expires: Option<Timestamp>,
) {
    put(headers, options, SetCookie::new(options, value, expires));
}

fn delete(headers: &mut HeaderMap, options: &CookieOptions) {
    put(headers, options, SetCookie::removal(options));
}

fn put(headers: &mut HeaderMap, options: &CookieOptions, cookie: Result<SetCookie, InvalidCookie>) {
    match cookie.map(|cookie| HeaderValue::from_str(cookie.as_str())) {
        Ok(Ok(value)) => {
            headers.append(header::SET_COOKIE, value);
        }
        Ok(Err(_)) => tracing::error!(cookie = %options.name, "cookie not sent"),
        Err(error) => tracing::error!(%error, cookie = %options.name, "cookie not sent"),
    }
}
