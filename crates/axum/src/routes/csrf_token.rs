//! `api/getcsrftoken`: a token for scripts that have no page of ours.

use axum::response::Response;
use serde_json::json;

use crate::answer;
use crate::context::Context;

/// `GET api/getcsrftoken`
pub(crate) async fn api(context: Context) -> Response {
    answer::json_ok(&context, json!({ "csrfToken": context.csrf_form_value() }))
}
