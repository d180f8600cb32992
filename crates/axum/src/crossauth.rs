//! Crossauth as an Axum application embeds it.

mod builder;
mod check;
mod config;
mod cookie;

use std::fmt;
use std::sync::Arc;

use crossauth_core::crypto::random_value;
use crossauth_core::error::Numbering;
use crossauth_core::random::{Random, bytes};
use crossauth_core::storage::StorageError;
use crossauth_core::{Auth, cookie::CookieOptions};
use http::HeaderName;

pub use builder::Builder;
pub use check::BuildError;
pub use config::{CookieConfig, CrossSite, CsrfIssue, HostPrefix, RequestConfig, SiteConfig};

use crate::body::BodyLimits;
use crate::origin::BaseUrl;
use crate::page::{FooterLink, Pages};
use crate::request_id::RequestId;
use crate::signup_field::SignupField;

/// How Crossauth looks from the web.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address under which users reach the application.
    pub base_url: BaseUrl,
    /// Where our routes begin: `/`, or a path with a slash at both ends.
    pub prefix: String,
    /// What the pages call the application.
    pub site_name: String,
    /// The links at the end of every page.
    pub(crate) footer_links: Vec<FooterLink>,
    /// Where to go after logging in, where nothing else was asked for.
    pub login_redirect: String,
    /// Where to go after logging out, where nothing else was asked for.
    pub logout_redirect: String,
    /// The session cookie.
    pub session_cookie: CookieOptions,
    /// The CSRF cookie.
    pub csrf_cookie: CookieOptions,
    /// The header in which CSRF tokens come and go.
    pub csrf_header: HeaderName,
    /// How much of a request body is read.
    pub body_limits: BodyLimits,
    /// Which proxies, hosts and sites requests may come from.
    pub requests: RequestConfig,
    /// The fields of the sign-up form besides name and password.
    pub signup_fields: Vec<SignupField>,
    /// The application's fields of users that browsers may see.
    pub visible_fields: Vec<String>,
    /// When the CSRF cookie is set.
    pub csrf_issue: CsrfIssue,
    /// How error codes are numbered.
    pub error_codes: Numbering,
}

/// Accounts, sessions and pages for an Axum application. Cheap to clone.
#[derive(Clone)]
pub struct Crossauth(Arc<Parts>);

struct Parts {
    auth: Auth,
    config: Config,
    pages: Pages,
    random: Arc<dyn Random>,
}

impl fmt::Debug for Crossauth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crossauth").field("config", &self.0.config).finish_non_exhaustive()
    }
}

impl Crossauth {
    /// Begins to put Crossauth together.
    pub fn builder() -> Builder {
        Builder::default()
    }

    fn new(auth: Auth, config: Config, pages: Pages, random: Arc<dyn Random>) -> Self {
        Self(Arc::new(Parts { auth, config, pages, random }))
    }

    /// A link that works once, within 24 hours, and creates the first administrator; `None` if
    /// there is one. Links issued before stay valid.
    pub async fn first_admin_link(&self) -> Result<Option<String>, StorageError> {
        let base = self.config().base_url.as_str();
        let token = self.auth().setup.issue_token().await?;
        Ok(token.map(|token| format!("{base}{}?token={token}", self.path("setup"))))
    }

    /// The use cases behind the routes, for an application's own purposes.
    pub fn auth(&self) -> &Auth {
        &self.0.auth
    }

    /// The work that goes on beside requests: removing expired sessions, and recording when
    /// sessions were last used. Run it as `tokio::spawn(crossauth.tasks())` once for each process;
    /// without it the idle time-out ends sessions that are in use.
    pub fn tasks(&self) -> impl Future<Output = ()> + Send + 'static {
        self.auth().tasks()
    }

    /// How Crossauth looks from the web.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Whether both are the same instance.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn pages(&self) -> &Pages {
        &self.0.pages
    }

    /// The path of one of our routes.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}{name}", self.config().prefix)
    }

    /// An id for a request that is about to be handled; see [`RequestScope`](crate::RequestScope).
    pub fn next_request_id(&self) -> RequestId {
        RequestId::new(u64::from_be_bytes(bytes(&*self.0.random)))
    }

    pub(crate) fn next_nonce(&self) -> String {
        random_value(&*self.0.random, 16)
    }
}
