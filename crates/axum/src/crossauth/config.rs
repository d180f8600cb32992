//! Options of the site, set by an application or a configuration file and checked by [`Builder`].
//!
//! The field and default of each option are defined only here: the settings of the server fill
//! these structs.
//!
//! [`Builder`]: super::Builder

use std::collections::BTreeMap;
use std::path::PathBuf;

use crossauth_core::cookie::{CSRF_COOKIE, CookieOptions, SESSION_COOKIE};
use crossauth_core::crypto::SignatureForm;
use crossauth_core::device::DEVICE_COOKIE;
use crossauth_core::error::Numbering;
use crossauth_core::known_browser::BROWSER_COOKIE;

use crate::origin::BaseUrl;
use crate::visitor::Proxies;

/// URL, name and pages of the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteConfig {
    /// The URL under which browsers reach the site. If not set, `http://localhost:3000`.
    pub base_url: Option<BaseUrl>,
    /// Accepts a [`base_url`](Self::base_url) with plain http across a network, where passwords and
    /// sessions can be intercepted.
    pub danger_insecure_http: bool,
    /// The path prefix of our routes: `/`, or a path such as `/auth/`.
    pub prefix: String,
    /// Whether the pages and endpoints of administration exist (upstream's
    /// `enable_admin_endpoints`).
    pub admin_endpoints: bool,
    /// The path prefix of administration, such as `/admin/`. If not set, `admin/` below
    /// [`prefix`](Self::prefix).
    pub admin_prefix: Option<String>,
    /// The name of the site, as shown on its pages.
    pub name: String,
    /// Where to redirect after a login without a destination. If not set, `/`.
    pub login_redirect: Option<String>,
    /// Where to redirect after a logout without a destination. If not set, `/`.
    pub logout_redirect: Option<String>,
    /// The origins, besides our own, to which our forms may lead after a redirect, such as
    /// `https://app.example.com`. They are listed in the `form-action` directive of the content
    /// security policy. If not set, forms may lead to any origin: browsers apply `form-action` to
    /// every redirect, and the pages of an application may redirect anywhere.
    pub form_origins: Option<Vec<String>>,
    /// URL of the privacy policy, linked in the footer of every page: a path, or a URL that begins
    /// with `https://`, `http://` or `mailto:`.
    pub privacy_url: Option<String>,
    /// URL of the terms of use, as above.
    pub terms_url: Option<String>,
    /// URL where users get help, as above.
    pub help_url: Option<String>,
    /// Application fields of users that are sent to browsers in pages and JSON. If not set, those
    /// that users may set themselves.
    pub visible_fields: Option<Vec<String>>,
    /// Fields of users, of the application or `email`, that administrators may set with the pages and
    /// endpoints of administration. If not set, any; with an empty list, none. What administrators
    /// send for other fields is ignored.
    pub admin_editable_fields: Option<Vec<String>>,
    /// A directory whose templates replace the built-in ones of the same name.
    pub templates: Option<PathBuf>,
    /// The files of pages in that directory that have other names than the pages, by the name of the
    /// page without extension, such as `login`.
    pub page_files: BTreeMap<String, String>,
    /// Reloads changed templates without a restart.
    pub reload_templates: bool,
    /// How the `errorCode` of JSON responses is numbered.
    pub error_codes: Numbering,
    /// The endpoints that are served, by their names after the prefix such as `login` and
    /// `api/login`, upstream's names of lists such as `SessionApiEndpoints`, `all` or
    /// `allMinusOAuth`. If not set, those whose features are enabled.
    ///
    /// Those of second factors are added if users may have one. An endpoint that is not served is
    /// free for a page of the application. An endpoint that is named while its feature is off is
    /// an error.
    pub endpoints: Option<Vec<String>>,
}

impl Default for SiteConfig {
    fn default() -> Self {
        Self {
            base_url: None,
            danger_insecure_http: false,
            prefix: "/".to_owned(),
            admin_endpoints: false,
            admin_prefix: None,
            name: "Crossauth".to_owned(),
            login_redirect: None,
            logout_redirect: None,
            form_origins: None,
            privacy_url: None,
            terms_url: None,
            help_url: None,
            visible_fields: None,
            admin_editable_fields: None,
            templates: None,
            page_files: BTreeMap::new(),
            reload_templates: false,
            error_codes: Numbering::default(),
            endpoints: None,
        }
    }
}

