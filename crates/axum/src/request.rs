//! The context of a request: credential, visitor, origin, and the surface of its response.

pub(crate) mod api_key;
mod csrf;

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use axum::extract::{FromRequestParts, OriginalUri};
use crossauth_core::api_key::CheckedApiKey;
use crossauth_core::caller::{self, Actor, Caller, CallerSource};
use crossauth_core::csrf::{CsrfError, Token};
use crossauth_core::error::ErrorCode;
use crossauth_core::session::{Replaced, Session, SessionId};
use crossauth_core::user::User;
use http::header::{ACCEPT, REFERER};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Uri};
use url::{Position, Url};

use crate::cookies::{self, CookieValue, RequestCookies};
use crate::crossauth::Crossauth;
use crate::failure::Failure;
use crate::next::NextPath;
use crate::origin::{self, RequestOrigin};
use crate::rejection::Rejection;
use crate::request_id::{RequestId, RequestScope};
use crate::visitor::Visitor;

use api_key::KeyCredential;
pub(crate) use csrf::CsrfState;

/// The context of a request, set by the layer in the request's extensions. Cheap to clone.
#[derive(Clone)]
pub(crate) struct RequestInfo(Arc<RequestInfoInner>);

/// See [`RequestInfo`].
pub(crate) struct RequestInfoInner {
    /// The Crossauth that the layer belongs to.
    pub(crate) crossauth: Crossauth,
    /// Identifies the request in logs and on error pages.
    pub(crate) id: RequestId,
    pub(crate) scope: RequestScope,
    pub(crate) method: Method,
    /// The URI as received, before nested routers strip prefixes.
    pub(crate) uri: Uri,
    /// The surface of the response: a page or JSON.
    pub(crate) surface: Surface,
    pub(crate) visitor: Visitor,
    /// The origin of the request; [`RequestOrigin::SameOrigin`] for safe requests.
    pub(crate) request_origin: RequestOrigin,
    /// Set when the request has been authenticated; anonymous without.
    credential: OnceLock<Credential>,
    /// Whether our route accepts API keys; not set on routes of the application.
    accepts_keys: OnceLock<bool>,
    /// Whether the request has more than one session cookie, so none is accepted.
    pub(crate) duplicate_session_cookie: bool,
    /// The cookie of a known browser, in an unsafe request.
    browser: Option<Box<str>>,
    csrf: CsrfState,
}

/// How a caller identifies itself. The layer refuses a session with an API key of another user.
///
/// [`CurrentUser`](crate::CurrentUser), [`Admin`](crate::Admin) and [`Session`](crate::Session)
/// accept [`Credential::Session`] only. API keys have extractors of their own, so that other
/// handlers do not accept them; access tokens become one more variant.
pub(crate) enum Credential {
    /// A session cookie. Browsers send it automatically, so unsafe requests need a CSRF token.
    Session(Session),
    /// An API key in the `Authorization` header, which browsers do not send automatically.
    ApiKey(KeyCredential),
    /// A session cookie that was refused. The request is anonymous, and the response removes the
    /// cookie.
    Refused,
    /// A session cookie that is not signed with our secret. The request is anonymous, and the cookie
    /// stays: it may belong to another application on the same host.
    Foreign,
}

/// The surface of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surface {
    /// HTML for a person.
    Page,
    /// JSON for a program.
    Api,
}

impl Surface {
    /// The surface of our route; for other routes JSON below `api/` and for callers that do not
    /// accept HTML.
    ///
    /// Our routes are found by the URI that reached this layer, which `Router::nest` may have
    /// stripped; `path` is the one that the outermost router saw.
    fn of<B>(crossauth: &Crossauth, request: &Request<B>, path: &str) -> Self {
        if let Some(surface) = crossauth.surface_of(request.method(), request.uri().path()) {
            return surface;
        }
        let headers = request.headers();
        let config = crossauth.config();
        let mut prefixes = [&config.prefix, &config.admin_prefix].into_iter();
        let api = prefixes
            .any(|prefix| path.strip_prefix(&**prefix).is_some_and(|it| it.starts_with("api/")));
        let accepts_html = headers
            .get_all(ACCEPT)
            .iter()
            .any(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/html")));
        if accepts_html && !api { Self::Page } else { Self::Api }
    }
}

impl Deref for RequestInfo {
    type Target = RequestInfoInner;

    fn deref(&self) -> &RequestInfoInner {
        &self.0
    }
}

impl RequestInfo {
    /// Runs `future` in the scope of the request: its id and addresses for logs, and its caller for
    /// the audit log, who may be authenticated later.
    pub(crate) fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        RequestScope::keep(self);
        self.scope.run(caller::run(self.0.clone(), future))
    }

    /// Runs `poll` in the scope of the request.
    pub(crate) fn enter<T>(&self, poll: impl FnOnce() -> T) -> T {
        self.scope.enter(|| caller::enter(self.0.clone(), poll))
    }

