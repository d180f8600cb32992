//! `setup`: creates the first administrator with a one-time link. One who must have a second factor
//! sets it up next.
//!
//! `GET` does not consume the link, so that mail scanners and previews do not invalidate it; submitting
//! the form does.

use axum::extract::Request;
use crossauth_core::account::AccountForm;
use crossauth_core::secret::Password;
use crossauth_core::signup::SignupRequest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::HandlerResult;
use super::login::{Destination, admitted, persistence, redirect_after_login};
use crate::body::deserialize_tick;
use crate::failure::Failure;
use crate::form::{Echo, Form, Submitted};
use crate::page::{Page, Template, template};
use crate::request::RequestInfo;
use crate::response;

/// The fields of the form, except `user_email`.
#[derive(Deserialize)]
pub(crate) struct SetupForm {
    token: String,
    username: String,
    password: Password,
    repeat_password: Password,
    #[serde(default, deserialize_with = "deserialize_tick")]
    persist: Option<bool>,
}

impl Form for SetupForm {
    const SECRET: &'static [&'static str] = &["password", "repeat_password"];
}

/// Variables of `setup.html`.
#[derive(Serialize)]
pub(crate) struct SetupPage {
    token: String,
    persist: &'static str,
    username: Option<String>,
    user_email: Option<Value>,
    #[serde(rename = "passwordHint")]
    password_hint: String,
}

/// `GET setup`
pub(crate) async fn show(info: RequestInfo, _: Request) -> HandlerResult {
    let token = info.query("token").unwrap_or_default().into_owned();
    info.crossauth.auth().setup.check(&token, info.visitor.to_core()).await?;
    let password_hint = hint(&info);
    let page = SetupPage { token, persist: "", username: None, user_email: None, password_hint };
    Ok(response::page(&info, &page))
}

/// `POST setup`
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let Submitted { form, echo } = Submitted::<SetupForm>::read(&info, request).await;
    let result = create_admin(&info, form, &echo).await;
    result.map_err(|failure| match SetupPage::with_echo(&info, &echo) {
        Some(page) if !failure.is_invalid_link() => failure.on_page(&info, || page),
        _ => failure,
    })
}

async fn create_admin(
    info: &RequestInfo,
    form: Result<SetupForm, Failure>,
    echo: &Echo,
) -> HandlerResult {
    let form = form?;
    let mut fields = echo.user_fields();
    fields.retain(|name, _| name == "email");
    let (username, password) = (form.username, form.password);
    let (repeat, submission) = (Some(form.repeat_password), echo.submission(info));
    let account = AccountForm { username, password, repeat, fields, submission };
    let (persist, replaces) = (persistence(info, form.persist), info.replaced_session());
    let visitor = info.visitor.to_core();
    let request = SignupRequest { persist, replaces, visitor, ..SignupRequest::new(account) };
    let outcome = info.crossauth.auth().setup.create_admin(&form.token, request).await?;
    let destination = Destination { next: None, persist: echo.persist() };
    admitted(info, outcome, &destination, |_| redirect_after_login(info, None))
}

fn hint(info: &RequestInfo) -> String {
    info.crossauth.auth().accounts.password_policy().describe()
}

impl SetupPage {
    /// `None` for a cross-site form.
    fn with_echo(info: &RequestInfo, echo: &Echo) -> Option<Self> {
        Some(Self {
            token: echo.owned("token")?,
            persist: echo.persist(),
            username: echo.owned("username"),
            user_email: echo.owned("user_email").map(Value::String),
            password_hint: hint(info),
        })
    }
}

impl Page for SetupPage {
    const TEMPLATE: Template = template!("setup.html");
    const REDIRECTS_TO_APPLICATION: bool = true;

    fn sample() -> Self {
        Self {
            token: "setup-token".into(),
            persist: "on",
            username: Some("ada".into()),
            user_email: Some("ada@example.com".into()),
            password_hint: "At least 8 characters.".into(),
        }
    }
}
