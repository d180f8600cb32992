//! `resendverification`, `api/resendverification`: asks for a new link to verify an e-mail address.
//!
//! The answer is the same whether or not there is an account that waits for one.

use axum::extract::Request;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::HandlerResult;
use crate::form::{Form, Submitted};
use crate::page::{Page, Template, template};
use crate::request::{RequestInfo, Surface};
use crate::response;

const SENT: &str = "If there is an account with this email address that waits for verification, we \
                    have sent it a new link. Earlier links no longer work";

/// The fields of the form.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ResendVerificationForm {
    email: String,
}

impl Form for ResendVerificationForm {
    const SECRET: &'static [&'static str] = &[];
}

/// Variables of `resendverification.html`.
#[derive(Serialize, Default)]
pub(crate) struct ResendVerificationPage {
    email: Option<String>,
    message: Option<&'static str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Body {
    message: &'static str,
}

/// `GET resendverification`
pub(crate) fn show(info: &RequestInfo) -> Response {
    response::page(info, &ResendVerificationPage::default())
}

/// `POST resendverification`, `POST api/resendverification`
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let Submitted { form, echo } = Submitted::<ResendVerificationForm>::read(&info, request).await;
    let answer = match form {
        Ok(form) => ask(&info, form).await,
        Err(failure) => Err(failure),
    };
    answer.map_err(|failure| {
        let page = || ResendVerificationPage { email: echo.owned("email"), message: None };
        failure.on_page(&info, page)
    })
}

async fn ask(info: &RequestInfo, form: ResendVerificationForm) -> HandlerResult {
    let verification = &info.crossauth.auth().email_verification;
    verification.request(&form.email, info.visitor.to_core()).await?;
    Ok(match info.surface {
        Surface::Page => {
            let page = ResendVerificationPage { email: Some(form.email), message: Some(SENT) };
            response::page(info, &page)
        }
        Surface::Api => response::json_ok(info, Body { message: SENT }),
    })
}

impl Page for ResendVerificationPage {
    const TEMPLATE: Template = template!("resendverification.html");

    fn sample() -> Self {
        Self { email: Some("ada@example.com".into()), message: Some(SENT) }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crate::openapi::Operation;
    use crossauth_core::error::ErrorCode;
    vec![
        Operation::new(
            "POST api/resendverification",
            "Sends a link that verifies an e-mail address",
        )
        .takes::<ResendVerificationForm>()
        .returns::<Body>()
        .fails([ErrorCode::InvalidEmail])
        .limited(),
    ]
}
