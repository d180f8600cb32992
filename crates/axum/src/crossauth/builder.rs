//! The builder of [`Crossauth`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossauth_core::api_key::ApiKeyConfig;
use crossauth_core::audit::AuditConfig;
use crossauth_core::clock::Clock;
use crossauth_core::cookie::CookieOptions;
use crossauth_core::directory::DirectoryConfig;
use crossauth_core::email_verification::EmailVerificationConfig;
use crossauth_core::factor::FactorConfig;
use crossauth_core::hooks::{CarryOver, Hooks, SessionFilter};
use crossauth_core::limit::LimitConfig;
use crossauth_core::outbox::Delivery;
use crossauth_core::password::{HasherConfig, PasswordPolicy};
use crossauth_core::password_reset::PasswordResetConfig;
use crossauth_core::random::Random;
use crossauth_core::secret::{ServerSecret, WeakSecret};
use crossauth_core::session::SessionConfig;
use crossauth_core::signup::{Registration, SignupConfig};
use crossauth_core::storage::Storage;
use crossauth_core::{Auth, AuthConfig, Sources};

use super::check::{
    BuildError, add_host_prefix, admin_prefix, check_api_keys, check_cookies, csrf_header,
    footer_links, form_action, prefix, target,
};
use super::config::{CookieConfig, HostPrefix, ProtectedEndpoints, RequestConfig, SiteConfig};
use super::delivery::message_variables;
use super::factor::{default_factors, protected};
use super::fields::{describe_fields, verifies_email};
use super::limit::{browser_cookie, limits};
use super::{Config, Crossauth};
use crate::body::BodyLimits;
use crate::origin::{BaseUrl, InvalidBaseUrl, Transport};
use crate::page::{Overrides, Pages};
use crate::routes::{self, Served};
use crate::signup_field::SignupField;

/// Builds [`Crossauth`].
///
/// Needs a [`secret`](Builder::secret) and a [`storage`](Builder::storage); everything else has a
/// default. Each group of options is a struct with its own method, and common options have a
/// shorter method. Configuration files fill the same structs.
///
/// ```
/// use std::time::Duration;
///
/// use crossauth_axum::{BuildError, Crossauth, SiteConfig};
/// use crossauth_core::session::SessionConfig;
/// use crossauth_core::storage::Storage;
///
/// fn crossauth(storage: Storage, secret: String) -> Result<Crossauth, BuildError> {
///     Crossauth::builder()
///         .secret(secret)
///         .storage(storage)
///         .site(SiteConfig { name: "Harbour".into(), ..SiteConfig::default() })
///         .session(SessionConfig {
///             idle_timeout: Some(Duration::from_hours(1)),
///             ..SessionConfig::default()
///         })
///         .build()
/// }
/// ```
#[derive(Default)]
#[must_use]
pub struct Builder {
    secret: Option<Result<ServerSecret, WeakSecret>>,
    storage: Option<Storage>,
    pub(super) site: SiteConfig,
    invalid_base_url: Option<InvalidBaseUrl>,
    cookies: CookieConfig,
    pub(super) requests: RequestConfig,
    pub(super) body_limits: BodyLimits,
    session: SessionConfig,
    signup: SignupConfig,
    signup_fields: Vec<SignupField>,
    pub(super) factors: Option<FactorConfig>,
    pub(super) protected: ProtectedEndpoints,
    hasher: HasherConfig,
    password_policy: PasswordPolicy,
    pub(super) limits: LimitConfig,
    sources: Sources,
    pub(super) email_verification: EmailVerificationConfig,
    pub(super) password_reset: PasswordResetConfig,
    pub(super) audit: AuditConfig,
    pub(super) api_keys: ApiKeyConfig,
    pub(super) directory: Option<DirectoryConfig>,
    hooks: Hooks,
    pub(super) delivery: Delivery,
    /// Reported by [`build`](Self::build).
    pub(super) error: Option<BuildError>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Builder")
    }
}

