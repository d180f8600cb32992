//! What an application or a configuration file says about the site; [`Builder`] checks it.
//!
//! Field and default of each option stand here and nowhere else: the settings of the server are
//! laid over these structs.
//!
//! [`Builder`]: super::Builder

use std::path::PathBuf;

use crossauth_core::cookie::{CSRF_COOKIE, CookieOptions, SESSION_COOKIE};
use crossauth_core::crypto::SignatureForm;
use crossauth_core::error::Numbering;

use crate::origin::BaseUrl;
use crate::visitor::Proxies;

/// Address, name and pages of the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteConfig {
    /// The address under which browsers reach the site. Without it, `http://localhost:3000`.
    pub base_url: Option<BaseUrl>,
    /// Accepts a [`base_url`](Self::base_url) with plain http across a network, where passwords
    /// and sessions can be read by anyone on the way.
    pub danger_insecure_http: bool,
    /// The path below which our routes are: `/`, or a path such as `/auth/`.
    pub prefix: String,
    /// The name of the site on its pages.
    pub name: String,
    /// Where a login without a destination leads. Without it, `/`.
    pub login_redirect: Option<String>,
    /// Where a logout without a destination leads. Without it, `/`.
    pub logout_redirect: Option<String>,
    /// Address of the privacy policy, for a link at the end of every page: a path, or an address
    /// that begins with `https://`, `http://` or `mailto:`.
    pub privacy_url: Option<String>,
    /// Address of the terms of use, likewise.
    pub terms_url: Option<String>,
    /// Address where users get help, likewise.
    pub help_url: Option<String>,
    /// The fields of users, beside our own, that pages and JSON show to browsers. Without it,
    /// those that users may set themselves.
    pub visible_fields: Option<Vec<String>>,
    /// A directory whose templates replace the built-in ones of the same name.
    pub templates: Option<PathBuf>,
    /// Reads changed templates again without a restart.
    pub reload_templates: bool,
    /// How the `errorCode` of JSON answers is numbered.
    pub error_codes: Numbering,
}

impl Default for SiteConfig {
    fn default() -> Self {
        Self {
            base_url: None,
            danger_insecure_http: false,
            prefix: "/".to_owned(),
            name: "Crossauth".to_owned(),
            login_redirect: None,
            logout_redirect: None,
            privacy_url: None,
            terms_url: None,
            help_url: None,
            visible_fields: None,
            templates: None,
            reload_templates: false,
            error_codes: Numbering::default(),
        }
    }
}

/// The session cookie, the CSRF cookie and the header for CSRF tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieConfig {
    /// The session cookie. `Secure` is removed where the base URL is not https.
    pub session: CookieOptions,
    /// The CSRF cookie. `Secure` is removed where the base URL is not https.
    pub csrf: CookieOptions,
    /// The request and response header for CSRF tokens.
    pub csrf_header: String,
    /// Whether `__Host-` stands before both names.
    pub host_prefix: HostPrefix,
    /// Which responses set the CSRF cookie.
    pub csrf_issue: CsrfIssue,
    /// The form in which cookies are signed; both forms are read. [`SignatureForm::Hex`] is for the
    /// time of a move from the Python Crossauth, which reads no other.
    pub signature_form: SignatureForm,
}

impl Default for CookieConfig {
    fn default() -> Self {
        Self {
            session: CookieOptions::new(SESSION_COOKIE),
            csrf: CookieOptions::new(CSRF_COOKIE),
            csrf_header: "X-CROSSAUTH-CSRF".to_owned(),
            host_prefix: HostPrefix::Auto,
            csrf_issue: CsrfIssue::WithToken,
            signature_form: SignatureForm::default(),
        }
    }
}

/// Whether cookie names begin with `__Host-`, so that no other host of the same domain can set
/// them (RFC 6265bis section 4.1.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HostPrefix {
    /// Where browsers accept it: over https, for the path `/` and without a domain.
    #[default]
    Auto,
    /// Always; an error where browsers would refuse the cookies.
    Always,
    /// Never; for databases and front ends that are shared with upstream.
    Never,
}

/// Which responses set the CSRF cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CsrfIssue {
    /// Those that show a token: our pages, `api/getcsrftoken` and handlers that take
    /// [`CsrfToken`](crate::CsrfToken). Parallel first requests then do not replace each other's
    /// cookie.
    #[default]
    WithToken,
    /// Every response to a GET request, as upstream does. Each also carries the token header.
    EveryGet,
}

/// Which proxies, hosts and sites requests may come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestConfig {
    /// The proxies whose forwarding header is believed; none by default.
    pub proxies: Proxies,
    /// Host names besides that of the base URL under which browsers may send unsafe requests.
    /// Loopback names, IP addresses and names without a dot are always allowed.
    pub allowed_hosts: Vec<String>,
    /// Whether unsafe requests and WebSocket handshakes of other sites reach the application's
    /// own routes with our cookies.
    pub cross_site: CrossSite,
}

/// What happens to unsafe requests and WebSocket handshakes that come from another site and carry
/// our cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CrossSite {
    /// Refused on every route.
    #[default]
    Refused,
    /// Passed to the application, whose handlers must check them. Our own routes and the
    /// extractors that check CSRF tokens refuse them all the same.
    DangerAllowed,
}
