//! Failures of requests, rendered by the layer as a page or as JSON.

mod cause;
mod log;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use crossauth_core::Rejection;
use crossauth_core::clock::Timestamp;
use crossauth_core::csrf::CsrfError;
use crossauth_core::error::{ErrorBody, ErrorCode};
use crossauth_core::form::FieldMessages;
use crossauth_core::reauthentication::PasswordRejection;
use http::{HeaderValue, StatusCode};

use crate::next::NextPath;
use crate::page::Page;
use crate::rejection::OUTSIDE;
use crate::request::{RequestInfo, Surface};
use crate::response;
use log::Cause;

/// `Retry-After` if there is no capacity, in seconds.
const RETRY_AFTER: u32 = 2;

/// An error response: code, status and messages.
///
/// Its response carries it to the layer, which renders it for the surface of the request.
#[derive(Debug, Clone)]
pub(crate) struct Failure(Box<Details>);

#[derive(Debug, Clone)]
struct Details {
    code: ErrorCode,
    status: StatusCode,
    messages: Vec<String>,
    fields: FieldMessages,
    retry_after: Option<u32>,
    /// The `WWW-Authenticate` header.
    challenge: Option<HeaderValue>,
    remedy: Remedy,
    /// The page to which the remedy of an unsafe request leads back.
    page: Option<NextPath>,
    csrf: Option<CsrfError>,
    is_outside: bool,
    cause: Option<Cause>,
    form: Option<FormRenderer>,
}

/// What the page offers besides the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    None,
    /// A redirect to the login page, which redirects back.
    Login,
    /// A redirect to the page that renews the login, which redirects back.
    FreshLogin,
    /// A link on the error page to the page that sends a new link, by its path below the prefix.
    NewLink(&'static str),
}

/// Renders a form again with a failure.
#[derive(Clone)]
struct FormRenderer(Arc<Render>);

type Render = dyn Fn(&RequestInfo, &Failure) -> Response + Send + Sync;

impl fmt::Debug for FormRenderer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FormRenderer")
    }
}

impl Failure {
    /// A failure with the code's own status and text.
    pub(crate) fn new(code: ErrorCode) -> Self {
        let status = StatusCode::from_u16(code.http_status());
        Self(Box::new(Details {
            code,
            status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            messages: Vec::new(),
            fields: FieldMessages::default(),
            retry_after: None,
            challenge: None,
            remedy: Remedy::None,
            page: None,
            csrf: None,
            is_outside: false,
            cause: None,
            form: None,
        }))
    }

    /// 401, or a redirect to the login page for a browser that requests a page.
    pub(crate) fn login_needed() -> Self {
        Self::new(ErrorCode::Unauthorized).with_login()
    }

    /// 401, or a redirect of a browser to the page that renews the login. `page` has the form that
    /// was sent.
    pub(crate) fn fresh_login_needed(page: Option<NextPath>) -> Self {
        let mut failure = Self::new(ErrorCode::Expired)
            .message("This needs a login that is not so old. Please confirm that it is you");
        failure.0.remedy = Remedy::FreshLogin;
        failure.0.page = page;
        failure
    }

    /// Adds a message for people.
    #[must_use]
    pub(crate) fn message(mut self, message: impl Into<String>) -> Self {
        self.0.messages.push(message.into());
        self
    }

    /// Adds a message about a field.
    #[must_use]
    pub(crate) fn field(mut self, name: &str, message: String) -> Self {
        self.0.fields.add(name.to_owned(), message.clone());
        self.message(message)
    }

    /// Attributes the messages to a field.
    #[must_use]
    pub(crate) fn about(mut self, name: &str) -> Self {
        for message in &self.0.messages {
            self.0.fields.add(name.to_owned(), message.clone());
        }
        self
    }

    /// Sets a status other than the code's own.
    #[must_use]
    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// Sets the `WWW-Authenticate` header (RFC 9110 section 11.6.1).
    #[must_use]
    pub(crate) fn with_challenge(mut self, challenge: &str) -> Self {
        self.0.challenge = HeaderValue::from_str(challenge).ok();
        self
    }

    /// Redirects a browser that requests a page to the login page.
    #[must_use]
    fn with_login(mut self) -> Self {
        self.0.remedy = Remedy::Login;
        self
    }

    /// If a mailed link is not accepted, the error page offers this page, which sends a new one.
    #[must_use]
    pub(crate) fn with_new_link(mut self, path: &'static str) -> Self {
        if matches!(self.0.code, ErrorCode::InvalidKey | ErrorCode::Expired) {
            self.0.remedy = Remedy::NewLink(path);
        }
        self
    }

    /// Marks that there is no layer to render the failure.
    #[must_use]
    pub(crate) fn outside_the_layer(mut self) -> Self {
        self.0.is_outside = true;
        self
    }

