//! `api/openapi.json`: the description of the JSON endpoints for programs.

use axum::response::Response;

use crate::request::RequestInfo;
use crate::response;

/// `GET api/openapi.json`
pub(crate) fn show(info: &RequestInfo) -> Response {
    response::json_text(info, info.crossauth.openapi_text())
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crate::openapi::Operation;
    let operation = Operation::new("GET api/openapi.json", "Returns this document");
    vec![operation.returns_bare::<serde_json::Map<String, serde_json::Value>>()]
}
