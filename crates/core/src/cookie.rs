//! Cookies in `Set-Cookie` headers (RFC 6265 section 4.1).

use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;
use time::macros::{format_description, utc_datetime};

use crate::clock::Timestamp;

/// Name of the session cookie.
pub const SESSION_COOKIE: &str = "SESSIONID";

/// Name of the CSRF cookie.
pub const CSRF_COOKIE: &str = "CSRFTOKEN";

/// Default lifetime of a session: 30 days.
pub const SESSION_MAX_AGE: Duration = Duration::from_hours(30 * 24);

/// Maximum length of the header value in bytes; browsers refuse longer ones.
const MAX_LEN: usize = 4096;

/// Which cross-site requests carry a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SameSite {
    /// No cross-site requests.
    Strict,
    /// Top-level navigation, such as following a link.
    #[default]
    Lax,
    /// All requests. Browsers require `Secure` with it.
    None,
}

impl SameSite {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}

/// A cookie's name and attributes, without its value and expiry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieOptions {
    /// The name.
    pub name: String,
    /// The domain whose hosts receive the cookie; only the exact host if not set.
    pub domain: Option<String>,
    /// The path prefix of requests that carry the cookie.
    pub path: Option<String>,
    /// `HttpOnly`: hidden from scripts.
    pub http_only: bool,
    /// `Secure`: sent over https only.
    pub secure: bool,
    /// Which cross-site requests carry it.
    pub same_site: SameSite,
}

/// Why a cookie cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCookie {
    /// The name is empty or has a character that is not allowed.
    #[error("the cookie's name has a character that is not allowed")]
    Name,
    /// The value has a character that is not allowed.
    #[error("the cookie's value has a character that is not allowed")]
    Value,
    /// Not a domain name.
    #[error("the cookie's domain is not a domain name")]
    Domain,
    /// The path is not absolute, or has a character that is not allowed.
    #[error("the cookie's path does not start with / or has a character that is not allowed")]
    Path,
    /// `__Host-` requires `Secure`, the path `/` and no domain; `__Secure-` requires `Secure`.
    #[error("the prefix of the cookie's name requires other attributes")]
    Prefix,
    /// `SameSite=None` requires `Secure`.
    #[error("SameSite=None requires Secure")]
    SameSite,
    /// More than 4096 bytes.
    #[error("the cookie is too long")]
    Length,
}

impl CookieOptions {
    /// A cookie that is hidden from scripts, sent over https only, for every path of the host.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            domain: None,
            path: Some("/".to_owned()),
            http_only: true,
            secure: true,
            same_site: SameSite::Lax,
        }
    }

    /// Whether browsers accept a cookie with these attributes.
    pub fn check(&self) -> Result<(), InvalidCookie> {
        let path_is = |path| self.path.as_deref() == Some(path);
        let host = self.secure && self.domain.is_none() && path_is("/");
        let prefix = |prefix: &str| {
            self.name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        if self.name.is_empty() || !self.name.bytes().all(is_token) {
            Err(InvalidCookie::Name)
        } else if !self.domain.as_deref().is_none_or(is_domain) {
            Err(InvalidCookie::Domain)
        } else if !self.path.as_deref().is_none_or(is_path) {
            Err(InvalidCookie::Path)
        } else if prefix("__Host-") && !host || prefix("__Secure-") && !self.secure {
            Err(InvalidCookie::Prefix)
        } else if self.same_site == SameSite::None && !self.secure {
            Err(InvalidCookie::SameSite)
        } else {
            Ok(())
        }
    }
}

/// When a cookie or session created at `created` expires; never for a lifetime of zero.
pub fn expiry(created: Timestamp, max_age: Duration) -> Option<Timestamp> {
    (!max_age.is_zero()).then(|| created + max_age)
}

/// A `Set-Cookie` header.
#[derive(Clone, PartialEq, Eq)]
pub struct SetCookie {
    header: String,
    name_len: usize,
}

impl SetCookie {
    /// Sets a cookie until `expires`; until the browser is closed if `None`.
    pub fn new(
        options: &CookieOptions,
        value: &str,
        expires: Option<Timestamp>,
    ) -> Result<Self, InvalidCookie> {
        options.check()?;
        if !value.bytes().all(is_cookie_octet) {
            return Err(InvalidCookie::Value);
        }
        let header = write(options, value, expires);
        if header.len() > MAX_LEN {
            return Err(InvalidCookie::Length);
        }
        Ok(Self { header, name_len: options.name.len() })
    }

    /// Removes the cookie that these options set.
    pub fn removal(options: &CookieOptions) -> Result<Self, InvalidCookie> {
        Self::new(options, "", Some(Timestamp::from_secs(0)))
    }

    /// The header's value.
    pub fn as_str(&self) -> &str {
        &self.header
    }

    /// The cookie's name.
    pub fn name(&self) -> &str {
        self.header.get(..self.name_len).unwrap_or_default()
    }
}

