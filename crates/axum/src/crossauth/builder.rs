//! Builds Crossauth from a secret, a storage and the options that differ from their defaults.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossauth_core::clock::Clock;
use crossauth_core::cookie::{CookieOptions, InvalidCookie};
use crossauth_core::password::{HasherConfig, HasherConfigError, PasswordPolicy};
use crossauth_core::random::Random;
use crossauth_core::secret::{ServerSecret, WeakSecret};
use crossauth_core::session::{SessionConfig, SessionFilter};
use crossauth_core::signup::{Door, SignupConfig};
use crossauth_core::storage::Storage;
use crossauth_core::{Auth, AuthConfig, Environment};
use http::HeaderName;
use ipnet::IpNet;

use super::config::{CookieConfig, CrossSite, HostPrefix, RequestConfig, SiteConfig};
use super::{Config, Crossauth};
use crate::body::BodyLimits;
use crate::origin::{BaseUrl, InvalidBaseUrl, Transport};
use crate::page::{FooterLink, PageError, Pages};
use crate::routes;

/// Why Crossauth could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No secret was given.
    #[error("a secret is needed: Crossauth::builder().secret(…)")]
    NoSecret,
    /// The secret is too short.
    #[error(transparent)]
    WeakSecret(#[from] WeakSecret),
    /// No storage was given.
    #[error("a storage is needed: Crossauth::builder().storage(…)")]
    NoStorage,
    /// The base URL cannot be used.
    #[error("the base URL {0}")]
    BaseUrl(#[from] InvalidBaseUrl),
    /// The prefix is no path.
    #[error("the prefix must be a path such as / or /auth/")]
    Prefix,
    /// A redirect target or a name cannot stand in a header.
    #[error("{0} holds characters that cannot be sent")]
    Unsendable(&'static str),
    /// The header for CSRF tokens could be one that HTTP gives a meaning.
    #[error("the name of the CSRF header must begin with X-")]
    CsrfHeader,
    /// No browser would take such a cookie.
    #[error(transparent)]
    Cookie(#[from] InvalidCookie),
    /// The two cookies have one name.
    #[error("the session cookie and the CSRF cookie must have different names")]
    CookieNames,
    /// Password hashing cannot be set up so.
    #[error(transparent)]
    Hasher(#[from] HasherConfigError),
    /// The address of a link at the end of the pages is not one.
    #[error("{0} must be a path or begin with https://, http:// or mailto:")]
    Link(&'static str),
    /// A template is missing or wrong.
    #[error(transparent)]
    Pages(#[from] PageError),
}

/// Builds [`Crossauth`].
///
/// Needs a [`secret`](Builder::secret) and a [`storage`](Builder::storage); everything else has
/// a default. Each group of options is a struct with a method of its own, the same structs that a
/// configuration file fills; the options that most applications need have a shorter method.
#[derive(Default)]
#[must_use]
pub struct Builder {
    secret: Option<Result<ServerSecret, WeakSecret>>,
    storage: Option<Storage>,
    site: SiteConfig,
    invalid_base_url: Option<InvalidBaseUrl>,
    cookies: CookieConfig,
    requests: RequestConfig,
    body_limits: BodyLimits,
    session: SessionConfig,
    signup: SignupConfig,
    hasher: HasherConfig,
    password_policy: PasswordPolicy,
    environment: Environment,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Builder")
    }
}

impl Builder {
    /// Signs cookies; at least 16 bytes that nobody can guess. All servers of one application
    /// share it, and changing it logs everybody out.
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.secret = Some(ServerSecret::new(secret));
        self
    }

    /// Where users and sessions are kept.
    pub fn storage(mut self, storage: impl Into<Storage>) -> Self {
        self.storage = Some(storage.into());
        self
    }

    /// Address, name and pages of the site.
    pub fn site(mut self, config: SiteConfig) -> Self {
        self.site = config;
        self
    }

    /// The address under which users reach the application; `http://localhost:3000` if not
    /// given. Over https cookies are marked `Secure`.
    pub fn base_url(self, url: &str) -> Self {
        self.parsed_base_url(BaseUrl::parse(url))
    }

    /// As [`Builder::base_url`], but accepts plain http across a network, where passwords and
    /// sessions can be read by anyone on the way.
    pub fn danger_insecure_base_url(mut self, url: &str) -> Self {
        self.site.danger_insecure_http = true;
        self.parsed_base_url(BaseUrl::parse_insecure(url))
    }

    fn parsed_base_url(mut self, url: Result<BaseUrl, InvalidBaseUrl>) -> Self {
        match url {
            Ok(url) => self.site.base_url = Some(url),
            Err(error) => self.invalid_base_url = Some(error),
        }
        self
    }

    /// The path below which our routes are; `/` if not given.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.site.prefix = prefix.into();
        self
    }

    /// The name of the application on the pages; `Crossauth` if not given.
    pub fn site_name(mut self, name: impl Into<String>) -> Self {
        self.site.name = name.into();
        self
    }

    /// Where to go after logging in; `/` if not given.
    pub fn login_redirect(mut self, target: impl Into<String>) -> Self {
        self.site.login_redirect = Some(target.into());
        self
    }

    /// Where to go after logging out; `/` if not given.
    pub fn logout_redirect(mut self, target: impl Into<String>) -> Self {
        self.site.logout_redirect = Some(target.into());
        self
    }

    /// A directory whose templates replace the built-in ones of the same name.
    pub fn templates(mut self, directory: impl Into<PathBuf>) -> Self {
        self.site.templates = Some(directory.into());
        self
    }

    /// Reads changed templates again without a restart, for those who write them.
    pub fn reload_templates(mut self) -> Self {
        self.site.reload_templates = true;
        self
    }

    /// The session cookie, the CSRF cookie and the CSRF header.
    pub fn cookies(mut self, config: CookieConfig) -> Self {
        self.cookies = config;
        self
    }

    /// The session cookie, instead of `SESSIONID` with the defaults of [`CookieOptions`].
    pub fn session_cookie(mut self, options: CookieOptions) -> Self {
        self.cookies.session = options;
        self
    }

    /// The CSRF cookie, instead of `CSRFTOKEN` with the defaults of [`CookieOptions`].
    pub fn csrf_cookie(mut self, options: CookieOptions) -> Self {
        self.cookies.csrf = options;
        self
    }

    /// The header for CSRF tokens; `X-CROSSAUTH-CSRF` if not given.
    pub fn csrf_header(mut self, name: impl Into<String>) -> Self {
        self.cookies.csrf_header = name.into();
        self
    }

    /// Whether cookie names begin with `__Host-`; where browsers accept it if not given.
    pub fn host_prefix(mut self, prefix: HostPrefix) -> Self {
        self.cookies.host_prefix = prefix;
        self
    }

    /// Which proxies, hosts and sites requests may come from.
    pub fn requests(mut self, config: RequestConfig) -> Self {
        self.requests = config;
        self
    }

    /// Networks whose `X-Forwarded-For` header is believed, such as that of a load balancer.
    pub fn trusted_proxies(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.requests.proxies.networks = networks.into_iter().collect();
        self
    }

    /// Host names besides that of the base URL under which the application is reached.
    pub fn allowed_hosts<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.requests.allowed_hosts = hosts.into_iter().map(Into::into).collect();
        self
    }

    /// Lets unsafe requests and WebSocket handshakes of other sites reach the application's own
    /// routes with our cookies. Each handler must then check where a request comes from.
    pub fn danger_allow_cross_site_requests(mut self) -> Self {
        self.requests.cross_site = CrossSite::DangerAllowed;
        self
    }

    /// How much of a request body is read, and for how long.
    pub fn body_limits(mut self, limits: BodyLimits) -> Self {
        self.body_limits = limits;
        self
    }

    /// How long sessions live.
    pub fn session(mut self, config: SessionConfig) -> Self {
        self.session = config;
        self
    }

    /// Time without a request after which a session ends.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.session.idle_timeout = Some(timeout);
        self
    }

    /// A check of the application's own on every session.
    pub fn session_filter(mut self, filter: SessionFilter) -> Self {
        self.session.filter = Some(filter);
        self
    }

    /// Fields that users may set about themselves when signing up, such as `email` or `phone`.
    pub fn editable_fields<F: Into<String>>(mut self, fields: impl IntoIterator<Item = F>) -> Self {
        self.signup.editable_fields = fields.into_iter().map(Into::into).collect();
        self
    }

    /// Fields of users, beside our own, that pages and JSON show to browsers; those of
    /// [`editable_fields`](Self::editable_fields) if not given.
    pub fn visible_fields<F: Into<String>>(mut self, fields: impl IntoIterator<Item = F>) -> Self {
        self.site.visible_fields = Some(fields.into_iter().map(Into::into).collect());
        self
    }

    /// Who may sign up, and with which fields.
    pub fn signup(mut self, config: SignupConfig) -> Self {
        self.signup = config;
        self
    }

    /// Closes sign-up: only administrators create accounts.
    pub fn close_signup(mut self) -> Self {
        self.signup.open = Door::Shut;
        self
    }

    /// How passwords are hashed.
    pub fn hasher(mut self, config: HasherConfig) -> Self {
        self.hasher = config;
        self
    }

    /// What new passwords must be like.
    pub fn password_policy(mut self, policy: PasswordPolicy) -> Self {
        self.password_policy = policy;
        self
    }

    /// Another clock, for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.environment.clock = clock;
        self
    }

    /// Another source of randomness, for tests.
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.environment.random = random;
        self
    }

    /// Checks everything and starts the threads that hash passwords.
    pub fn build(mut self) -> Result<Crossauth, BuildError> {
        let secret = self.secret.take().ok_or(BuildError::NoSecret)??;
        let storage = self.storage.take().ok_or(BuildError::NoStorage)?;
        let config = self.config()?;
        let pages = Pages::new(routes::PAGES, self.site.templates)?;
        let pages = if self.site.reload_templates { pages.reloading() } else { pages };
        let policy = self.password_policy.for_site(&self.site.name);
        let auth = AuthConfig {
            session: self.session,
            hasher: self.hasher,
            password_policy: policy,
            signature_form: self.cookies.signature_form,
            signup: self.signup,
            ..AuthConfig::new(secret)
        };
        let auth = Auth::new(auth, &storage, &self.environment)?;
        Ok(Crossauth::new(auth, config, pages, self.environment.random))
    }

    fn config(&self) -> Result<Config, BuildError> {
        let base_url = self.checked_base_url()?;
        let secure = base_url.transport() == Transport::Encrypted;
        let site = &self.site;
        let mut config = Config {
            site_name: site.name.clone(),
            footer_links: footer_links(site)?,
            login_redirect: target(site.login_redirect.as_deref(), "login_redirect")?,
            logout_redirect: target(site.logout_redirect.as_deref(), "logout_redirect")?,
            prefix: prefix(&site.prefix)?,
            visible_fields: match &site.visible_fields {
                Some(fields) => fields.clone(),
                None => self.signup.editable_fields.clone(),
            },
            session_cookie: self.cookies.session.clone(),
            csrf_cookie: self.cookies.csrf.clone(),
            csrf_header: csrf_header(&self.cookies.csrf_header)?,
            body_limits: self.body_limits,
            requests: self.requests.clone(),
            csrf_issue: self.cookies.csrf_issue,
            error_codes: site.error_codes,
            base_url,
        };
        for cookie in [&mut config.session_cookie, &mut config.csrf_cookie] {
            cookie.secure &= secure;
        }
        add_host_prefix(self.cookies.host_prefix, &mut config);
        check_cookies(&config)?;
        Ok(config)
    }

    fn checked_base_url(&self) -> Result<BaseUrl, BuildError> {
        if let Some(error) = self.invalid_base_url {
            return Err(error.into());
        }
        let Some(base_url) = &self.site.base_url else {
            tracing::warn!("no base URL is given: good for http://localhost:3000 only");
            return Ok(BaseUrl::parse("http://localhost:3000")?);
        };
        if base_url.transport() == Transport::Plain && !self.site.danger_insecure_http {
            return Err(InvalidBaseUrl::Insecure.into());
        }
        Ok(base_url.clone())
    }
}

