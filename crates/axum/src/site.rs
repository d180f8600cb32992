//! A whole site: one service around everything, which finds our routes without a router.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use http::{HeaderValue, Method, StatusCode, header};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::crossauth::Crossauth;
use crate::layer::{CrossauthFuture, CrossauthService};
use crate::page::Asset;
use crate::request::RequestInfo;
use crate::router::not_found_in_site;
use crate::routes::{Answer, Answering, Feature, asset};

/// A site of Crossauth's routes and those of an application, as one service.
///
/// The layer is around the whole and not around each route, and our handlers are found without a
/// router. It can be turned into a `Router`.
#[derive(Clone, Debug)]
pub struct Site {
    crossauth: Crossauth,
    features: &'static [Feature],
    service: CrossauthService<Dispatch>,
}

impl Crossauth {
    /// A site of its own: our routes, the account page at the prefix, and an error page for
    /// everything else.
    pub fn site(&self) -> Site {
        let features = &[Feature::Always, Feature::Signup, Feature::Home];
        self.site_of(features, Router::new().fallback(not_found_in_site))
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
        self.site_of(&[Feature::Always, Feature::Signup], application)
    }

    fn site_of(&self, features: &'static [Feature], application: Router) -> Site {
        let router = application.merge(self.router_of(features));
        let dispatch = Dispatch { crossauth: self.clone(), features, router };
        Site { crossauth: self.clone(), features, service: self.layer().layer(dispatch) }
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
    type Future = SiteFuture;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> SiteFuture {
        match self.without_session(&request) {
            Some(response) => SiteFuture::Ready { response: Some(response) },
            None => SiteFuture::Within { future: self.service.call(request) },
        }
    }
}

impl Site {
    /// What needs no session: the files that pages load, and what browsers and robots ask every
    /// host for.
    fn without_session(&self, request: &Request) -> Option<Response> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return None;
        }
        let path = request.uri().path();
        let is_whole_host = self.features.contains(&Feature::Home);
        let to = match path {
            _ if !is_whole_host => return self.asset(request),
            "/favicon.ico" => self.crossauth.path("crossauth.svg"),
            "/.well-known/change-password" => self.crossauth.path(""),
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

pin_project! {
    /// The future of [`Site`].
    #[project = Project]
    pub enum SiteFuture {
        #[doc(hidden)]
        Ready { response: Option<Response> },
        #[doc(hidden)]
        Within { #[pin] future: CrossauthFuture<DispatchFuture> },
    }
}

impl std::fmt::Debug for SiteFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SiteFuture")
    }
}

impl Future for SiteFuture {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        match self.project() {
            Project::Ready { response } => {
                response.take().map_or(Poll::Pending, |it| Poll::Ready(Ok(it)))
            }
            Project::Within { future } => future.poll(cx),
        }
    }
}

/// Sends a request to our handler, or to the application.
#[derive(Clone, Debug)]
struct Dispatch {
    crossauth: Crossauth,
    features: &'static [Feature],
    router: Router,
}

impl Service<Request> for Dispatch {
    type Response = Response;
    type Error = Infallible;
    type Future = DispatchFuture;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request>::poll_ready(&mut self.router, cx)
    }

    fn call(&mut self, request: Request) -> DispatchFuture {
        let route = self.crossauth.route_of(self.features, request.method(), request.uri().path());
        let info = request.extensions().get::<RequestInfo>().cloned();
        match (route, info) {
            (Some(route), Some(info)) => match route.answer(info, request) {
                Answering::Done(response) => DispatchFuture::Done { response: Some(*response) },
                Answering::Pending(answer) => DispatchFuture::Handler { answer },
            },
            _ => DispatchFuture::Application { future: self.router.call(request) },
        }
    }
}

pin_project! {
    #[doc(hidden)]
    #[project = DispatchProject]
    pub enum DispatchFuture {
        Done { response: Option<Response> },
        Handler { answer: BoxFuture<'static, Answer> },
        Application { #[pin] future: <Router as Service<Request>>::Future },
    }
}

impl Future for DispatchFuture {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        match self.project() {
            DispatchProject::Done { response } => {
                response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)))
            }
            DispatchProject::Handler { answer } => {
                Poll::Ready(Ok(ready!(answer.as_mut().poll(cx)).into_response()))
            }
            DispatchProject::Application { future } => future.poll(cx),
        }
    }
}
