//! `api/getcsrftoken`: a CSRF token for scripts.

use axum::response::Response;
use serde::Serialize;

use crate::request::RequestInfo;
use crate::response;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct Body {
    csrf_token: String,
}

/// `GET`, `POST api/getcsrftoken`
pub(crate) fn show(info: &RequestInfo) -> Response {
    response::json_ok(info, Body { csrf_token: info.csrf_form_value() })
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crate::openapi::Operation;
    vec![
        Operation::new("GET api/getcsrftoken", "Returns a CSRF token and sets its cookie")
            .returns::<Body>(),
        Operation::new("POST api/getcsrftoken", "The same as GET").returns::<Body>(),
    ]
}
