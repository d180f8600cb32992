//! The `Cookie` header.

use axum::body::Body;
use http::{HeaderValue, Request};

use crate::site::ask;

/// Only cookies that the site signed authenticate.
pub(crate) fn any(input: &[u8]) {
    let Ok(cookie) = HeaderValue::from_bytes(input) else { return };
    let response = ask(|_| {
        Request::get("/api/userforsessionkey")
            .header("host", "localhost:3000")
            .header("cookie", cookie)
            .body(Body::empty())
            .ok()
    });
    let body = response.unwrap().body;
    assert!(!body.contains("\"username\""), "{body}");
}