fn footer_links(site: &SiteConfig) -> Result<Vec<FooterLink>, BuildError> {
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
            let leads_somewhere =
                ["/", "https://", "http://", "mailto:"].iter().any(|start| href.starts_with(start));
            let is_url = leads_somewhere && href.bytes().all(|byte| byte.is_ascii_graphic());
            if is_url {
                Ok(FooterLink { label, href: href.to_owned() })
            } else {
                Err(BuildError::Link(option))
            }
        })
        .collect()
}

fn add_host_prefix(wanted: HostPrefix, config: &mut Config) {
    let cookies = [&mut config.session_cookie, &mut config.csrf_cookie];
    let possible = |cookie: &&mut CookieOptions| {
        cookie.secure && cookie.domain.is_none() && cookie.path.as_deref() == Some("/")
    };
    let added = match wanted {
        HostPrefix::Always => true,
        HostPrefix::Auto => cookies.iter().all(possible),
        HostPrefix::Never => false,
    };
    if added {
        for cookie in cookies {
            cookie.name = format!("__Host-{}", cookie.name);
        }
    }
}

fn check_cookies(config: &Config) -> Result<(), BuildError> {
    if config.session_cookie.name == config.csrf_cookie.name {
        return Err(BuildError::CookieNames);
    }
    for cookie in [&config.session_cookie, &config.csrf_cookie] {
        cookie.check()?;
    }
    Ok(())
}

/// Only `X-…`: a header that HTTP gives a meaning would break every response.
fn csrf_header(name: &str) -> Result<HeaderName, BuildError> {
    let name: HeaderName = name.parse().map_err(|_| BuildError::Unsendable("csrf_header"))?;
    if name.as_str().starts_with("x-") { Ok(name) } else { Err(BuildError::CsrfHeader) }
}

fn prefix(given: &str) -> Result<String, BuildError> {
    let prefix = format!("/{}/", given.trim_matches('/')).replace("//", "/");
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    let climbs = prefix.split('/').any(|segment| matches!(segment, "." | ".."));
    if prefix.chars().all(plain) && !climbs { Ok(prefix) } else { Err(BuildError::Prefix) }
}

fn target(given: Option<&str>, name: &'static str) -> Result<String, BuildError> {
    let target = given.unwrap_or("/");
    let sendable = !target.is_empty() && target.bytes().all(|byte| byte.is_ascii_graphic());
    if sendable { Ok(target.to_owned()) } else { Err(BuildError::Unsendable(name)) }
}
