//! The session cookie, the CSRF cookie and the CSRF header.

use std::time::Duration;

use crossauth_axum::{CookieConfig, CsrfIssue, HostPrefix};
use crossauth_core::cookie::{CookieOptions, InvalidCookie, SameSite};
use crossauth_core::crypto::SignatureForm;
use crossauth_core::device::DEVICE_LIFETIME;

use super::{Site, Tables, section};
use crate::kind::{Choice, CookieName, Domain, Flag, HeaderName, LocalPath, Optional, Span, words};
use crate::rule::Rules;

/// The session cookie, the CSRF cookie and the CSRF header.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Cookies {
    /// Names and attributes.
    pub config: CookieConfig,
    /// Explicit `Secure` attribute of the session cookie.
    pub session_secure: Option<bool>,
    /// Explicit `Secure` attribute of the CSRF cookie.
    pub csrf_secure: Option<bool>,
    /// Explicit `Secure` attribute of the cookie of known devices.
    pub device_secure: Option<bool>,
    /// Whether devices can be remembered.
    pub devices_enabled: bool,
    /// How long a device is remembered.
    pub device_lifetime: Duration,
}

impl Default for Cookies {
    fn default() -> Self {
        Self {
            config: CookieConfig::default(),
            session_secure: None,
            csrf_secure: None,
            device_secure: None,
            devices_enabled: true,
            device_lifetime: DEVICE_LIFETIME,
        }
    }
}

words! { SameSite, "`strict`, `lax` or `none`" {
    "strict" = SameSite::Strict;
    "lax" = SameSite::Lax;
    "none" = SameSite::None;
} }

words! { HostPrefix, "`auto`, `true` or `false`" {
    "auto" = HostPrefix::Auto;
    "true" = HostPrefix::Always;
    "false" = HostPrefix::Never;
    "1" = HostPrefix::Always;
    "0" = HostPrefix::Never;
} }

words! { SignatureForm, "`base64url` or `hex`" {
    "base64url" = SignatureForm::Base64Url;
    "hex" = SignatureForm::Hex;
} }

words! { CsrfIssue, "`with_token` or `every_get`" {
    "with_token" = CsrfIssue::WithToken;
    "every_get" = CsrfIssue::EveryGet;
} }

section! { Cookies {
    /// The name of the session cookie.
    "session.cookie_name": CookieName => config.session.name;
    /// The domain of the session cookie; if not set, the exact host.
    "session.domain": Optional<Domain> => config.session.domain, upstream "SESSION_COOKIE_DOMAIN";
    /// The path of the session cookie.
    "session.path": Optional<LocalPath> => config.session.path, upstream "SESSION_COOKIE_PATH";
    /// Which cross-site requests carry the session cookie: none, top-level navigation, or all.
    "session.same_site": Choice<SameSite> => config.session.same_site,
        upstream "SESSION_COOKIE_SAMESITE";
    /// Whether the session cookie is sent over https only. Follows from `base_url`; a value that
    /// contradicts it is an error.
    "session.secure": Optional<Flag> => session_secure, upstream "SESSION_COOKIE_SECURE";
    /// Whether the session cookie is hidden from scripts in the page.
    "session.http_only": Flag => config.session.http_only,
        upstream "SESSION_COOKIE_HTTPONLY" "SESSIONCOOKIE_HTTPONLY";
    /// The name of the CSRF cookie.
    "csrf.cookie_name": CookieName => config.csrf.name;
    /// The header that carries the CSRF token.
    "csrf.header_name": HeaderName => config.csrf_header;
    /// The domain of the CSRF cookie; if not set, the exact host.
    "csrf.domain": Optional<Domain> => config.csrf.domain, upstream "CSRF_COOKIE_DOMAIN";
    /// The path of the CSRF cookie.
    "csrf.path": Optional<LocalPath> => config.csrf.path, upstream "CSRF_COOKIE_PATH";
    /// Which cross-site requests carry the CSRF cookie: none, top-level navigation, or all.
    "csrf.same_site": Choice<SameSite> => config.csrf.same_site, upstream "CSRF_COOKIE_SAMESITE";
    /// Whether the CSRF cookie is sent over https only. Follows from `base_url`; a value that
    /// contradicts it is an error.
    "csrf.secure": Optional<Flag> => csrf_secure, upstream "CSRF_COOKIE_SECURE";
    /// Whether the CSRF cookie is hidden from scripts in the page.
    "csrf.http_only": Flag => config.csrf.http_only, upstream "CSRF_COOKIE_HTTPONLY";
    /// Whether users can have a device remembered on which they passed the second factor, so that
    /// they are not asked for it there again.
    "known_device.enabled": Flag => devices_enabled, upstream "ENABLE_KNOWN_DEVICES";
    /// How long a device is remembered.
    "known_device.max_age": Span => device_lifetime, upstream "KNOWNDEVICE_COOKIE_MAX_AGE";
    /// The name of the cookie of a device on which the second factor is not asked for again.
    "known_device.cookie_name": CookieName => config.device.name, upstream "KNOWNDEVICE_COOKIE_NAME";
    /// The domain of that cookie; if not set, the exact host.
    "known_device.domain": Optional<Domain> => config.device.domain,
        upstream "KNOWNDEVICE_COOKIE_DOMAIN";
    /// The path of that cookie.
    "known_device.path": Optional<LocalPath> => config.device.path,
        upstream "KNOWNDEVICE_COOKIE_PATH";
    /// Which cross-site requests carry that cookie: none, top-level navigation, or all.
    "known_device.same_site": Choice<SameSite> => config.device.same_site,
        upstream "KNOWNDEVICE_COOKIE_SAMESITE";
    /// Whether that cookie is sent over https only. Follows from `base_url`; a value that
    /// contradicts it is an error.
    "known_device.secure": Optional<Flag> => device_secure, upstream "KNOWNDEVICE_COOKIE_SECURE";
    /// Whether that cookie is hidden from scripts in the page.
    "known_device.http_only": Flag => config.device.http_only,
        upstream "KNOWNDEVICE_COOKIE_HTTPONLY";
    /// The name of the cookie of a browser on which a user has logged in before, which has limits of
    /// its own (`limits.logins_per_browser`). Its other attributes are those of the session cookie.
    "known_browser.cookie_name": CookieName => config.browser_name;
    /// Which responses set the CSRF cookie: those that contain a token, or every response to a GET
    /// request, as Crossauth for Python and TypeScript does.
    "csrf.issue": Choice<CsrfIssue> => config.csrf_issue;
    /// Whether cookie names begin with `__Host-`, so that no other host of the same domain can set
    /// them. Browsers accept that over https only, for the path `/` and without a domain: `auto` is
    /// where they do, and where `database.tables` are not upstream's, which reads plain names.
    "cookies.host_prefix": Choice<HostPrefix> => config.host_prefix;
    /// Encoding of cookie signatures: `base64url` as Crossauth for TypeScript, or `hex` as
    /// Crossauth for Python, which reads only that. Both are accepted.
    "cookies.signature": Choice<SignatureForm> => config.signature_form;
} }

