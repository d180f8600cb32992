//! `requestpasswordreset`, `api/requestpasswordreset`: asks for a link to reset a password.
//!
//! The answer is the same whether or not there is an account with the address.

use axum::extract::Request;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::HandlerResult;
use crate::form::{Echo, Form, Submitted};
use crate::next::{self, NextPath};
use crate::page::{Page, Template, template};
use crate::request::{RequestInfo, Surface};
use crate::response;

const SENT: &str = "If there is an account with this email address, we have sent it a message with \
                    a link to reset the password. Earlier links no longer work";

/// The fields of the form.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RequestPasswordResetForm {
    email: String,
}

impl Form for RequestPasswordResetForm {
    const SECRET: &'static [&'static str] = &[];
}

/// Variables of `requestpasswordreset.html`.
#[derive(Serialize, Default)]
pub(crate) struct RequestPasswordResetPage {
    email: Option<String>,
    message: Option<&'static str>,
    next: Option<NextPath>,
    /// Whether the user was sent here because the password must be reset.
    required: bool,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Body {
    email: String,
    message: &'static str,
}

/// `GET requestpasswordreset`
pub(crate) fn show(info: &RequestInfo) -> Response {
    let required = info.query("required").is_some_and(|value| is_true(&value));
    let next = next::in_query(&info.uri);
    response::page(info, &RequestPasswordResetPage { next, required, ..Default::default() })
}

/// `POST requestpasswordreset`, `POST api/requestpasswordreset`
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let Submitted { form, echo } =
        Submitted::<RequestPasswordResetForm>::read(&info, request).await;
    let answer = match form {
        Ok(form) => ask(&info, form, &echo).await,
        Err(failure) => Err(failure),
    };
    answer.map_err(|failure| {
        let email = echo.owned("email");
        failure.on_page(&info, || RequestPasswordResetPage::with_echo(email, None, &echo))
    })
}

async fn ask(info: &RequestInfo, form: RequestPasswordResetForm, echo: &Echo) -> HandlerResult {
    let RequestPasswordResetForm { email } = form;
    info.crossauth.auth().password_reset.request(&email, info.visitor.to_core()).await?;
    Ok(match info.surface {
        Surface::Page => {
            let page = RequestPasswordResetPage::with_echo(Some(email), Some(SENT), echo);
            response::page(info, &page)
        }
        Surface::Api => response::json_ok(info, Body { email, message: SENT }),
    })
}

/// As upstream reads it: by the first character.
fn is_true(text: &str) -> bool {
    text.starts_with(['t', 'T', 'y', 'Y', '1'])
}

impl RequestPasswordResetPage {
    fn with_echo(email: Option<String>, message: Option<&'static str>, echo: &Echo) -> Self {
        let required = echo.text("required").is_some_and(is_true);
        Self { email, message, next: echo.next(), required }
    }
}

impl Page for RequestPasswordResetPage {
    const TEMPLATE: Template = template!("requestpasswordreset.html");

    fn sample() -> Self {
        Self {
            email: Some("ada@example.com".into()),
            message: Some(SENT),
            next: NextPath::parse("/after?a=b&c=d").ok(),
            required: true,
        }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crate::openapi::Operation;
    use crossauth_core::error::ErrorCode;
    vec![
        Operation::new("POST api/requestpasswordreset", "Sends a link that resets a password")
            .takes::<RequestPasswordResetForm>()
            .returns::<Body>()
            .fails([ErrorCode::InvalidEmail])
            .limited(),
    ]
}
