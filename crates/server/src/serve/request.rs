//! What every request passes before and around the application: sane host and method, bounded
//! body, bounded time, and a plain answer should the application panic.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use crossauth_settings::Settings;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Limited;
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout;
use tower::ServiceExt as _;

use super::host;
use super::panic::catch_panic;

/// Names the request in answers and in the log; given by the application's own layer.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The application with its limits.
pub(super) struct Gate {
    app: Router,
    body_limit: usize,
    request_timeout: Duration,
    access_log: bool,
}

impl Gate {
    pub(super) fn new(app: Router, settings: &Settings) -> Self {
        let body_limit = settings.bodies.size;
        let request_timeout = settings.bodies.time;
        Self { app, body_limit, request_timeout, access_log: settings.log.access }
    }

    pub(super) fn request_timeout(&self) -> Duration {
        self.request_timeout
    }

    /// The answer to a request, written into the log.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Body> {
        if !self.access_log {
            return self.pass(request, peer).await;
        }
        let began = Instant::now();
        // The path alone: a query may hold a token.
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.pass(request, peer).await;
        let id = response.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
        let (status, elapsed) = (response.status().as_u16(), began.elapsed());
        tracing::info!(request = id, %peer, %method, path, status, ?elapsed, "answered");
        response
    }

    /// The application's answer, or why there is none.
    async fn pass(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        if let Some(status) = self.refusal(&request) {
            return plain(status);
        }
        let awaits_body = !request.body().is_end_stream();
        let mut request = request.map(|body| {
            if awaits_body { Body::new(Limited::new(body, self.body_limit)) } else { Body::empty() }
        });
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = catch_panic(self.app.clone().oneshot(request));
        match timeout(self.request_timeout, answer).await {
            Ok(Some(Ok(response))) => response,
            Ok(None) => plain(StatusCode::INTERNAL_SERVER_ERROR),
            // Whoever sent a body is most likely still sending it.
            Err(_) if awaits_body => plain(StatusCode::REQUEST_TIMEOUT),
            Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE),
        }
    }

    fn refusal(&self, request: &Request<Incoming>) -> Option<StatusCode> {
        let announced = request.body().size_hint().lower();
        if !host::is_sound(request.headers(), request.uri()) {
            Some(StatusCode::BAD_REQUEST)
        } else if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
            Some(StatusCode::METHOD_NOT_ALLOWED)
        } else if usize::try_from(announced).map_or(true, |length| length > self.body_limit) {
            Some(StatusCode::PAYLOAD_TOO_LARGE)
        } else {
            None
        }
    }
}

/// A fixed text that tells nothing of the inside; the connection ends with it.
fn plain(status: StatusCode) -> Response<Body> {
    let reason = status.canonical_reason().unwrap_or_default();
    let mut response = Response::new(Body::from(format!("{reason}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}