    /// Renders a form with this failure, if the request is for a page and no form is set yet. A
    /// form that needs a login is not shown without one: the error page links to the login.
    #[must_use]
    pub(crate) fn on_page<P>(mut self, info: &RequestInfo, page: impl FnOnce() -> P) -> Self
    where
        P: Page + Send + Sync + 'static,
    {
        let needs_login = matches!(self.0.remedy, Remedy::Login | Remedy::FreshLogin);
        if info.surface == Surface::Page && self.0.form.is_none() && !needs_login {
            let page = page();
            self.0.form = Some(FormRenderer(Arc::new(move |info, failure| {
                response::form_with_errors(info, &page, failure)
            })));
        }
        self
    }

    #[must_use]
    fn caused_by(mut self, cause: Cause) -> Self {
        self.0.cause = Some(cause);
        self
    }

    /// A dependency does not respond or has no capacity: 503, retry.
    fn unavailable() -> Self {
        let mut failure = Self::new(ErrorCode::Connection)
            .status(StatusCode::SERVICE_UNAVAILABLE)
            .message("The server is busy or starting up. Please try again in a moment");
        failure.0.retry_after = Some(RETRY_AFTER);
        failure
    }

    /// Too many attempts were made: 429, retry later.
    pub(crate) fn too_many(retry_at: Timestamp, now: Timestamp) -> Self {
        Self::too_many_for(retry_at.since(now))
    }

    /// Too many attempts were made: 429, retry after this time.
    pub(crate) fn too_many_for(wait: Duration) -> Self {
        let wait = wait.as_secs() + 1;
        let minutes = wait.div_ceil(60);
        let unit = if minutes == 1 { "minute" } else { "minutes" };
        let mut failure = Self::new(ErrorCode::SlowDown)
            .status(StatusCode::TOO_MANY_REQUESTS)
            .message(format!("There were too many attempts. Please try again in {minutes} {unit}"));
        failure.0.retry_after = Some(u32::try_from(wait).unwrap_or(u32::MAX));
        failure
    }

    /// The password of a logged-in user is not accepted. `wrong` is the field and its message.
    pub(crate) fn password_rejected(
        rejection: PasswordRejection,
        (field, wrong): (&'static str, &str),
        now: Timestamp,
    ) -> Self {
        match rejection {
            PasswordRejection::Wrong => {
                Self::new(ErrorCode::UsernameOrPasswordInvalid).field(field, wrong.to_owned())
            }
            PasswordRejection::MustChange => {
                let message = "This password must be changed first: log out and log in with it";
                Self::new(ErrorCode::UsernameOrPasswordInvalid).field(field, message.to_owned())
            }
            PasswordRejection::TooMany { retry_at } => Self::too_many(retry_at, now),
        }
    }

    /// A second factor is not accepted.
    pub(crate) fn rejected(rejection: Rejection, now: Timestamp) -> Self {
        match rejection {
            Rejection::Wrong => Self::new(ErrorCode::InvalidToken)
                .message("This code is not valid. Please try again"),
            Rejection::Expired => {
                Self::new(ErrorCode::Expired).message("This code has expired. Please begin again")
            }
            Rejection::TooMany { retry_at } => Self::too_many(retry_at, now),
            Rejection::Gone => Self::new(ErrorCode::Unauthorized)
                .message("No code is expected here, or it took too long. Please begin again"),
        }
    }

    pub(crate) fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// An internal error (500). The cause is only logged.
    pub(crate) fn internal() -> Self {
        Self::new(ErrorCode::UnknownError)
    }

    pub(crate) fn http_status(&self) -> StatusCode {
        self.0.status
    }

    pub(crate) fn retry_after(&self) -> Option<u32> {
        self.0.retry_after
    }

    pub(crate) fn challenge(&self) -> Option<&HeaderValue> {
        self.0.challenge.as_ref()
    }

    pub(crate) fn remedy(&self) -> Remedy {
        self.0.remedy
    }

    /// The page with the form that was sent.
    pub(crate) fn page_of_form(&self) -> Option<&NextPath> {
        self.0.page.as_ref()
    }

    /// Whether one of our forms failed the CSRF check only because its token is outdated.
    pub(crate) fn is_stale_form(&self) -> bool {
        matches!(self.0.csrf, Some(CsrfError::Missing | CsrfError::Mismatch))
    }

    pub(crate) fn is_invalid_link(&self) -> bool {
        self.0.code == ErrorCode::InvalidKey
    }

    /// Whether a mailed link is not accepted, so that its form need not be shown again.
    pub(crate) fn is_about_a_link(&self) -> bool {
        matches!(self.0.code, ErrorCode::InvalidKey | ErrorCode::Expired | ErrorCode::UserNotActive)
    }

    /// The form with this failure, if one is set.
    pub(crate) fn render_form(&self, info: &RequestInfo) -> Option<Response> {
        self.0.form.as_ref().map(|form| form.0(info, self))
    }

    /// The error members of the response.
    pub(crate) fn body(&self) -> ErrorBody {
        let body = ErrorBody::new(self.0.code, self.0.messages.clone());
        body.with_fields(self.0.fields.clone())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = if self.0.is_outside && cfg!(debug_assertions) {
            (self.0.status, OUTSIDE).into_response()
        } else {
            self.0.status.into_response()
        };
        response.extensions_mut().insert(self);
        response
    }
}
