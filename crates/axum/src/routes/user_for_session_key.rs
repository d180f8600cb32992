//! `api/userforsessionkey`: the user of the session.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use crossauth_core::error::ErrorCode;
use serde::Serialize;

use super::HandlerResult;
use crate::form::failed_check;
use crate::request::RequestInfo;
use crate::response;
use crate::visible_user::VisibleUser;

#[derive(Serialize)]
struct Body<'a> {
    ok: bool,
    user: VisibleUser<'a>,
}

/// `GET api/userforsessionkey`
pub(crate) fn show(info: &RequestInfo) -> Response {
    user(info).into_response()
}

fn user(info: &RequestInfo) -> HandlerResult {
    let user = info.user().ok_or(ErrorCode::Unauthorized)?;
    Ok(response::json(info, &Body { ok: true, user: VisibleUser::new(&info.crossauth, user) }))
}

/// `POST api/userforsessionkey`, as in one upstream version: with a CSRF token in the header.
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let checked = info.check_csrf(request.headers(), None);
    checked.map_err(|error| failed_check(&info, error))?;
    user(&info)
}
