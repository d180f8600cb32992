//! Checks and limits around the application: a valid host and method, a body limit, a time limit,
//! and a response if the application panics.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::body::Body;
use crossauth_axum::{REQUEST_ID, RequestId, RequestScope};
use crossauth_settings::Settings;
use http::header::{CONNECTION, EXPECT, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Limited;
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout;

use super::Application;
use super::body::{BorrowedBody, Rest};
use super::health::HealthCheck;
use super::host;
use super::open::Handle;
use super::panic::catch_panic;
use super::plain;
use crate::metrics::{MethodLabel, RequestMetrics};

/// The application with its limits.
pub(super) struct Gate {
    application: Application,
    body_limit: usize,
    request_timeout: Duration,
    access_log: bool,
    metrics: Option<Arc<RequestMetrics>>,
}

impl Gate {
    pub(super) fn new(
        application: Application,
        settings: &Settings,
        metrics: Option<Arc<RequestMetrics>>,
    ) -> Self {
        Self {
            application,
            body_limit: settings.bodies.size,
            request_timeout: settings.bodies.time,
            access_log: settings.log.access,
            metrics,
        }
    }

    pub(super) fn request_timeout(&self) -> Duration {
        self.request_timeout
    }

    /// Handles a request of `connection`.
    pub(super) async fn handle(
        &self,
        request: Request<Incoming>,
        connection: &Arc<Handle>,
    ) -> Response<Body> {
        let id = self.application.crossauth.next_request_id();
        let scope = RequestScope::new(id, Some(connection.peer));
        let Some(metrics) = &self.metrics else {
            return scope.run_with_user(self.handle_in_scope(request, connection, id)).await;
        };
        let (began, method) = (Instant::now(), MethodLabel::of(request.method()));
        let response = scope.run_with_user(self.handle_in_scope(request, connection, id)).await;
        metrics.count(method, response.status(), began.elapsed());
        response
    }

    async fn handle_in_scope(
        &self,
        request: Request<Incoming>,
        connection: &Arc<Handle>,
        id: RequestId,
    ) -> Response<Body> {
        let logged = self.access_log.then(|| {
            // Only the path: a query may contain a token. Nor that of a mailed link.
            let path = self.application.crossauth.loggable_path(request.uri().path());
            (Instant::now(), request.method().clone(), path.into_owned())
        });
        let mut response = self.forward(request, connection).await;
        let headers = response.headers_mut();
        if !headers.contains_key(REQUEST_ID) {
            headers.insert(REQUEST_ID, id.to_header());
        }
        if self.application.readiness.is_draining() || connection.is_dismissed() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some((began, method, path)) = logged {
            let status = response.status().as_u16();
            let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            tracing::info!(%method, path, status, micros, "request handled");
        }
        response
    }

    /// The application's response, or the refusal.
    async fn forward(
        &self,
        request: Request<Incoming>,
        connection: &Arc<Handle>,
    ) -> Response<Body> {
        if let Some(status) = self.refusal(&request) {
            if !request.body().is_end_stream() {
                connection.leave_input_unread();
            }
            return plain::refusal(status);
        }
        if let Some(check) = HealthCheck::of(&request) {
            return self
                .forward_body(request, connection, |_| self.application.readiness.respond(check))
                .await;
        }
        self.forward_body(request, connection, |request| self.call_application(request)).await
    }

    /// Passes the request to `handler`, then handles the unread rest of the body.
    async fn forward_body<F: Future<Output = Response<Body>>>(
        &self,
        request: Request<Incoming>,
        connection: &Arc<Handle>,
        handler: impl FnOnce(Request<Body>) -> F,
    ) -> Response<Body> {
        if request.body().is_end_stream() {
            return handler(request.map(|_| Body::empty())).await;
        }
        let waits = request.headers().contains_key(EXPECT);
        let rest = if waits { Rest::Leave } else { Rest::Drain(self.body_limit) };
        let (parts, body) = request.into_parts();
        let (body, returned) = BorrowedBody::new(body, Arc::clone(connection));
        let body = Body::new(Limited::new(body, self.body_limit));
        let mut response = handler(Request::from_parts(parts, body)).await;
        if !returned.finish(rest).await {
            // After a time-out, the client gets no more time to send.
            if response.status() != StatusCode::REQUEST_TIMEOUT {
                connection.leave_input_unread();
            }
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    async fn call_application(&self, request: Request<Body>) -> Response<Body> {
        let has_body = !request.body().is_end_stream();
        let response = pin!(self.application.site.handle(request));
        match with_timeout(self.request_timeout, pin!(catch_panic(response))).await {
            Some(Some(response)) => response,
            Some(None) => {
                self.metrics.iter().for_each(|metrics| metrics.count_panic());
                plain::refusal(StatusCode::INTERNAL_SERVER_ERROR)
            }
            // A client that sends a body is probably still sending it.
            None if has_body => plain::refusal(StatusCode::REQUEST_TIMEOUT),
            None => plain::refusal(StatusCode::SERVICE_UNAVAILABLE),
        }
    }

    fn refusal(&self, request: &Request<Incoming>) -> Option<StatusCode> {
        let announced = request.body().size_hint().lower();
        if !host::is_valid(request) {
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

/// Awaits `future` with a time limit. Most futures are ready at once and need no timer.
async fn with_timeout<F: Future>(limit: Duration, mut future: Pin<&mut F>) -> Option<F::Output> {
    let first = std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
    match first {
        Poll::Ready(output) => Some(output),
        Poll::Pending => timeout(limit, future).await.ok(),
    }
}
