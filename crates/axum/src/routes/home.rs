//! The account page, the home of a site that has no other.

use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use crate::answer;
use crate::context::Context;
use crate::extract::CurrentUser;
use crate::page::PageName;

/// `GET` the prefix
pub(crate) async fn show(context: Context, _: CurrentUser) -> Response {
    answer::page(&context, StatusCode::OK, PageName::Account, json!({}))
}