    /// Reads everything except the credential, which may need the store.
    pub(crate) fn read<B>(
        crossauth: &Crossauth,
        request: &Request<B>,
        cookies: &RequestCookies<'_>,
    ) -> Self {
        let headers = request.headers();
        let original = request.extensions().get::<OriginalUri>();
        let uri = original.map_or(request.uri(), |OriginalUri(uri)| uri).clone();
        let config = crossauth.config();
        let mut scope = RequestScope::current_or_new(crossauth, request.extensions());
        let visitor = Visitor::read(scope.peer, headers, &config.requests.proxies);
        scope.client = visitor.address();
        let request_origin = if request.method().is_safe() && !origin::is_upgrade(headers) {
            RequestOrigin::SameOrigin
        } else {
            RequestOrigin::of(headers, &uri, &config.base_url, &config.requests.allowed_hosts)
        };
        Self(Arc::new(RequestInfoInner {
            id: scope.id,
            scope,
            method: request.method().clone(),
            surface: Surface::of(crossauth, request, uri.path()),
            uri,
            visitor,
            request_origin,
            credential: OnceLock::new(),
            accepts_keys: OnceLock::new(),
            duplicate_session_cookie: cookies.session == CookieValue::Ambiguous,
            browser: known_browser(crossauth, request),
            csrf: CsrfState::new(cookies.csrf),
            crossauth: crossauth.clone(),
        }))
    }
}

impl CallerSource for RequestInfoInner {
    fn caller(&self) -> Caller {
        let user = self.any_user();
        let actor = match (self.api_key(), user) {
            (Some(CheckedApiKey { key, .. }), _) => {
                Actor::ApiKey { key: key.id.clone(), owner: key.owner.clone() }
            }
            (None, Some(user)) => Actor::User { id: user.id.clone() },
            (None, None) => Actor::Anonymous,
        };
        Caller {
            actor,
            username: user.map(|user| user.username.clone()),
            address: self.visitor.address(),
            user_agent: self.visitor.user_agent().map(str::to_owned),
            request_id: Some(self.id.to_string()),
        }
    }
}

/// The cookie of a known browser. Only unsafe requests log in.
fn known_browser<B>(crossauth: &Crossauth, request: &Request<B>) -> Option<Box<str>> {
    if request.method().is_safe() {
        return None;
    }
    let name = &crossauth.config().browser_cookie.name;
    cookies::find(request.headers(), name).map(Into::into)
}

impl RequestInfoInner {
    /// The cookie of a known browser, in an unsafe request.
    pub(crate) fn known_browser(&self) -> Option<&str> {
        self.browser.as_deref()
    }

    /// Records how the caller has identified itself; the first credential counts.
    pub(crate) fn authenticate(&self, credential: Credential) {
        let _first = self.credential.set(credential);
    }

    /// The session of the request.
    pub(crate) fn session(&self) -> Option<&Session> {
        match self.credential.get() {
            Some(Credential::Session(session)) => Some(session),
            Some(Credential::ApiKey(_) | Credential::Refused | Credential::Foreign) | None => None,
        }
    }

    /// The API key of the request.
    pub(crate) fn api_key(&self) -> Option<&CheckedApiKey> {
        match self.credential.get() {
            Some(Credential::ApiKey(key)) => Some(&key.checked),
            Some(Credential::Session(_) | Credential::Refused | Credential::Foreign) | None => None,
        }
    }

    /// The user of the session, or the owner of the API key.
    pub(crate) fn any_user(&self) -> Option<&User> {
        match self.api_key() {
            Some(checked) => checked.user.as_ref(),
            None => self.user(),
        }
    }

    /// Records that one of our routes handles the request, and whether it accepts API keys.
    pub(crate) fn enter_route(&self, accepts_keys: bool) {
        let _first = self.accepts_keys.set(accepts_keys);
    }

    /// Whether the request needs no CSRF token: it has an API key and no session, so that no browser
    /// authenticates it automatically. Of our routes, only those that accept keys are exempt.
    pub(crate) fn is_exempt_from_csrf(&self) -> bool {
        let has_only_key = match self.credential.get() {
            Some(Credential::ApiKey(key)) => !key.has_session && !self.duplicate_session_cookie,
            Some(Credential::Session(_) | Credential::Refused | Credential::Foreign) | None => {
                false
            }
        };
        has_only_key && self.accepts_keys.get().copied().unwrap_or(true)
    }

    /// Whether the session cookie was refused, so that the response removes it.
    pub(crate) fn refused_session_cookie(&self) -> bool {
        matches!(self.credential.get(), Some(Credential::Refused))
    }

    pub(crate) fn session_id(&self) -> Option<&SessionId> {
        self.session().map(|session| &session.id)
    }

