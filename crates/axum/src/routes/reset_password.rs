//! `resetpassword`, `api/resetpassword`: sets a new password by a mailed link.
//!
//! `GET` does not use the link up, so that mail scanners and previews do not. A password that is not
//! allowed does not use it up either.

use axum::extract::Request;
use crossauth_core::login::Door;
use crossauth_core::password_reset::{ResetDone, ResetForm};
use crossauth_core::secret::Password;
use crossauth_core::user::UserState;
use serde::{Deserialize, Serialize};

use super::{HandlerResult, parameter_of};
use crate::failure::Failure;
use crate::form::{Form, Submitted};
use crate::page::{Page, Template, template};
use crate::request::{RequestInfo, Surface};
use crate::response;
use crate::session_change::SessionChange;
use crate::visible_user::VisibleUser;

const DONE: &str = "Your password has been changed.";

/// The page that sends a new link.
const RENEWAL: &str = "requestpasswordreset";

/// The fields of the form.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ResetPasswordForm {
    token: String,
    #[cfg_attr(test, schemars(with = "String"))]
    new_password: Password,
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    repeat_password: Option<Password>,
}

impl Form for ResetPasswordForm {
    const SECRET: &'static [&'static str] = &["new_password", "repeat_password"];
}

/// Variables of `resetpassword.html`.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResetPasswordPage {
    /// `None` after the password was changed.
    token: Option<String>,
    password_hint: String,
    message: Option<&'static str>,
    /// Whether the user is logged in now.
    logged_in: bool,
    /// Where to sign up once more, if the sign-up of the account was never finished.
    finish_path: Option<String>,
    /// Then the name of the account, which the owner of the address may know.
    username: Option<String>,
    /// Where to go on.
    next: String,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Body<'a> {
    message: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<VisibleUser<'a>>,
}

/// `GET resetpassword/{token}`
pub(crate) async fn show(info: RequestInfo, request: Request) -> HandlerResult {
    let token = parameter_of(&request);
    let valid = info.crossauth.auth().password_reset.check(&token, info.visitor.to_core()).await;
    valid.map_err(|error| Failure::from(error).with_new_link(RENEWAL))?;
    Ok(response::page(&info, &ResetPasswordPage::with(&info, token)))
}

/// `POST resetpassword`, `POST api/resetpassword`
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let Submitted { form, echo } = Submitted::<ResetPasswordForm>::read(&info, request).await;
    let answer = match form {
        Ok(form) => reset(&info, form).await,
        Err(failure) => Err(failure),
    };
    answer.map_err(|failure| match echo.owned("token") {
        Some(token) if !failure.is_about_a_link() => {
            failure.on_page(&info, || ResetPasswordPage::with(&info, token))
        }
        Some(_) | None => failure.with_new_link(RENEWAL),
    })
}

async fn reset(info: &RequestInfo, form: ResetPasswordForm) -> HandlerResult {
    let ResetPasswordForm { token, new_password: password, repeat_password: repeat } = form;
    let (replaces, visitor) = (info.replaced_session(), info.visitor.to_core());
    let door = Door { replaces, visitor, ..Door::default() };
    let reset = &info.crossauth.auth().password_reset;
    let ResetDone { user, session, .. } =
        reset.reset(ResetForm { token, password, repeat }, door).await?;
    let logged_in = session.is_some();
    match info.surface {
        Surface::Page => {
            let next = if logged_in {
                info.crossauth.config().login_redirect.clone()
            } else {
                info.crossauth.path("login")
            };
            let is_unfinished = user.state == UserState::AwaitingTwoFactorSetup;
            let finishes = is_unfinished && info.crossauth.serves("signup");
            let page = ResetPasswordPage {
                message: Some(DONE),
                logged_in,
                finish_path: finishes.then(|| info.crossauth.path("signup")),
                username: finishes.then_some(user.username),
                next,
                ..Default::default()
            };
            Ok(match session {
                Some(session) => response::page_in(info, &page, *session),
                None => response::page(info, &page),
            })
        }
        Surface::Api => {
            let user = logged_in.then(|| VisibleUser::new(&info.crossauth, &user));
            let response = response::json_ok(info, Body { message: DONE, user });
            Ok(match session {
                Some(session) => response::with_session(response, SessionChange::begin(*session)),
                None => response,
            })
        }
    }
}

impl ResetPasswordPage {
    fn with(info: &RequestInfo, token: String) -> Self {
        let password_hint = info.crossauth.auth().accounts.password_policy().describe();
        Self { token: Some(token), password_hint, ..Self::default() }
    }
}

impl Page for ResetPasswordPage {
    const TEMPLATE: Template = template!("resetpassword.html");
    const HAS_SECRET_ADDRESS: bool = true;

    fn sample() -> Self {
        Self {
            token: Some("Z4tSjq8hQ2mJ3kL5nP7rTw".into()),
            password_hint: "At least 8 characters.".into(),
            message: Some(DONE),
            logged_in: true,
            finish_path: Some("/auth/signup".into()),
            username: Some("ada".into()),
            next: "/after".into(),
        }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crate::openapi::Operation;
    use crossauth_core::error::ErrorCode;
    vec![
        Operation::new("POST api/resetpassword", "Sets a new password by a mailed link")
            .takes::<ResetPasswordForm>()
            .returns::<Body<'_>>()
            .takes_link()
            .fails([ErrorCode::PasswordFormat, ErrorCode::PasswordMatch]),
    ]
}
