//! Plain-text responses of the server itself, which contain no internal detail.

use axum::body::Body;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};

/// The reason phrase of the status; closes the connection.
pub(super) fn refusal(status: StatusCode) -> Response<Body> {
    let reason = status.canonical_reason().unwrap_or_default();
    let mut response = text(status, format!("{reason}\n"));
    set(&mut response, CONNECTION, "close");
    if status == StatusCode::SERVICE_UNAVAILABLE {
        set(&mut response, RETRY_AFTER, "5");
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        // No resource of the server has another method.
        set(&mut response, ALLOW, "GET, HEAD, POST, OPTIONS");
    }
    response
}

/// The response to a health check.
pub(super) fn health(status: StatusCode) -> Response<Body> {
    text(status, if status.is_success() { "ok\n" } else { "unavailable\n" })
}

/// The response to a health check with an unsafe method.
pub(super) fn method_not_allowed() -> Response<Body> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n");
    set(&mut response, ALLOW, "GET, HEAD, OPTIONS");
    response
}

fn text(status: StatusCode, text: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, "text/plain; charset=utf-8");
    set(&mut response, CACHE_CONTROL, "no-store");
    set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}

fn set(response: &mut Response<Body>, name: HeaderName, value: &'static str) {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
}
