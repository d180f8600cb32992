//! The type of the route table, with the list of endpoints and look-ups derived from it.

use std::borrow::Cow;
use std::fmt;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use crossauth_core::message::Channel;
use crossauth_core::signup::Registration;
use futures_util::future::BoxFuture;
use http::Method;
use percent_encoding::percent_decode_str;

use super::{ADMIN_ROUTES, Access, HandlerResult, ROUTES};
use crate::crossauth::Crossauth;
use crate::protection::{Checked, protect};
use crate::request::{RequestInfo, Surface};

/// The end of a path with the token of a mailed link.
const TOKEN: &str = "{token}";

/// The parameter at the end of the path of a request, such as a token or an id, percent-decoded.
pub(crate) fn parameter_of(request: &Request) -> String {
    let segment = request.uri().path().rsplit('/').next().unwrap_or_default();
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// One of our routes.
pub(crate) struct Route {
    pub(crate) method: Method,
    /// The path after the prefix of its area. A last segment such as `{id}` stands for any text
    /// without `/`.
    pub(crate) path: &'static str,
    pub(super) area: Area,
    access: Access,
    pub(super) feature: Feature,
    /// Whether it demands the second factor of users who have one, whatever is configured.
    demands_factor: bool,
    pub(crate) handler: Handler,
}

/// The prefix below which a route is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Area {
    /// That of the site.
    Site,
    /// That of administration.
    Admin,
}

/// The feature that must be enabled for a route to exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    Always,
    /// Second factors.
    Factor2,
    /// Open registration.
    Signup,
    /// The account page as the home page of a site.
    Home,
    /// The page of messages that were not sent, in development.
    Preview,
    /// Verification of e-mail addresses.
    EmailVerification,
    /// Reset of passwords by e-mail.
    PasswordReset,
    /// Links that take a change of address back, which need mail.
    AddressRestore,
    /// API keys.
    ApiKeys,
    /// Administration.
    Admin,
    /// Administration of API keys.
    AdminApiKeys,
}

/// Where routes are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// In an application, which has a home page of its own.
    Application,
    /// On a site of its own.
    Site,
}

/// A handler, synchronous or asynchronous.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    Sync(fn(&RequestInfo) -> Response),
    Async(fn(RequestInfo, Request) -> BoxFuture<'static, HandlerResult>),
}

/// A handler that needs neither the body nor a store; returns a `Response` or a `HandlerResult`.
macro_rules! sync_handler {
    ($handler:path) => {
        $crate::routes::table::Handler::Sync(|info| {
            axum::response::IntoResponse::into_response($handler(info))
        })
    };
}

/// A handler that reads the body or uses a store.
macro_rules! async_handler {
    ($handler:path) => {
        $crate::routes::table::Handler::Async(|info, request| Box::pin($handler(info, request)))
    };
}
pub(super) use {async_handler, sync_handler};

impl Route {
    pub(super) const fn new(
        method: Method,
        path: &'static str,
        access: Access,
        handler: Handler,
    ) -> Self {
        let (area, feature) = (Area::Site, Feature::Always);
        Self { method, path, area, access, feature, demands_factor: false, handler }
    }

    /// A route below the prefix of administration.
    pub(super) const fn admin(
        method: Method,
        path: &'static str,
        access: Access,
        handler: Handler,
    ) -> Self {
        let (area, feature) = (Area::Admin, Feature::Admin);
        Self { method, path, area, access, feature, demands_factor: false, handler }
    }

    pub(super) const fn of(mut self, feature: Feature) -> Self {
        self.feature = feature;
        self
    }

    /// Demands the second factor of users who have one.
    pub(super) const fn with_factor(mut self) -> Self {
        self.demands_factor = true;
        self
    }

    /// The surface of the route: pages or JSON.
    pub(crate) fn surface(&self) -> Surface {
        if self.path.starts_with("api/") { Surface::Api } else { Surface::Page }
    }

    /// The path without a parameter.
    pub(super) fn name(&self) -> &'static str {
        self.path.split("/{").next().unwrap_or_default()
    }

    pub(crate) fn access(&self) -> Access {
        self.access
    }

    /// Method and path, as in the OpenAPI operations.
    pub(crate) fn operation(&self) -> String {
        let area = if self.area == Area::Admin { "admin/" } else { "" };
        format!("{} {area}{}", self.method, self.path)
    }

    /// The path without the token, if it has one.
    fn before_token(&self) -> Option<&'static str> {
        self.path.strip_suffix(TOKEN)
    }

    /// Whether a path after the prefix is one of this route. Called for every route on every
    /// request.
    fn matches(&self, path: &str) -> bool {
        if !self.path.ends_with('}') {
            return self.path == path;
        }
        let start = self.path.split('{').next().unwrap_or_default();
        path.strip_prefix(start).is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
    }

    /// The response of the handler, or the refusal of a visitor who must log in first. The handler
    /// itself checks the CSRF token, which may be in the body.
    pub(crate) async fn handle(&self, info: RequestInfo, request: Request) -> Response {
        info.enter_route(self.access.accepts_keys());
        if let Err(failure) = self.access.check(&info, &request) {
            return failure.into_response();
        }
        let checked = if self.is_protected(&info) {
            Box::pin(protect(&info, request)).await
        } else {
            Ok(Checked::Execute(request))
        };
        let request = match checked {
            Ok(Checked::Execute(request)) => request,
            Ok(Checked::Respond(response)) => return response,
            Err(failure) => return failure.into_response(),
        };
        match self.handler {
            Handler::Sync(handler) => handler(&info),
            Handler::Async(handler) => handler(info, request).await.into_response(),
        }
    }

    /// Whether a request needs the second factor of its user.
    fn is_protected(&self, info: &RequestInfo) -> bool {
        info.user().is_some_and(|user| user.factor2.is_some())
            && self.may_need_factor(&info.crossauth)
    }

    /// Whether requests of users with a second factor need it.
    pub(crate) fn may_need_factor(&self, crossauth: &Crossauth) -> bool {
        self.demands_factor
            || self.area == Area::Site
                && crossauth.config().protected.iter().any(|name| name == self.path)
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// An endpoint of Crossauth.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The path, with the prefix.
    pub path: String,
    /// Who may use it.
    pub access: Access,
}

