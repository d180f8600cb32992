//! Puts Crossauth together from a secret, a storage and whatever else differs from the defaults.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossauth_core::clock::Clock;
use crossauth_core::cookie::{CSRF_COOKIE, CookieOptions, InvalidCookie, SESSION_COOKIE};
use crossauth_core::password::{HasherConfig, HasherConfigError, PasswordPolicy};
use crossauth_core::random::Random;
use crossauth_core::secret::{ServerSecret, WeakSecret};
use crossauth_core::session::{SessionConfig, SessionFilter};
use crossauth_core::signup::{Door, SignupConfig};
use crossauth_core::storage::Storage;
use crossauth_core::{Auth, AuthConfig, Environment};
use http::HeaderName;

use super::{Config, Crossauth};
use crate::body::BodyLimits;
use crate::origin::{BaseUrl, InvalidBaseUrl, Transport};
use crate::page::{PageError, Pages};

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
    /// A template is missing or wrong.
    #[error(transparent)]
    Pages(#[from] PageError),
}

/// Puts [`Crossauth`] together.
///
/// Needs a [`secret`](Builder::secret) and a [`storage`](Builder::storage); everything else has
/// a default.
#[derive(Default)]
#[must_use]
pub struct Builder {
    secret: Option<Result<ServerSecret, WeakSecret>>,
    storage: Option<Storage>,
    base_url: Option<Result<BaseUrl, InvalidBaseUrl>>,
    prefix: Option<String>,
    site_name: Option<String>,
    login_redirect: Option<String>,
    logout_redirect: Option<String>,
    session_cookie: Option<CookieOptions>,
    csrf_cookie: Option<CookieOptions>,
    csrf_header: Option<String>,
    host_prefix: bool,
    body_limits: BodyLimits,
    session: SessionConfig,
    signup: SignupConfig,
    hasher: HasherConfig,
    password_policy: PasswordPolicy,
    templates: Option<PathBuf>,
    reload_templates: bool,
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

    /// The address under which users reach the application; `http://localhost:3000` if not
    /// given. Over https cookies are marked `Secure`.
    pub fn base_url(mut self, url: &str) -> Self {
        self.base_url = Some(BaseUrl::parse(url));
        self
    }

    /// As [`Builder::base_url`], but accepts plain http across a network, where passwords and
    /// sessions can be read by anyone on the way.
    pub fn danger_insecure_base_url(mut self, url: &str) -> Self {
        self.base_url = Some(BaseUrl::parse_insecure(url));
        self
    }

    /// Where our routes begin; `/` if not given.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// What the pages call the application; `Crossauth` if not given.
    pub fn site_name(mut self, name: impl Into<String>) -> Self {
        self.site_name = Some(name.into());
        self
    }

    /// Where to go after logging in; `/` if not given.
    pub fn login_redirect(mut self, target: impl Into<String>) -> Self {
        self.login_redirect = Some(target.into());
        self
    }

    /// Where to go after logging out; `/` if not given.
    pub fn logout_redirect(mut self, target: impl Into<String>) -> Self {
        self.logout_redirect = Some(target.into());
        self
    }

    /// The session cookie, instead of `SESSIONID` with the defaults of [`CookieOptions`].
    pub fn session_cookie(mut self, options: CookieOptions) -> Self {
        self.session_cookie = Some(options);
        self
    }

    /// The CSRF cookie, instead of `CSRFTOKEN` with the defaults of [`CookieOptions`].
    pub fn csrf_cookie(mut self, options: CookieOptions) -> Self {
        self.csrf_cookie = Some(options);
        self
    }

    /// The header for CSRF tokens; `X-CROSSAUTH-CSRF` if not given.
    pub fn csrf_header(mut self, name: impl Into<String>) -> Self {
        self.csrf_header = Some(name.into());
        self
    }

    /// Puts `__Host-` before the cookies' names: no other host of the same site can set them
    /// then. Needs https.
    pub fn host_prefixed_cookies(mut self) -> Self {
        self.host_prefix = true;
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

    /// Whether strangers may sign up; they may if this is not called.
    pub fn signup(mut self, door: Door) -> Self {
        self.signup.open = door;
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

    /// A directory whose templates take the place of ours of the same name.
    pub fn templates(mut self, directory: impl Into<PathBuf>) -> Self {
        self.templates = Some(directory.into());
        self
    }

    /// Reads changed templates again without a restart, for those who write them.
    pub fn reload_templates(mut self) -> Self {
        self.reload_templates = true;
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
        let pages = Pages::new(self.templates)?;
        let pages = if self.reload_templates { pages.reloading() } else { pages };
        let auth = AuthConfig {
            session: self.session,
            hasher: self.hasher,
            password_policy: self.password_policy,
            signup: self.signup,
            ..AuthConfig::new(secret)
        };
        let auth = Auth::new(auth, &storage, &self.environment)?;
        Ok(Crossauth::new(auth, config, pages, self.environment.random))
    }

    fn config(&mut self) -> Result<Config, BuildError> {
        let base_url = if let Some(base_url) = self.base_url.take() {
            base_url?
        } else {
            tracing::warn!("no base URL is given: good for http://localhost:3000 only");
            BaseUrl::parse("http://localhost:3000")?
        };
        let transport = base_url.transport();
        let secure = transport == Transport::Encrypted;
        let cookie = |given: Option<CookieOptions>, name: &str| {
            let mut options = given.unwrap_or_else(|| CookieOptions::new(name));
            options.secure &= secure;
            options
        };
        let prefix = prefix(self.prefix.take())?;
        let mut config = Config {
            site_name: self.site_name.take().unwrap_or_else(|| "Crossauth".into()),
            login_redirect: target(self.login_redirect.take(), "login_redirect")?,
            logout_redirect: target(self.logout_redirect.take(), "logout_redirect")?,
            prefix,
            session_cookie: cookie(self.session_cookie.take(), SESSION_COOKIE),
            csrf_cookie: cookie(self.csrf_cookie.take(), CSRF_COOKIE),
            csrf_header: match self.csrf_header.take() {
                Some(name) => csrf_header(&name)?,
                None => HeaderName::from_static("x-crossauth-csrf"),
            },
            body_limits: self.body_limits,
            base_url,
        };
        if self.host_prefix {
            for cookie in [&mut config.session_cookie, &mut config.csrf_cookie] {
                cookie.name = format!("__Host-{}", cookie.name);
            }
        }
        check_cookies(&config)?;
        Ok(config)
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

/// A header of one's own: one that HTTP gives a meaning would break every answer.
fn csrf_header(name: &str) -> Result<HeaderName, BuildError> {
    let name: HeaderName = name.parse().map_err(|_| BuildError::Unsendable("csrf_header"))?;
    if name.as_str().starts_with("x-") { Ok(name) } else { Err(BuildError::CsrfHeader) }
}

fn prefix(given: Option<String>) -> Result<String, BuildError> {
    let given = given.unwrap_or_else(|| "/".into());
    let prefix = format!("/{}/", given.trim_matches('/')).replace("//", "/");
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    let climbs = prefix.split('/').any(|segment| matches!(segment, "." | ".."));
    if prefix.chars().all(plain) && !climbs { Ok(prefix) } else { Err(BuildError::Prefix) }
}

fn target(given: Option<String>, name: &'static str) -> Result<String, BuildError> {
    let target = given.unwrap_or_else(|| "/".into());
    let sendable = !target.is_empty() && target.bytes().all(|byte| byte.is_ascii_graphic());
    if sendable { Ok(target) } else { Err(BuildError::Unsendable(name)) }
}
