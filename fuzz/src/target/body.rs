//! Bodies of requests: forms, JSON, multipart.

use axum::body::Body;
use http::Request;
use serde_json::Value;

use crate::site::ask;

const TYPES: [&str; 4] = [
    "application/json",
    "application/x-www-form-urlencoded",
    "application/json; charset=utf-8",
    "text/plain",
];

/// The first byte selects the content type.
pub(crate) fn any(input: &[u8]) {
    let Some((kind, body)) = input.split_first() else { return };
    let content_type = TYPES[usize::from(*kind) % TYPES.len()];
    let accepted = log_in(content_type, body);
    let json = content_type.starts_with("application/json").then(|| serde_json::from_slice(body));
    if let Some(Ok(json)) = json {
        assert!(!(accepted && contains_nul(&json)), "NUL is accepted in {json}");
    }
}

/// A multipart body with the boundary `b`.
pub(crate) fn multipart(input: &[u8]) {
    log_in("multipart/form-data; boundary=b", input);
}

/// Whether the body was parsed and only the password was wrong.
fn log_in(content_type: &str, body: &[u8]) -> bool {
    let response = ask(|site| {
        Request::post("/api/login")
            .header("host", "localhost:3000")
            .header("cookie", &site.csrf_cookie)
            .header("x-crossauth-csrf", &site.csrf_token)
            .header("content-type", content_type)
            .body(Body::from(body.to_vec()))
            .ok()
    });
    let response = response.unwrap();
    assert!(response.status.is_client_error(), "{}: {}", response.status, response.body);
    response.status == 401
}

/// Whether a text or a name in it contains NUL.
fn contains_nul(json: &Value) -> bool {
    match json {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(contains_nul),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| name.contains('\0') || contains_nul(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