impl Crossauth {
    /// The endpoints that [`Crossauth::mount`] adds, for documentation, tests and proxies.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let endpoint = |route: &Route| Endpoint {
            method: route.method.clone(),
            path: self.path_of(route),
            access: route.access,
        };
        self.routes_in(Scope::Application).map(endpoint).collect()
    }

    /// The routes that are enabled.
    pub(crate) fn routes_in(&self, scope: Scope) -> impl Iterator<Item = &'static Route> {
        ROUTES.iter().chain(ADMIN_ROUTES).filter(move |route| self.is_enabled(route, scope))
    }

    /// The path of a route.
    pub(crate) fn path_of(&self, route: &Route) -> String {
        match route.area {
            Area::Site => self.path(route.path),
            Area::Admin => self.admin_path(route.path),
        }
    }

    fn is_enabled(&self, route: &Route, scope: Scope) -> bool {
        self.config().served.includes(route) && self.has_feature(route.feature, scope)
    }

    fn has_feature(&self, feature: Feature, scope: Scope) -> bool {
        match feature {
            Feature::Always => true,
            Feature::Home => scope == Scope::Site,
            Feature::Factor2 => self.auth().factors.any(),
            Feature::Preview => self.auth().outbox.preview().is_some(),
            Feature::EmailVerification => self.auth().email_verification.is_enabled(),
            Feature::PasswordReset => self.auth().password_reset.is_enabled(),
            Feature::AddressRestore => self.auth().outbox.can_send(Channel::Email),
            Feature::ApiKeys => self.auth().api_keys.config().enabled,
            Feature::Admin => self.config().has_admin_endpoints,
            Feature::AdminApiKeys => [Feature::Admin, Feature::ApiKeys]
                .into_iter()
                .all(|feature| self.has_feature(feature, scope)),
            Feature::Signup => self.auth().signup.config().registration == Registration::Open,
        }
    }

    /// The route of a request, if it is enabled.
    pub(crate) fn route_of(
        &self,
        scope: Scope,
        method: &Method,
        path: &str,
    ) -> Option<&'static Route> {
        let config = self.config();
        let find = |prefix: &str, routes: &'static [Route]| {
            let name = path.strip_prefix(prefix)?;
            routes.iter().find(|route| route.method == *method && route.matches(name))
        };
        let admin = if config.has_admin_endpoints {
            find(&config.admin_prefix, ADMIN_ROUTES)
        } else {
            None
        };
        let route = admin.or_else(|| find(&config.prefix, ROUTES))?;
        self.is_enabled(route, scope).then_some(route)
    }

    /// Whether one of our routes has this method and path, and is enabled.
    pub(crate) fn has_endpoint(&self, method: &Method, path: &str) -> bool {
        self.route_of(Scope::Application, method, path).is_some()
    }

    /// A path as it may be logged: without the token of a mailed link.
    ///
    /// ```
    /// # fn example(crossauth: &crossauth_axum::Crossauth) {
    /// assert_eq!(crossauth.loggable_path("/resetpassword/Z4tSjq8hQ2mJ3k"), "/resetpassword/{token}");
    /// assert_eq!(crossauth.loggable_path("/login"), "/login");
    /// # }
    /// ```
    pub fn loggable_path<'a>(&self, path: &'a str) -> Cow<'a, str> {
        let Some(name) = path.strip_prefix(self.config().prefix.as_str()) else {
            return Cow::Borrowed(path);
        };
        let mut links = ROUTES.iter().filter_map(Route::before_token);
        match links.find(|before| name.starts_with(before)) {
            Some(before) => Cow::Owned(self.path(&format!("{before}{TOKEN}"))),
            None => Cow::Borrowed(path),
        }
    }

    /// The surface of a request to one of our routes.
    pub(crate) fn surface_of(&self, method: &Method, path: &str) -> Option<Surface> {
        self.route_of(Scope::Application, method, path).map(Route::surface)
    }

    /// The route from which a path differs only by a trailing slash: the prefix without it, or a
    /// name with one.
    pub(crate) fn without_trailing_slash(&self, path: &str) -> Option<String> {
        let config = self.config();
        let admin = config.has_admin_endpoints.then_some(&config.admin_prefix);
        for prefix in admin.into_iter().chain([&config.prefix]) {
            if path.len() + 1 == prefix.len() && prefix.starts_with(path) {
                return Some(prefix.clone());
            }
        }
        let path = path.strip_suffix('/')?;
        self.route_of(Scope::Application, &Method::GET, path).map(|_| path.to_owned())
    }
}
