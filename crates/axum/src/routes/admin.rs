//! The pages and endpoints of administration.

pub(crate) mod select_user;

use axum::response::Response;

use crate::request::RequestInfo;
use crate::response;

/// `GET` of the prefix: the list of users.
pub(crate) fn show(info: &RequestInfo) -> Response {
    response::redirect(info, &info.crossauth.admin_path("selectuser"))
}
