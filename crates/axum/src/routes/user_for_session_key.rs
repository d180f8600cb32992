//! `api/userforsessionkey`: who the session cookie stands for.

use axum::response::Response;
use crossauth_core::error::ErrorCode;
use crossauth_core::user::User;
use http::StatusCode;
use serde::Serialize;

use crate::answer;
use crate::context::Context;
use crate::failure::Failure;

#[derive(Serialize)]
struct Body<'a> {
    ok: bool,
    user: &'a User,
}

/// `GET api/userforsessionkey`
pub(crate) async fn api(context: Context) -> Response {
    match context.user() {
        Some(user) => answer::json(&context, StatusCode::OK, Body { ok: true, user }),
        None => answer::json_failure(&context, &Failure::new(ErrorCode::Unauthorized)),
    }
}
