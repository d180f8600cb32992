//! Our cookies and the CSRF header in a response.

use axum::body::Bytes;
use crossauth_core::cookie::{CookieOptions, InvalidCookie, SetCookie};
use crossauth_core::csrf;
use crossauth_core::device::NewDevice;
use crossauth_core::session::NewSession;
use http::{HeaderMap, HeaderValue, header};

use super::Crossauth;
use crate::cookies::CookieNames;
use crate::request::RequestInfoInner;

/// Maximum number of paths for which a duplicate cookie is removed.
const MAX_PATHS: usize = 8;

impl Crossauth {
    pub(crate) fn cookie_names(&self) -> CookieNames<'_> {
        let config = self.config();
        CookieNames { session: &config.session_cookie.name, csrf: &config.csrf_cookie.name }
    }

    pub(crate) fn set_session_cookie(&self, headers: &mut HeaderMap, session: &NewSession) {
        let options = &self.config().session_cookie;
        append(headers, options, SetCookie::new(options, &session.cookie, session.cookie_expires));
    }

    pub(crate) fn set_csrf_cookie(&self, headers: &mut HeaderMap, token: &csrf::Token) {
        let options = &self.config().csrf_cookie;
        append(headers, options, SetCookie::new(options, &self.auth().csrf.cookie(token), None));
    }

    pub(crate) fn delete_session_cookie(
        &self,
        headers: &mut HeaderMap,
        request: &RequestInfoInner,
    ) {
        let duplicate = request.duplicate_session_cookie;
        self.delete(headers, &self.config().session_cookie, duplicate.then_some(request));
    }

    pub(crate) fn delete_csrf_cookie(&self, headers: &mut HeaderMap, request: &RequestInfoInner) {
        let duplicate = request.csrf_state().is_ambiguous();
        self.delete(headers, &self.config().csrf_cookie, duplicate.then_some(request));
    }

    /// Sets the cookie of a device on which the second factor is not asked for again.
    pub(crate) fn set_device_cookie(&self, headers: &mut HeaderMap, device: &NewDevice) {
        let options = &self.config().device_cookie;
        append(headers, options, SetCookie::new(options, &device.cookie, Some(device.expires)));
    }

    /// Sets the cookie of a browser on which a user has logged in.
    pub(crate) fn set_browser_cookie(
        &self,
        headers: &mut HeaderMap,
        browser: Option<&str>,
        session: &NewSession,
    ) {
        let Some(user) = &session.user else { return };
        let options = &self.config().browser_cookie;
        let cookie = self.auth().browsers.remember(browser, &user.id);
        append(headers, options, SetCookie::new(options, &cookie.value, Some(cookie.expires)));
    }

    /// Warns of a session cookie that is not signed with our secret: the first time in a warning,
    /// later only at the level `debug`, because any client can send one.
    pub(crate) fn report_foreign_cookie(&self) {
        let cookie = self.config().session_cookie.name.as_str();
        if self.is_first_foreign_cookie() {
            tracing::warn!(
                cookie,
                "a session cookie is not signed with this site's secret and is ignored; either the \
                 secret was changed, or another application on this host uses the same cookie name \
                 (setting session.cookie_name); further ones are not reported"
            );
        } else {
            tracing::debug!(cookie, "a session cookie is not signed with this site's secret");
        }
    }

    /// Removes a cookie and, if the request had a duplicate, every variant that another host of the
    /// same domain can have set.
    fn delete(
        &self,
        headers: &mut HeaderMap,
        options: &CookieOptions,
        duplicate: Option<&RequestInfoInner>,
    ) {
        append(headers, options, SetCookie::removal(options));
        let Some(request) = duplicate else { return };
        let domains = self.config().base_url.domains();
        for path in paths(request.uri.path()) {
            for domain in std::iter::once(None).chain(domains.iter().map(|it| Some(*it))) {
                let other = CookieOptions {
                    domain: domain.map(str::to_owned),
                    path: Some(path.to_owned()),
                    ..options.clone()
                };
                // `__Host-` cookies have no variants.
                if other != *options && other.check().is_ok() {
                    append(headers, &other, SetCookie::removal(&other));
                }
            }
        }
    }

    /// Sends the token with a fresh mask, for scripts, which cannot read the cookie.
    pub(crate) fn set_csrf_header(&self, headers: &mut HeaderMap, token: &csrf::Token) {
        let value = Bytes::from(self.auth().csrf.form_value(token));
        if let Ok(value) = HeaderValue::from_maybe_shared(value) {
            headers.insert(self.config().csrf_header.clone(), value);
        }
    }
}

/// The paths for which a cookie of a request can have been set: a request of `/a/b` carries cookies
/// of `/`, `/a` and `/a/b`.
fn paths(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('/').skip(1).map(|(index, _)| index).chain([path.len()]);
    let below = ends.map(|end| path.get(..end).unwrap_or_default()).filter(|path| path.len() > 1);
    std::iter::once("/").chain(below).take(MAX_PATHS)
}

fn append(
    headers: &mut HeaderMap,
    options: &CookieOptions,
    cookie: Result<SetCookie, InvalidCookie>,
) {
    let value = cookie.map(|cookie| HeaderValue::from_str(cookie.as_str()));
    match value {
        Ok(Ok(value)) => {
            headers.append(header::SET_COOKIE, value);
        }
        Ok(Err(_)) => tracing::error!(cookie = %options.name, "cookie not sent"),
        Err(error) => tracing::error!(%error, cookie = %options.name, "cookie not sent"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_possible_cookie_path_is_returned() {
        let named = |path| paths(path).collect::<Vec<_>>();
        assert_eq!(named("/"), ["/"]);
        assert_eq!(named("/a"), ["/", "/a"]);
        assert_eq!(named("/a/b/"), ["/", "/a", "/a/b", "/a/b/"]);
        assert_eq!(named(&"/a".repeat(100)).len(), MAX_PATHS);
    }
}
