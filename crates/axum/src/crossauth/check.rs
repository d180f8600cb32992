//! Validation of the options.

use std::error::Error;

use crossauth_core::AuthConfigError;
use crossauth_core::api_key::ApiKeyConfig;
use crossauth_core::cookie::{CookieOptions, InvalidCookie};
use crossauth_core::secret::WeakSecret;
use http::HeaderName;

use super::Config;
use super::config::{HostPrefix, SiteConfig};
use crate::origin::{InvalidBaseUrl, InvalidFormOrigin, parse_form_origin};
use crate::page::{FooterLink, PageError};

/// Why building failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No secret was set.
    #[error("no secret is set: call Crossauth::builder().secret(…)")]
    NoSecret,
    /// The secret is too short.
    #[error(transparent)]
    WeakSecret(#[from] WeakSecret),
    /// No storage was set.
    #[error("no storage is set: call Crossauth::builder().storage(…)")]
    NoStorage,
    /// The base URL is invalid.
    #[error("the base URL {0}")]
    BaseUrl(#[from] InvalidBaseUrl),
    /// The prefix is not a path.
    #[error("the prefix must be a path such as / or /auth/")]
    Prefix,
    /// The prefix of administration is not a path, or is that of the site.
    #[error("the prefix of administration must be a path such as /admin/, other than the prefix")]
    AdminPrefix,
    /// A redirect target or a name contains characters that are not allowed in a header.
    #[error("{0} contains characters that are not allowed in a header")]
    InvalidHeader(&'static str),
    /// The name of the CSRF header does not begin with `X-`, so it could be a standard header.
    #[error("the name of the CSRF header must begin with X-")]
    CsrfHeader,
    /// The scheme of API keys is not a name, or is one of another purpose.
    #[error("the scheme of API keys must be a name such as ApiKey, and not Basic, Bearer or DPoP")]
    ApiKeyScheme,
    /// Browsers would refuse a cookie with these options.
    #[error(transparent)]
    Cookie(#[from] InvalidCookie),
    /// Two of the cookies have the same name.
    #[error("the cookies of sessions, CSRF tokens and known devices must have different names")]
    CookieNames,
    /// The configuration of the use cases is invalid, such as that of password hashing.
    #[error(transparent)]
    Auth(#[from] AuthConfigError),
    /// Messages to users cannot be sent as configured.
    #[error("messages to users cannot be sent: {0}")]
    Delivery(Box<dyn Error + Send + Sync>),
    /// The directory cannot be used as configured.
    #[error("the directory cannot be used: {0}")]
    Directory(Box<dyn Error + Send + Sync>),
    /// The URL of a footer link is invalid.
    #[error("{0} must be a path or begin with https://, http:// or mailto:")]
    Link(&'static str),
    /// An entry of the origins to which forms may lead is not an origin.
    #[error(transparent)]
    FormOrigin(#[from] InvalidFormOrigin),
    /// An endpoint that should demand the second factor does not exist.
    #[error("the second factor cannot be demanded at {0:?}: there is no such endpoint")]
    ProtectedEndpoint(String),
    /// An endpoint that should be served does not exist.
    #[error("no such endpoint or list of endpoints: {0:?}")]
    UnknownEndpoint(String),
    /// An endpoint that should be served belongs to a feature that is off, such as `verifyemail`
    /// where addresses are not verified.
    #[error("the endpoint {0:?} cannot be served: its feature is off")]
    DisabledEndpoint(String),
    /// A template is missing or invalid.
    #[error(transparent)]
    Pages(#[from] PageError),
}

pub(super) fn footer_links(site: &SiteConfig) -> Result<Vec<FooterLink>, BuildError> {
    let links = [
        ("Privacy", "privacy_url", &site.privacy_url),
        ("Terms", "terms_url", &site.terms_url),
        ("Help", "help_url", &site.help_url),
    ];
    let given = links
        .into_iter()
        .filter_map(|(label, option, href)| Some((label, option, href.as_deref()?)));
    given
        .map(|(label, option, href)| {
            let has_known_scheme =
                ["/", "https://", "http://", "mailto:"].iter().any(|start| href.starts_with(start));
            let is_url = has_known_scheme && href.bytes().all(|byte| byte.is_ascii_graphic());
            if is_url {
                Ok(FooterLink { label, href: href.to_owned() })
            } else {
                Err(BuildError::Link(option))
            }
        })
        .collect()
}

/// The `form-action` directive of pages whose forms lead on.
pub(super) fn form_action(origins: Option<&[String]>) -> Result<String, InvalidFormOrigin> {
    let Some(origins) = origins else { return Ok(String::new()) };
    let mut directive = "form-action 'self'".to_owned();
    for origin in origins {
        directive.push(' ');
        directive.push_str(&parse_form_origin(origin)?);
    }
    directive.push_str("; ");
    Ok(directive)
}

pub(super) fn add_host_prefix(wanted: HostPrefix, config: &mut Config) {
    let [session, csrf, device, browser] = config.cookies_mut();
    let cookies = [session, csrf, browser];
    let possible = |cookie: &&mut CookieOptions| {
        cookie.secure && cookie.domain.is_none() && cookie.path.as_deref() == Some("/")
    };
    let added = match wanted {
        HostPrefix::Always => true,
        HostPrefix::Auto => cookies.iter().all(possible),
        HostPrefix::Never => false,
    };
    if added {
        let device = (wanted == HostPrefix::Always || possible(&device)).then_some(device);
        for cookie in cookies.into_iter().chain(device) {
            cookie.name = format!("__Host-{}", cookie.name);
        }
    }
}

pub(super) fn check_cookies(config: &Config) -> Result<(), BuildError> {
    let cookies = config.cookies();
    for (index, cookie) in cookies.iter().enumerate() {
        if cookies[..index].iter().any(|other| other.name == cookie.name) {
            return Err(BuildError::CookieNames);
        }
    }
    for cookie in cookies {
        cookie.check()?;
    }
    Ok(())
}

/// Only `X-…`: a standard header would break every response.
pub(super) fn csrf_header(name: &str) -> Result<HeaderName, BuildError> {
    let name: HeaderName = name.parse().map_err(|_| BuildError::InvalidHeader("csrf_header"))?;
    if name.as_str().starts_with("x-") { Ok(name) } else { Err(BuildError::CsrfHeader) }
}

/// Checks the configuration of API keys. With a scheme of another purpose, such as `Bearer`, tokens of
/// other kinds would be refused as invalid keys.
pub(super) fn check_api_keys(config: &ApiKeyConfig) -> Result<(), BuildError> {
    let scheme = &config.scheme;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_other =
        ["basic", "bearer", "dpop", "digest"].iter().any(|it| scheme.eq_ignore_ascii_case(it));
    if scheme.is_empty() || !scheme.bytes().all(is_name) || is_other {
        return Err(BuildError::ApiKeyScheme);
    }
    Ok(())
}

pub(super) fn prefix(given: &str) -> Result<String, BuildError> {
    let prefix = format!("/{}/", given.trim_matches('/')).replace("//", "/");
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    let has_dot_segment = prefix.split('/').any(|segment| matches!(segment, "." | ".."));
    if prefix.chars().all(plain) && !has_dot_segment { Ok(prefix) } else { Err(BuildError::Prefix) }
}

/// The prefix of administration. With that of the site, its routes would hide others.
pub(super) fn admin_prefix(site: &SiteConfig) -> Result<String, BuildError> {
    let ours = prefix(&site.prefix)?;
    let given = match &site.admin_prefix {
        Some(given) => prefix(given).map_err(|_| BuildError::AdminPrefix)?,
        None => format!("{ours}admin/"),
    };
    let hides_ours = given == ours || given == format!("{ours}api/");
    if hides_ours { Err(BuildError::AdminPrefix) } else { Ok(given) }
}

pub(super) fn target(given: Option<&str>, name: &'static str) -> Result<String, BuildError> {
    let target = given.unwrap_or("/");
    let is_visible_ascii = !target.is_empty() && target.bytes().all(|byte| byte.is_ascii_graphic());
    if is_visible_ascii { Ok(target.to_owned()) } else { Err(BuildError::InvalidHeader(name)) }
}
