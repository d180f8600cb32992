//! `Crossauth`, which an Axum application embeds.

mod builder;
mod check;
mod config;
mod cookie;
mod delivery;
mod directory;
mod factor;
mod fields;
mod limit;
mod request;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use crossauth_core::clock::Timestamp;
use crossauth_core::crypto::random_value;
use crossauth_core::error::Numbering;
use crossauth_core::random::bytes;
use crossauth_core::storage::StorageError;
use crossauth_core::user::User;
use crossauth_core::{Auth, Sources, cookie::CookieOptions};
use http::HeaderName;

pub use builder::Builder;
pub use check::BuildError;
pub use config::{
    CookieConfig, CrossSite, CsrfIssue, HostPrefix, ProtectedEndpoints, RequestConfig, SiteConfig,
};

use crate::body::BodyLimits;
use crate::origin::BaseUrl;
use crate::page::{FooterLink, Pages};
use crate::request_id::RequestId;
use crate::routes::Served;
use crate::signup_field::SignupField;

/// The configuration of the web interface, as built by [`Builder`].
#[derive(Debug, Clone)]
pub struct Config {
    /// The URL under which users reach the application.
    pub base_url: BaseUrl,
    /// The path prefix of our routes: `/`, or a path with a slash at both ends.
    pub prefix: String,
    /// The path prefix of administration, with a slash at both ends.
    pub admin_prefix: String,
    /// Whether the endpoints of administration exist.
    pub(crate) has_admin_endpoints: bool,
    /// The name of the site on its pages.
    pub site_name: String,
    /// The links in the footer of every page.
    pub(crate) footer_links: Vec<FooterLink>,
    /// Where to redirect after a login without a destination.
    pub login_redirect: String,
    /// Where to redirect after a logout without a destination.
    pub logout_redirect: String,
    /// The `form-action` directive of pages whose forms lead on; empty if they may lead anywhere.
    pub(crate) form_action: String,
    /// The session cookie.
    pub session_cookie: CookieOptions,
    /// The CSRF cookie.
    pub csrf_cookie: CookieOptions,
    /// The cookie of a known device.
    pub device_cookie: CookieOptions,
    /// The cookie of a known browser.
    pub browser_cookie: CookieOptions,
    /// The names of the endpoints that demand the second factor, without slashes around them.
    pub(crate) protected: Vec<String>,
    /// The request and response header for CSRF tokens.
    pub csrf_header: HeaderName,
    /// Limits of request bodies.
    pub body_limits: BodyLimits,
    /// Accepted proxies, hosts and origins of requests.
    pub requests: RequestConfig,
    /// The fields of the sign-up form besides username and password.
    pub signup_fields: Vec<SignupField>,
    /// The application fields of users that are sent to browsers.
    pub visible_fields: Vec<String>,
    /// The fields of users that administrators may set; `None` for any.
    pub admin_editable_fields: Option<Vec<String>>,
    /// When the CSRF cookie is set.
    pub csrf_issue: CsrfIssue,
    /// How error codes are numbered.
    pub error_codes: Numbering,
    /// The endpoints that are served.
    pub(crate) served: Served,
}

impl Config {
    fn cookies(&self) -> [&CookieOptions; 4] {
        [&self.session_cookie, &self.csrf_cookie, &self.device_cookie, &self.browser_cookie]
    }

    fn cookies_mut(&mut self) -> [&mut CookieOptions; 4] {
        let Self { session_cookie, csrf_cookie, device_cookie, browser_cookie, .. } = self;
        [session_cookie, csrf_cookie, device_cookie, browser_cookie]
    }
}

/// Accounts, sessions and pages for an Axum application. Cheap to clone.
///
/// [`builder`](Self::builder) creates one, [`mount`](Self::mount) adds its routes to an application
/// and protects it, [`auth`](Self::auth) has the use cases behind the routes, and
/// [`tasks`](Self::tasks) runs background work.
#[derive(Clone)]
pub struct Crossauth(Arc<Parts>);

struct Parts {
    auth: Auth,
    config: Config,
    pages: Pages,
    sources: Sources,
    /// Whether a session cookie with a signature of another secret was seen.
    foreign_cookie: AtomicBool,
    /// The OpenAPI document, once it was requested.
    openapi: OnceLock<Bytes>,
}

impl fmt::Debug for Crossauth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crossauth").field("config", &self.0.config).finish_non_exhaustive()
    }
}

impl Crossauth {
    /// Starts building a `Crossauth`.
    pub fn builder() -> Builder {
        Builder::default()
    }

    fn new(auth: Auth, config: Config, pages: Pages, sources: Sources) -> Self {
        let foreign_cookie = AtomicBool::new(false);
        let openapi = OnceLock::new();
        Self(Arc::new(Parts { auth, config, pages, sources, foreign_cookie, openapi }))
    }

    /// Issues a one-time link, valid for 24 hours, that creates the first administrator; `None` if
    /// an administrator exists. Links issued before stay valid.
    pub async fn first_admin_link(&self) -> Result<Option<String>, StorageError> {
        let base = self.config().base_url.as_str();
        let token = self.auth().setup.issue_token().await?;
        Ok(token.map(|token| format!("{base}{}?token={token}", self.path("setup"))))
    }

    /// The use cases behind the routes.
    pub fn auth(&self) -> &Auth {
        &self.0.auth
    }

    /// The background tasks: deleting expired sessions, and recording when sessions were last used.
    /// Run them as `tokio::spawn(crossauth.tasks())`, once per process. Without them, the idle
    /// time-out ends sessions that are in use.
    pub fn tasks(&self) -> impl Future<Output = ()> + Send + 'static {
        self.auth().tasks()
    }

    /// The configuration of the web interface, as built by [`Builder`].
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Whether both are the same instance.
    pub(crate) fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether this is the first call.
    fn is_first_foreign_cookie(&self) -> bool {
        // A plain read first: a write would be contended by every such request.
        !self.0.foreign_cookie.load(Ordering::Relaxed)
            && !self.0.foreign_cookie.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn openapi_cache(&self) -> &OnceLock<Bytes> {
        &self.0.openapi
    }

    pub(crate) fn pages(&self) -> &Pages {
        &self.0.pages
    }

    /// The path of one of our routes.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}{name}", self.config().prefix)
    }

    /// The path of one of our routes of administration.
    pub(crate) fn admin_path(&self, name: &str) -> String {
        format!("{}{name}", self.config().admin_prefix)
    }

    /// The prefix of administration for its links, if the user can follow them.
    pub(crate) fn admin_prefix_for(&self, user: Option<&User>) -> Option<&str> {
        let config = self.config();
        let can_follow =
            config.has_admin_endpoints && user.is_some_and(|user| self.auth().is_admin(user));
        can_follow.then_some(&*config.admin_prefix)
    }

    /// Generates an id for a request; see [`RequestScope`](crate::RequestScope).
    pub fn next_request_id(&self) -> RequestId {
        RequestId::new(u64::from_be_bytes(bytes(&*self.0.sources.random)))
    }

    pub(crate) fn next_nonce(&self) -> String {
        random_value(&*self.0.sources.random, 16)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.sources.clock.now()
    }
}