/// The session cookie, the CSRF cookie and the header for CSRF tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieConfig {
    /// The session cookie. `Secure` is removed if the base URL is not https.
    pub session: CookieOptions,
    /// The CSRF cookie. `Secure` is removed if the base URL is not https.
    pub csrf: CookieOptions,
    /// The cookie of a device on which the second factor is not asked for again. `Secure` is removed
    /// if the base URL is not https.
    pub device: CookieOptions,
    /// The name of the cookie of a browser on which a user has logged in before, which has limits of
    /// its own. Its other attributes are those of the session cookie.
    pub browser_name: String,
    /// The request and response header for CSRF tokens.
    pub csrf_header: String,
    /// Whether the names begin with `__Host-`.
    pub host_prefix: HostPrefix,
    /// Which responses set the CSRF cookie.
    pub csrf_issue: CsrfIssue,
    /// Encoding of cookie signatures; both are accepted. [`SignatureForm::Hex`] is for a migration
    /// from the Python Crossauth, which reads only that.
    pub signature_form: SignatureForm,
}

impl Default for CookieConfig {
    fn default() -> Self {
        Self {
            session: CookieOptions::new(SESSION_COOKIE),
            csrf: CookieOptions::new(CSRF_COOKIE),
            device: CookieOptions::new(DEVICE_COOKIE),
            browser_name: BROWSER_COOKIE.to_owned(),
            csrf_header: "X-CROSSAUTH-CSRF".to_owned(),
            host_prefix: HostPrefix::Auto,
            csrf_issue: CsrfIssue::WithToken,
            signature_form: SignatureForm::default(),
        }
    }
}

/// Whether cookie names begin with `__Host-`, so that no other host of the same domain can set them
/// (RFC 6265bis section 4.1.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum HostPrefix {
    /// If browsers accept it: over https, for the path `/` and without a domain.
    #[default]
    Auto,
    /// Always; an error if browsers would refuse the cookies.
    Always,
    /// Never; for databases and front ends that are shared with upstream.
    Never,
}

/// The endpoints that demand the second factor of users who have one, as names after the prefix such
/// as `updateuser` or `/api/updateuser`. Those that replace or remove an account, its second factor
/// or its recovery codes always demand it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtectedEndpoints {
    /// Pages (upstream's `factor2_protected_page_endpoints`).
    pub pages: Vec<String>,
    /// JSON endpoints (upstream's `factor2_protected_api_endpoints`).
    pub apis: Vec<String>,
}

impl Default for ProtectedEndpoints {
    /// Changes of the password, of the profile and of the second factor.
    fn default() -> Self {
        let names = [
            "requestpasswordreset",
            "updateuser",
            "changepassword",
            "resetpassword",
            "changefactor2",
        ];
        Self {
            pages: names.map(|name| format!("/{name}")).to_vec(),
            apis: names.map(|name| format!("/api/{name}")).to_vec(),
        }
    }
}

/// Which responses set the CSRF cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum CsrfIssue {
    /// Those that contain a token: our pages, `api/getcsrftoken` and handlers that take
    /// [`CsrfToken`](crate::CsrfToken). Parallel first requests then do not replace each other's
    /// cookie.
    #[default]
    WithToken,
    /// Every response to a GET request, as upstream does. Each also carries the token header.
    EveryGet,
}

/// Accepted proxies, hosts and origins of requests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestConfig {
    /// The proxies whose forwarding header is trusted; none by default.
    pub proxies: Proxies,
    /// Host names, besides that of the base URL, under which browsers may send unsafe requests.
    /// Loopback names, IP addresses and names without a dot are always allowed.
    pub allowed_hosts: Vec<String>,
    /// Whether unsafe cross-site requests and WebSocket handshakes with our cookies reach the
    /// application's routes.
    pub cross_site: CrossSite,
}

/// What happens to unsafe cross-site requests and WebSocket handshakes with our cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum CrossSite {
    /// Refused on every route.
    #[default]
    Refused,
    /// Passed to the application's handlers, which must check them. Our routes and the extractors
    /// that check CSRF tokens still refuse them.
    DangerAllowed,
}
