//! The page of a failure that has no form to return to.

use crossauth_core::error::{ErrorBody, ErrorCode};
use http::StatusCode;
use serde::Serialize;

use super::{Page, Template, template};

/// Variables of `error.html`. `http_status` and `msg` are the names of other versions of
/// Crossauth for `status` and `error_message`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorPage {
    status: u16,
    http_status: u16,
    title: &'static str,
    msg: String,
    error_message: String,
    error_messages: Vec<String>,
    error_code: u16,
    error_code_name: &'static str,
}

impl ErrorPage {
    /// The page of an error that is answered with `status`.
    pub(crate) fn new(status: StatusCode, error: ErrorBody) -> Self {
        Self {
            status: status.as_u16(),
            http_status: status.as_u16(),
            title: status.canonical_reason().unwrap_or("Error"),
            msg: error.error_message.clone(),
            error_message: error.error_message,
            error_messages: error.error_messages,
            error_code: error.error_code,
            error_code_name: error.error_code_name,
        }
    }
}

impl Page for ErrorPage {
    const TEMPLATE: Template = template!("error.html");

    fn sample() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized.into())
    }
}