impl fmt::Debug for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attributes = self.header.split_once(';').map_or("", |(_, attributes)| attributes);
        write!(f, "SetCookie({}=…;{attributes})", self.name())
    }
}

fn write(options: &CookieOptions, value: &str, expires: Option<Timestamp>) -> String {
    let mut header = format!("{}={value}", options.name);
    if let Some(domain) = &options.domain {
        header.extend(["; Domain=", domain]);
    }
    if let Some(path) = &options.path {
        header.extend(["; Path=", path]);
    }
    if let Some(expires) = expires {
        header.extend(["; Expires=", &http_date(expires)]);
    }
    if options.http_only {
        header.push_str("; HttpOnly");
    }
    if options.secure {
        header.push_str("; Secure");
    }
    header.extend(["; SameSite=", options.same_site.as_str()]);
    header
}

/// A date in the form of RFC 9110 section 5.6.7.
fn http_date(time: Timestamp) -> String {
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let last = utc_datetime!(9999-12-31 23:59:59).unix_timestamp();
    OffsetDateTime::from_unix_timestamp(time.as_secs().clamp(0, last))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .format(format)
        .unwrap_or_default()
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_cookie_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\",;\\".contains(&byte)
}

/// Labels separated by dots; browsers ignore a leading dot (RFC 6265 section 5.2.3).
fn is_domain(domain: &str) -> bool {
    domain.strip_prefix('.').unwrap_or(domain).split('.').all(|label| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    })
}

fn is_path(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removal_has_the_same_domain_and_path_and_an_expiry_in_the_past() {
        let mut options = CookieOptions::new(SESSION_COOKIE);
        options.domain = Some("example.com".to_owned());
        options.path = Some("/app".to_owned());
        assert_eq!(
            SetCookie::removal(&options).unwrap().as_str(),
            "SESSIONID=; Domain=example.com; Path=/app; Expires=Thu, 01 Jan 1970 00:00:00 GMT; \
             HttpOnly; Secure; SameSite=Lax"
        );
    }

    #[test]
    fn dates_have_the_form_of_http_at_any_time() {
        assert_eq!(http_date(Timestamp::from_secs(784_111_777)), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(Timestamp::from_millis(i64::MAX)), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(http_date(Timestamp::from_millis(i64::MIN)), "Thu, 01 Jan 1970 00:00:00 GMT");
    }

    #[test]
    fn cookie_attributes_cannot_be_injected() {
        let good = CookieOptions::new("NAME");
        for value in ["a;b", "a b", "a\r\nb", "ü", "a,b", "\"a\""] {
            assert_eq!(SetCookie::new(&good, value, None), Err(InvalidCookie::Value), "{value}");
        }
        let with = |change: fn(&mut CookieOptions)| {
            let mut options = good.clone();
            change(&mut options);
            options.check()
        };
        assert_eq!(good.check(), Ok(()));
        assert_eq!(with(|o| o.name = String::new()), Err(InvalidCookie::Name));
        assert_eq!(with(|o| o.name = "a=b".into()), Err(InvalidCookie::Name));
        assert_eq!(with(|o| o.path = Some("/; Domain=x".into())), Err(InvalidCookie::Path));
        assert_eq!(with(|o| o.path = Some("app".into())), Err(InvalidCookie::Path));
        assert_eq!(with(|o| o.domain = Some("a.b; Secure".into())), Err(InvalidCookie::Domain));
        let long = "x".repeat(MAX_LEN);
        assert_eq!(SetCookie::new(&good, &long, None), Err(InvalidCookie::Length));
    }

    #[test]
    fn prefixes_and_same_site_require_their_attributes() {
        let host = CookieOptions::new("__Host-SESSIONID");
        assert_eq!(host.check(), Ok(()));
        let elsewhere = CookieOptions { path: Some("/app".into()), ..host.clone() };
        assert_eq!(elsewhere.check(), Err(InvalidCookie::Prefix));
        let wider = CookieOptions { domain: Some("example.com".into()), ..host.clone() };
        assert_eq!(wider.check(), Err(InvalidCookie::Prefix));
        let open = CookieOptions { secure: false, ..CookieOptions::new("__secure-x") };
        assert_eq!(open.check(), Err(InvalidCookie::Prefix));
        let anywhere =
            CookieOptions { secure: false, same_site: SameSite::None, ..CookieOptions::new("x") };
        assert_eq!(anywhere.check(), Err(InvalidCookie::SameSite));
    }

    #[test]
    fn debug_output_redacts_the_value() {
        let set = SetCookie::new(&CookieOptions::new("NAME"), "secret", None).unwrap();
        let printed = format!("{set:?}");
        assert!(printed.starts_with("SetCookie(NAME=…; Path=/") && !printed.contains("secret"));
        assert_eq!(set.name(), "NAME");
    }
}
