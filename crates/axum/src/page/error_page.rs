//! The error page, for failures without a form.

use crossauth_core::error::{ErrorBody, ErrorCode};
use http::StatusCode;
use serde::Serialize;

use super::{Page, Template, template};

/// The message for an unknown path.
pub(crate) const NOTHING_HERE: &str = "There is nothing at this address";

/// Variables of `error.html`. `detail` is the message, unless it is only the default text of the
/// code or of an unknown path. `http_status` and `msg` are the upstream names of `status` and
/// `error_message`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorPage {
    status: u16,
    http_status: u16,
    title: &'static str,
    detail: Option<String>,
    msg: String,
    error_message: String,
    error_messages: Vec<String>,
    error_code: u16,
    error_code_name: &'static str,
    new_link_path: Option<String>,
}

impl ErrorPage {
    /// The page of an error with this HTTP status.
    pub(crate) fn new(status: StatusCode, error: ErrorBody) -> Self {
        let default = ErrorCode::from_name(error.error_code_name).map(ErrorCode::message);
        let is_default = [default, Some(NOTHING_HERE)].contains(&Some(&*error.error_message));
        Self {
            status: status.as_u16(),
            http_status: status.as_u16(),
            title: status.canonical_reason().unwrap_or("Error"),
            detail: (!is_default).then(|| error.error_message.clone()),
            msg: error.error_message.clone(),
            error_message: error.error_message,
            error_messages: error.error_messages,
            error_code: error.error_code,
            error_code_name: error.error_code_name,
            new_link_path: None,
        }
    }

    /// Offers the page at this path, which sends a new link.
    #[must_use]
    pub(crate) fn with_new_link(self, path: String) -> Self {
        Self { new_link_path: Some(path), ..self }
    }
}

impl Page for ErrorPage {
    const TEMPLATE: Template = template!("error.html");

    fn sample() -> Self {
        let detail = vec!["Sign-up is closed".to_owned()];
        Self::new(StatusCode::FORBIDDEN, ErrorBody::new(ErrorCode::Forbidden, detail))
            .with_new_link("/auth/resendverification".into())
    }
}
