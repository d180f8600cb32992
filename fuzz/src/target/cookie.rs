//! The `Cookie` header.

use axum::body::Body;
use http::{HeaderValue, Request};

use crate::site::ask;

/// No cookie that was not signed by the site logs anyone in.
pub(crate) fn any(input: &[u8]) {
    let Ok(cookie) = HeaderValue::from_bytes(input) else { return };
    let answer = ask(|_| {
        Request::get("/api/userforsessionkey")
            .header("host", "localhost:3000")
            .header("cookie", cookie)
            .body(Body::empty())
            .ok()
    });
    let body = answer.unwrap().body;
    assert!(!body.contains("\"username\""), "{body}");
}
