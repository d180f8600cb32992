//! `restoreemail`, `api/restoreemail`: takes a change of the e-mail address back, by the link in the
//! notice to the old address.

use axum::extract::Request;
use crossauth_core::email_link::LinkError;
use crossauth_core::error::ErrorCode;
use serde::{Deserialize, Serialize};

use super::{HandlerResult, parameter_of};
use crate::failure::Failure;
use crate::form::{Form, Submitted};
use crate::page::{Page, Template, template};
use crate::request::{RequestInfo, Surface};
use crate::response;

const RESET: &str = "Your email address was restored, and all devices were logged out. We have sent \
                     you a link to set a new password";
const DONE: &str = "Your email address was restored, and all devices were logged out. Please log in \
                    and change your password";
const EXPIRED: &str = "This link is too old: it was valid for 72 hours. If you did not change your \
                       email address, please tell the people who run this site";

/// The fields of the form.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RestoreEmailForm {
    token: String,
}

impl Form for RestoreEmailForm {
    const SECRET: &'static [&'static str] = &["token"];
}

/// Variables of `restoreemail.html`.
#[derive(Serialize)]
pub(crate) struct RestoreEmailPage {
    /// `None` after the address was restored.
    token: Option<String>,
    email: Option<String>,
    message: Option<&'static str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Body {
    email: Option<String>,
    message: &'static str,
}

/// `GET restoreemail/{token}`
pub(crate) async fn show(info: RequestInfo, request: Request) -> HandlerResult {
    let token = parameter_of(&request);
    let email = info
        .crossauth
        .auth()
        .email_verification
        .check_restore(&token, info.visitor.to_core())
        .await
        .map_err(refused)?;
    let page = RestoreEmailPage { token: Some(token), email: Some(email), message: None };
    Ok(response::page(&info, &page))
}

/// `POST restoreemail`, `POST api/restoreemail`
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let form = Submitted::<RestoreEmailForm>::read(&info, request).await.form?;
    let auth = info.crossauth.auth();
    let restored = auth.email_verification.restore(&form.token, info.visitor.to_core()).await;
    let email = restored.map_err(refused)?.email;
    let message = if auth.password_reset.is_enabled() { RESET } else { DONE };
    Ok(match info.surface {
        Surface::Page => {
            let page = RestoreEmailPage { token: None, email, message: Some(message) };
            response::page(&info, &page)
        }
        Surface::Api => response::json_ok(&info, Body { email, message }),
    })
}

/// No page sends another link of this kind.
fn refused(error: LinkError) -> Failure {
    match error {
        LinkError::Expired => Failure::new(ErrorCode::Expired).message(EXPIRED),
        LinkError::Invalid
        | LinkError::NotActive
        | LinkError::AddressTaken
        | LinkError::TooMany { .. }
        | LinkError::Storage(_) => error.into(),
    }
}

impl Page for RestoreEmailPage {
    const TEMPLATE: Template = template!("restoreemail.html");
    const HAS_SECRET_ADDRESS: bool = true;

    fn sample() -> Self {
        Self {
            token: Some("Z4tSjq8hQ2mJ3kL5nP7rTw".into()),
            email: Some("ada@example.com".into()),
            message: Some(RESET),
        }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crate::openapi::Operation;
    vec![
        Operation::new("POST api/restoreemail", "Takes a change of the e-mail address back")
            .takes::<RestoreEmailForm>()
            .returns::<Body>()
            .takes_link()
            .fails([ErrorCode::UserExists]),
    ]
}