    /// The session that a login replaces.
    pub(crate) fn replaced_session(&self) -> Option<Replaced<'_>> {
        self.session().map(|session| Replaced::new(&session.id, &session.key))
    }

    /// The user of the session.
    pub(crate) fn user(&self) -> Option<&User> {
        self.session()?.user.as_ref()
    }

    /// The user of the session, on a route for logged-in users.
    pub(crate) fn require_user(&self) -> Result<&User, Failure> {
        self.user().ok_or_else(Failure::login_needed)
    }

    /// The user whose profile the request may change: that of the session, or the owner of an API key
    /// with the scope for it.
    pub(crate) fn require_profile_editor(&self) -> Result<&User, Failure> {
        let Some(CheckedApiKey { key, user, .. }) = self.api_key() else {
            return self.require_user();
        };
        let may_edit = self.crossauth.auth().api_keys.may_edit_user(key);
        match user.as_ref().filter(|_| may_edit) {
            Some(user) => Ok(user),
            None => Err(Failure::new(ErrorCode::InsufficientScope)
                .message("The API key may not change the profile of a user")),
        }
    }

    /// The user of the session, on a route for administrators.
    pub(crate) fn require_admin(&self) -> Result<&User, Failure> {
        let user = self.require_user()?;
        if self.crossauth.auth().is_admin(user) {
            Ok(user)
        } else {
            Err(Failure::new(ErrorCode::InsufficientPriviledges))
        }
    }

    /// Refuses a session whose login is not fresh.
    pub(crate) fn require_fresh_login(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let session = self.session().ok_or_else(Failure::login_needed)?;
        if self.crossauth.auth().fresh_login.is_fresh(session) {
            return Ok(());
        }
        Err(Failure::fresh_login_needed(self.page_of_form(headers)))
    }

    /// The page of the form that an unsafe request sends: the one at the same address, or the one
    /// that the browser says.
    fn page_of_form(&self, headers: &HeaderMap) -> Option<NextPath> {
        let path = self.uri.path();
        if self.crossauth.has_endpoint(&Method::GET, path) {
            return NextPath::parse(self.uri.path_and_query()?.as_str()).ok();
        }
        let referer = Url::parse(headers.get(REFERER)?.to_str().ok()?).ok()?;
        let origin = referer.origin().ascii_serialization();
        let is_ours = self.crossauth.config().base_url.is_origin(origin.as_bytes());
        let path = &referer[Position::BeforePath..Position::AfterQuery];
        NextPath::parse(path).ok().filter(|_| is_ours)
    }

    /// A parameter of the query.
    pub(crate) fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut pairs = url::form_urlencoded::parse(self.uri.query()?.as_bytes());
        pairs.find(|(given, _)| given == name).map(|(_, value)| value)
    }

    /// The CSRF token for a form. The response sets the matching cookie.
    pub(crate) fn csrf_form_value(&self) -> String {
        self.crossauth.auth().csrf.form_value(self.show_csrf_token())
    }

    /// The CSRF token, which the response sends in its header.
    pub(crate) fn show_csrf_token(&self) -> &Token {
        self.csrf.show(&self.crossauth, self.session_id())
    }

    /// Whether the request has the header for CSRF tokens, so that the check does not need the
    /// body.
    pub(crate) fn has_csrf_header(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(&self.crossauth.config().csrf_header)
    }

    /// Whether the request has neither a session nor a session cookie.
    pub(crate) fn has_no_session_cookie(&self) -> bool {
        self.session().is_none() && !self.duplicate_session_cookie
    }

    /// Whether the request has one of our cookies, which browsers send automatically.
    pub(crate) fn carries_our_cookies(&self) -> bool {
        let has_session_cookie = match self.credential.get() {
            Some(Credential::Session(_) | Credential::Refused | Credential::Foreign) => true,
            Some(Credential::ApiKey(key)) => key.has_session,
            None => false,
        };
        has_session_cookie || self.duplicate_session_cookie || self.csrf.has_cookie()
    }

    /// The state of the CSRF cookie and token.
    pub(crate) fn csrf_state(&self) -> &CsrfState {
        &self.csrf
    }

    /// Checks the token in the header or, if the header is absent, in a field of the body.
    ///
    /// With a session, the token must be that of the session, regardless of the CSRF cookie;
    /// without one, it must be that of the cookie.
    pub(crate) fn check_csrf(
        &self,
        headers: &HeaderMap,
        field: Option<&str>,
    ) -> Result<(), CsrfError> {
        if self.is_exempt_from_csrf() {
            return Ok(());
        }
        if self.request_origin == RequestOrigin::CrossOrigin {
            return Err(CsrfError::CrossSite);
        }
        let mut in_headers = headers.get_all(&self.crossauth.config().csrf_header).iter();
        let given = match (in_headers.next(), in_headers.next()) {
            (Some(header), None) => header.to_str().ok(),
            (Some(_), Some(_)) => None,
            (None, _) => field,
        };
        let csrf = &self.crossauth.auth().csrf;
        let expected = self.csrf.expected(&self.crossauth, self.session_id());
        csrf.verify(&expected.ok_or(CsrfError::Missing)?, given.ok_or(CsrfError::Missing)?)?;
        self.show_csrf_token();
        Ok(())
    }
}

impl<S: Sync> FromRequestParts<S> for RequestInfo {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Rejection::without_layer)
    }
}
