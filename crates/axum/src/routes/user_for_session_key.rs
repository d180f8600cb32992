//! `api/userforsessionkey`: the user of the session.

use axum::extract::Request;

use super::HandlerResult;
use crate::form::failed_check;
use crate::request::RequestInfo;
use crate::response;

/// `GET api/userforsessionkey`
pub(crate) fn show(info: &RequestInfo) -> HandlerResult {
    Ok(response::json_user(info, info.require_user()?))
}

/// `POST api/userforsessionkey`, as in one upstream version: with a CSRF token in the header.
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let checked = info.check_csrf(request.headers(), None);
    checked.map_err(|error| failed_check(&info, error))?;
    show(&info)
}