const SECURE: &str = "cookies are sent over https only if and only if `base_url` is https";

impl Cookies {
    /// Names and attributes, for the library.
    pub fn config(&self, tables: Tables) -> CookieConfig {
        let shared = tables != Tables::Crossauth && self.config.host_prefix == HostPrefix::Auto;
        // Upstream, which may run beside this server, reads the cookies under their plain names.
        let host_prefix = if shared { HostPrefix::Never } else { self.config.host_prefix };
        CookieConfig { host_prefix, ..self.config.clone() }
    }

    /// How long a device is remembered; `None` if none is.
    pub(crate) fn device_lifetime(&self) -> Option<Duration> {
        self.devices_enabled.then_some(self.device_lifetime)
    }

    pub(crate) fn check(&self, site: &Site, rules: &mut Rules<'_>) {
        let https = site.is_https();
        let agrees = |secure: Option<bool>| secure.is_none_or(|secure| secure == https);
        for (secure, key) in [
            (self.session_secure, "session.secure"),
            (self.csrf_secure, "csrf.secure"),
            (self.device_secure, "known_device.secure"),
        ] {
            rules.require(agrees(secure), &[key, "base_url"], SECURE);
        }
        check_cookie(&self.config.session, &SESSION_KEYS, https, rules);
        check_cookie(&self.config.csrf, &CSRF_KEYS, https, rules);
        check_cookie(&self.config.device, &DEVICE_KEYS, https, rules);
        rules.require(
            self.config.csrf.name != self.config.session.name,
            &["csrf.cookie_name", "session.cookie_name"],
            "must differ from `session.cookie_name`",
        );
        let others = [&self.config.csrf.name, &self.config.session.name];
        rules.require(
            !others.contains(&&self.config.device.name),
            &["known_device.cookie_name", "csrf.cookie_name", "session.cookie_name"],
            "must differ from the names of the other cookies",
        );
        let others = [others[0], others[1], &self.config.device.name];
        rules.require(
            !others.contains(&&self.config.browser_name),
            &["known_browser.cookie_name", "known_device.cookie_name", "session.cookie_name"],
            "must differ from the names of the other cookies",
        );
        rules.require(
            !self.device_lifetime.is_zero(),
            &["known_device.max_age"],
            "must be longer; `known_device.enabled = false` remembers no devices",
        );
        let for_one_host =
            |cookie: &CookieOptions| cookie.domain.is_none() && cookie.path.as_deref() == Some("/");
        let cookies = [&self.config.session, &self.config.csrf, &self.config.device];
        let possible = https && cookies.into_iter().all(for_one_host);
        rules.require(
            self.config.host_prefix != HostPrefix::Always || possible,
            &["cookies.host_prefix", "base_url", "session.path", "csrf.path", "known_device.path"],
            "browsers accept such names only over https, for the path `/` and without a domain",
        );
    }
}

/// The keys of a cookie's settings: name, domain, path, same-site.
type Keys = [&'static str; 4];

const SESSION_KEYS: Keys =
    ["session.cookie_name", "session.domain", "session.path", "session.same_site"];
const DEVICE_KEYS: Keys = [
    "known_device.cookie_name",
    "known_device.domain",
    "known_device.path",
    "known_device.same_site",
];
const CSRF_KEYS: Keys = ["csrf.cookie_name", "csrf.domain", "csrf.path", "csrf.same_site"];

/// Checks the requirements of browsers.
fn check_cookie(cookie: &CookieOptions, keys: &Keys, https: bool, rules: &mut Rules<'_>) {
    let [name, domain, path, same_site] = *keys;
    let cookie = CookieOptions { secure: https, ..cookie.clone() };
    let (key, reason) = match cookie.check() {
        Ok(()) => return,
        Err(InvalidCookie::SameSite) => (same_site, "browsers accept `none` only over https"),
        Err(InvalidCookie::Prefix) => (name, "the prefix of the name demands other attributes"),
        Err(InvalidCookie::Domain) => (domain, "is not a domain name"),
        Err(InvalidCookie::Path) => (path, "has a character that is not allowed in a cookie"),
        Err(InvalidCookie::Name | InvalidCookie::Value) => {
            (name, "has a character that is not allowed in a cookie")
        }
        Err(InvalidCookie::Length) => (name, "is too long"),
    };
    rules.require(false, &[key, "base_url"], reason);
}
