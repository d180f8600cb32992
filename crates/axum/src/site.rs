//! A whole site as one service, which finds our routes without a router.

use std::convert::Infallible;
use std::task::{Context as TaskContext, Poll};

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use http::{HeaderValue, Method, StatusCode, header};
use tower_service::Service;

use crate::crossauth::Crossauth;
use crate::layer;
use crate::page::Asset;
use crate::request::RequestInfo;
use crate::router::not_found_in_site;
use crate::routes::{Scope, asset};

/// Our routes and those of an application as one service.
///
/// One layer wraps all routes, and our handlers are found without a router. Call
/// [`handle`](Self::handle), use it as a `tower` service, or convert it into a `Router`.
#[derive(Clone, Debug)]
pub struct Site {
    crossauth: Crossauth,
    scope: Scope,
    /// Handles requests to all other routes.
    application: Router,
}

impl Crossauth {
    /// A standalone site: our routes, the account page at the prefix, and 404 for everything else.
    pub fn site(&self) -> Site {
        self.site_in(Scope::Site, Router::new().fallback(not_found_in_site))
    }

    /// Our routes and an application as one service: [`Crossauth::mount`] with less work for each
    /// request.
    ///
    /// ```no_run
    /// # use axum::{Router, routing::get};
    /// # use crossauth_axum::Crossauth;
    /// # async fn example(crossauth: Crossauth, listener: tokio::net::TcpListener) -> std::io::Result<()> {
    /// let app = Router::new().route("/", get(async || "hello"));
    /// axum::serve(listener, tower::make::Shared::new(crossauth.site_with(app))).await
    /// # }
    /// ```
    pub fn site_with(&self, application: Router) -> Site {
        self.site_in(Scope::Application, application)
    }

    fn site_in(&self, scope: Scope, application: Router) -> Site {
        let application = application.merge(self.router_in(scope));
        Site { crossauth: self.clone(), scope, application }
    }
}

impl From<Site> for Router {
    fn from(site: Site) -> Self {
        Self::new().fallback_service(site)
    }
}

impl Service<Request> for Site {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let site = self.clone();
        Box::pin(async move { Ok(site.handle(request).await) })
    }
}

impl Site {
    /// The response to a request.
    pub async fn handle(&self, request: Request) -> Response {
        if let Some(response) = self.without_session(&request) {
            return response;
        }
        let dispatch = |info, request| self.dispatch(info, request);
        layer::handle(&self.crossauth, request, dispatch).await
    }

    /// The response of our handler, or of the application.
    async fn dispatch(&self, info: RequestInfo, mut request: Request) -> Response {
        let (method, path) = (request.method(), request.uri().path());
        if let Some(route) = self.crossauth.route_of(self.scope, method, path) {
            return route.handle(info, request).await;
        }
        request.extensions_mut().insert(info);
        // A router is always ready.
        let Ok(response) = self.application.clone().call(request).await;
        response
    }

    /// Responses that need no session: assets, and well-known paths that browsers and robots
    /// request.
    fn without_session(&self, request: &Request) -> Option<Response> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return None;
        }
        let path = request.uri().path();
        let is_whole_host = self.scope == Scope::Site;
        let to = match path {
            _ if !is_whole_host => return self.asset(request),
            "/favicon.ico" => self.crossauth.path("crossauth.svg"),
            "/.well-known/change-password" => self.crossauth.path("changepassword"),
            "/robots.txt" => return Some("User-agent: *\nDisallow: /\n".into_response()),
            _ => return self.asset(request),
        };
        let to = HeaderValue::from_str(&to).ok()?;
        Some((StatusCode::FOUND, [(header::LOCATION, to)]).into_response())
    }

    fn asset(&self, request: &Request) -> Option<Response> {
        let uri = request.uri();
        let name = uri.path().strip_prefix(self.crossauth.config().prefix.as_str())?;
        let asset = Asset::ALL.iter().find(|asset| asset.name == name)?;
        Some(asset::serve(asset, uri, request.headers()))
    }
}