impl Builder {
    /// The secret that signs cookies; at least 16 unpredictable bytes. All servers of one
    /// application share it. Changing it ends all sessions.
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.secret = Some(ServerSecret::new(secret));
        self
    }

    /// The storage of users and sessions.
    pub fn storage(mut self, storage: impl Into<Storage>) -> Self {
        self.storage = Some(storage.into());
        self
    }

    /// URL, name and pages of the site.
    pub fn site(mut self, config: SiteConfig) -> Self {
        self.site = config;
        self
    }

    /// The URL under which users reach the application; `http://localhost:3000` if not set. With
    /// https, cookies are marked `Secure`.
    pub fn base_url(self, url: &str) -> Self {
        self.parsed_base_url(BaseUrl::parse(url))
    }

    /// Same as [`Builder::base_url`], but accepts plain http across a network, where passwords and
    /// sessions can be intercepted.
    pub fn danger_insecure_base_url(mut self, url: &str) -> Self {
        self.site.danger_insecure_http = true;
        self.parsed_base_url(BaseUrl::danger_parse_insecure(url))
    }

    fn parsed_base_url(mut self, url: Result<BaseUrl, InvalidBaseUrl>) -> Self {
        match url {
            Ok(url) => self.site.base_url = Some(url),
            Err(error) => self.invalid_base_url = Some(error),
        }
        self
    }

    /// The path prefix of our routes; `/` if not set.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.site.prefix = prefix.into();
        self
    }

    /// Adds the pages and endpoints of administration, which need a fresh login of an administrator.
    pub fn admin_endpoints(mut self) -> Self {
        self.site.admin_endpoints = true;
        self
    }

    /// The name of the site on its pages; `Crossauth` if not set.
    pub fn site_name(mut self, name: impl Into<String>) -> Self {
        self.site.name = name.into();
        self
    }

    /// Where to redirect after a login without a destination; `/` if not set.
    pub fn login_redirect(mut self, target: impl Into<String>) -> Self {
        self.site.login_redirect = Some(target.into());
        self
    }

    /// Where to redirect after a logout without a destination; `/` if not set.
    pub fn logout_redirect(mut self, target: impl Into<String>) -> Self {
        self.site.logout_redirect = Some(target.into());
        self
    }

    /// The origins, besides our own, to which our forms may lead after a redirect; any if not set.
    pub fn form_origins<O: Into<String>>(mut self, origins: impl IntoIterator<Item = O>) -> Self {
        self.site.form_origins = Some(origins.into_iter().map(Into::into).collect());
        self
    }

    /// A directory whose templates replace the built-in ones of the same name.
    pub fn templates(mut self, directory: impl Into<PathBuf>) -> Self {
        self.site.templates = Some(directory.into());
        self
    }

    /// Reloads changed templates without a restart, for development.
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

    /// The header for CSRF tokens; `X-CROSSAUTH-CSRF` if not set.
    pub fn csrf_header(mut self, name: impl Into<String>) -> Self {
        self.cookies.csrf_header = name.into();
        self
    }

    /// Whether cookie names begin with `__Host-`; if not set, wherever browsers accept it.
    pub fn host_prefix(mut self, prefix: HostPrefix) -> Self {
        self.cookies.host_prefix = prefix;
        self
    }

    /// Lifetimes of sessions.
    pub fn session(mut self, config: SessionConfig) -> Self {
        self.session = config;
        self
    }

    /// Idle time after which a session expires.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.session.idle_timeout = Some(timeout);
        self
    }

    /// An additional check of every session by the application.
    pub fn session_filter(mut self, filter: SessionFilter) -> Self {
        self.hooks.session_filter = Some(filter);
        self
    }

    /// Selects the data of the anonymous session that a login keeps, such as a shopping cart.
    pub fn carry_over(mut self, carry_over: CarryOver) -> Self {
        self.hooks.carry_over = Some(carry_over);
        self
    }

    /// All callbacks of the application.
    pub fn hooks(mut self, hooks: Hooks) -> Self {
        self.hooks = hooks;
        self
    }

    /// Account fields that users may set at sign-up, such as `email` or `phone`.
    pub fn editable_fields<F: Into<String>>(mut self, fields: impl IntoIterator<Item = F>) -> Self {
        self.signup.editable_fields = fields.into_iter().map(Into::into).collect();
        self
    }

    /// The fields of the sign-up form besides name and password, with labels, rules and choices.
    /// Fields of [`editable_fields`](Self::editable_fields) that are not among them come after
    /// them, as optional lines of text.
    pub fn signup_fields(mut self, fields: impl IntoIterator<Item = SignupField>) -> Self {
        self.signup_fields = fields.into_iter().collect();
        self
    }

    /// Application fields of users that are sent to browsers in pages and JSON; those of
    /// [`editable_fields`](Self::editable_fields) if not set.
    pub fn visible_fields<F: Into<String>>(mut self, fields: impl IntoIterator<Item = F>) -> Self {
        self.site.visible_fields = Some(fields.into_iter().map(Into::into).collect());
        self
    }

    /// Configuration of sign-up.
    pub fn signup(mut self, config: SignupConfig) -> Self {
        self.signup = config;
        self
    }

    /// Closes sign-up: only administrators create accounts.
    pub fn close_signup(mut self) -> Self {
        self.signup.registration = Registration::Closed;
        self
    }

    /// How passwords are hashed.
    pub fn hasher(mut self, config: HasherConfig) -> Self {
        self.hasher = config;
        self
    }

    /// The rules for new passwords.
    pub fn password_policy(mut self, policy: PasswordPolicy) -> Self {
        self.password_policy = policy;
        self
    }

    /// The clock, for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.sources.clock = clock;
        self
    }

    /// The source of randomness, for tests.
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.sources.random = random;
        self
    }

    /// Checks the options and starts the threads that hash passwords.
    pub fn build(mut self) -> Result<Crossauth, BuildError> {
        let secret = self.secret.take().ok_or(BuildError::NoSecret)??;
        let storage = self.storage.take().ok_or(BuildError::NoStorage)?;
        self.error.take().map_or(Ok(()), Err)?;
        let activation = self.email_verification.activation;
        let verifies_email = verifies_email(activation, &self.delivery);
        describe_fields(&mut self.signup, &mut self.signup_fields, verifies_email);
        let config = self.config()?;
        self.delivery.site.extend(message_variables(&config));
        let overrides = Overrides { directory: self.site.templates, files: self.site.page_files };
        let pages = Pages::new(routes::PAGES, overrides)?;
        let pages = if self.site.reload_templates { pages.reloading() } else { pages };
        check_api_keys(&self.api_keys)?;
        let policy = self.password_policy.for_site(&self.site.name);
        let factors = self.factors.unwrap_or_else(|| default_factors(self.site.name));
        let auth = AuthConfig {
            session: self.session,
            hasher: self.hasher,
            password_policy: policy,
            signature_form: self.cookies.signature_form,
            signup: self.signup,
            factors,
            email_verification: self.email_verification,
            password_reset: self.password_reset,
            audit: self.audit,
            api_keys: self.api_keys,
            limits: limits(self.limits, &config.requests),
            directory: self.directory,
            hooks: self.hooks,
            delivery: self.delivery,
            ..AuthConfig::new(secret)
        };
        let auth = Auth::new(auth, &storage, &self.sources)?;
        Crossauth::new(auth, config, pages, self.sources).check_endpoints()
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
            admin_prefix: admin_prefix(site)?,
            has_admin_endpoints: site.admin_endpoints,
            form_action: form_action(site.form_origins.as_deref())?,
            signup_fields: self.signup_fields.clone(),
            visible_fields: match &site.visible_fields {
                Some(fields) => fields.clone(),
                None => self.signup.editable_fields.clone(),
            },
            admin_editable_fields: site.admin_editable_fields.clone(),
            session_cookie: self.cookies.session.clone(),
            csrf_cookie: self.cookies.csrf.clone(),
            device_cookie: self.cookies.device.clone(),
            browser_cookie: browser_cookie(&self.cookies),
            protected: protected(&self.protected, &prefix(&site.prefix)?)?,
            csrf_header: csrf_header(&self.cookies.csrf_header)?,
            body_limits: self.body_limits,
            requests: self.requests.clone(),
            csrf_issue: self.cookies.csrf_issue,
            error_codes: site.error_codes,
            served: Served::parse(site.endpoints.as_deref(), &prefix(&site.prefix)?)?,
            base_url,
        };
        for cookie in config.cookies_mut() {
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
            tracing::warn!("no base URL is set: using http://localhost:3000");
            return Ok(BaseUrl::parse("http://localhost:3000")?);
        };
        if base_url.transport() == Transport::Plain && !self.site.danger_insecure_http {
            return Err(InvalidBaseUrl::Insecure.into());
        }
        Ok(base_url.clone())
    }
}
