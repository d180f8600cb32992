//! `api/getcsrftoken`: a CSRF token for scripts.

use axum::response::Response;
use serde::Serialize;

use crate::request::RequestInfo;
use crate::response;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    csrf_token: String,
}

/// `GET`, `POST api/getcsrftoken`
pub(crate) fn show(info: &RequestInfo) -> Response {
    response::json_ok(info, Body { csrf_token: info.csrf_form_value() })
}
