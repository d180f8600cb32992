//! `verifyemail`, `api/verifyemail`: verifies an e-mail address by a mailed link.
//!
//! The page behind the link shows a button, and only its form uses the link up: mail scanners and
//! previews do not. `GET api/verifyemail/{token}`, which is never mailed, uses it up, as upstream's
//! does. Verification begins no session.

use axum::extract::Request;
use crossauth_core::email_link::LinkError;
use crossauth_core::email_verification::VerifiedAddress;
use crossauth_core::user::{User, UserId};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::profile::editable_fields;
use super::{HandlerResult, parameter_of};
use crate::failure::Failure;
use crate::form::{Form, Submitted};
use crate::page::{Page, Template, template};
use crate::request::{RequestInfo, Surface};
use crate::response;
use crate::router::method_not_allowed;
use crate::visible_user::VisibleUser;

/// The fields of the form.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct VerifyEmailForm {
    token: String,
}

impl Form for VerifyEmailForm {
    const SECRET: &'static [&'static str] = &["token"];
}

/// Variables of `verifyemail.html`.
#[derive(Serialize)]
pub(crate) struct VerifyEmailPage {
    token: String,
    email: String,
}

/// Variables of `emailverified.html`. As upstream has it, `user` has the address before as
/// `oldEmail` if it was changed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EmailVerifiedPage {
    user: Value,
    old_email: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Body {
    #[cfg_attr(test, schemars(with = "crate::openapi::ChangedUser"))]
    user: Value,
}

/// `GET verifyemail/{token}`
pub(crate) async fn show(info: RequestInfo, request: Request) -> HandlerResult {
    let token = parameter_of(&request);
    let pending =
        info.crossauth.auth().email_verification.check(&token, info.visitor.to_core()).await;
    let pending = pending.map_err(|error| with_new_link(&info, error))?;
    Ok(response::page(&info, &VerifyEmailPage { token, email: pending.email }))
}

/// `GET api/verifyemail/{token}`
pub(crate) async fn follow(info: RequestInfo, request: Request) -> HandlerResult {
    if info.method != Method::GET {
        return Err(method_not_allowed().await);
    }
    verify(&info, &parameter_of(&request)).await
}

/// `POST verifyemail`, `POST api/verifyemail`
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let form = Submitted::<VerifyEmailForm>::read(&info, request).await.form?;
    verify(&info, &form.token).await
}

async fn verify(info: &RequestInfo, token: &str) -> HandlerResult {
    let VerifiedAddress { user, old_email, .. } = info
        .crossauth
        .auth()
        .email_verification
        .verify(token, info.visitor.to_core())
        .await
        .map_err(|error| with_new_link(info, error))?;
    let user = shown(info, &user, old_email.as_deref());
    Ok(match info.surface {
        Surface::Page => response::page(info, &EmailVerifiedPage { user, old_email }),
        Surface::Api => response::json_ok(info, Body { user }),
    })
}

/// Users who are logged in have changed their address on the page of their details.
fn with_new_link(info: &RequestInfo, error: LinkError) -> Failure {
    let is_change =
        info.user().is_some() && editable_fields(info).any(|field| field.name == "email");
    Failure::from(error).with_new_link(if is_change { "updateuser" } else { "resendverification" })
}

fn shown(info: &RequestInfo, user: &User, old_email: Option<&str>) -> Value {
    let user = serde_json::to_value(VisibleUser::new(&info.crossauth, user));
    let mut user = user.unwrap_or_default();
    if let (Some(old), Some(fields)) = (old_email, user.as_object_mut()) {
        fields.insert("oldEmail".into(), old.into());
    }
    user
}

impl Page for VerifyEmailPage {
    const TEMPLATE: Template = template!("verifyemail.html");
    const HAS_SECRET_ADDRESS: bool = true;

    fn sample() -> Self {
        Self { token: "Z4tSjq8hQ2mJ3kL5nP7rTw".into(), email: "ada@example.com".into() }
    }
}

impl Page for EmailVerifiedPage {
    const TEMPLATE: Template = template!("emailverified.html");

    fn sample() -> Self {
        let user = Map::from_iter([
            ("id".to_owned(), Value::from(UserId::Integer(1).to_string())),
            ("username".to_owned(), "ada".into()),
            ("email".to_owned(), "ada@new.example".into()),
            ("oldEmail".to_owned(), "ada@example.com".into()),
        ]);
        Self { user: Value::Object(user), old_email: Some("ada@example.com".into()) }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crate::openapi::Operation;
    use crossauth_core::error::ErrorCode;
    vec![
        Operation::new("GET api/verifyemail/{token}", "Verifies an e-mail address")
            .returns::<Body>()
            .takes_link()
            .fails([ErrorCode::UserExists]),
        Operation::new("POST api/verifyemail", "Verifies an e-mail address")
            .takes::<VerifyEmailForm>()
            .returns::<Body>()
            .takes_link()
            .fails([ErrorCode::UserExists]),
    ]
}
