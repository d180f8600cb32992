//! `changepassword`, `api/changepassword`: a new password for the logged-in user.

use axum::extract::Request;
use crossauth_core::login::{Door, RequiredChange};
use crossauth_core::password_change::{PasswordChangeOutcome, PasswordChangeRequest};
use crossauth_core::reauthentication::PasswordRejection;
use crossauth_core::secret::Password;
use serde::{Deserialize, Serialize};

use super::HandlerResult;
use super::login::{Destination, admitted};
use crate::failure::Failure;
use crate::form::{Form, Submitted};
use crate::next::{self, NextPath};
use crate::page::{Audience, Page, Template, template};
use crate::request::{RequestInfo, Surface};
use crate::response;
use crate::session_change::SessionChange;

const CHANGED: &str = "Your password has been changed.";

/// The fields of the form.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ChangePasswordForm {
    #[cfg_attr(test, schemars(with = "String"))]
    old_password: Password,
    #[cfg_attr(test, schemars(with = "String"))]
    new_password: Password,
    #[serde(default, deserialize_with = "super::signup::deserialize_present")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    repeat_password: Option<Password>,
    #[serde(default, deserialize_with = "next::deserialize_lenient")]
    next: Option<NextPath>,
}

impl Form for ChangePasswordForm {
    const SECRET: &'static [&'static str] = &["old_password", "new_password", "repeat_password"];
}

/// Variables of `changepassword.html`.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangePasswordPage {
    next: Option<NextPath>,
    /// Whether the password must be changed before the user is logged in.
    required: bool,
    password_hint: String,
    /// Present once the password has been changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    changed: bool,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Body {
    message: &'static str,
}

/// `GET changepassword`
pub(crate) fn show(info: &RequestInfo) -> HandlerResult {
    if info.user().is_none() && !is_required(info) {
        return Err(Failure::login_needed());
    }
    Ok(response::page(info, &ChangePasswordPage::new(info, next::in_query(&info.uri))))
}

/// Whether the session is that of a user who must change the password before they are logged in.
fn is_required(info: &RequestInfo) -> bool {
    let required = |session| info.crossauth.auth().login.required_change(session);
    info.session().and_then(required) == Some(RequiredChange::Password)
}

/// `POST changepassword`, `POST api/changepassword`
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let Submitted { form, echo } = Submitted::<ChangePasswordForm>::read(&info, request).await;
    let result = match form {
        Ok(form) if is_required(&info) => change_required(&info, form).await,
        Ok(form) => change(&info, form).await,
        Err(failure) => Err(failure),
    };
    result.map_err(|failure| failure.on_page(&info, || ChangePasswordPage::new(&info, echo.next())))
}

async fn change(info: &RequestInfo, form: ChangePasswordForm) -> HandlerResult {
    let session = info.session().ok_or_else(Failure::login_needed)?;
    let (request, next) = form.into_parts();
    let outcome = info.crossauth.auth().password_change.change(session, request).await?;
    let session = match outcome {
        PasswordChangeOutcome::Changed(session) => *session,
        PasswordChangeOutcome::Rejected(rejection) => return Err(rejected(info, rejection)),
        PasswordChangeOutcome::NotLoggedIn => return Err(Failure::login_needed()),
    };
    let response = match (info.surface, next) {
        (Surface::Page, Some(next)) => response::redirect(info, next.as_str()),
        (Surface::Page, None) => {
            let (message, changed) = (Some(CHANGED), true);
            let page = ChangePasswordPage { message, changed, ..ChangePasswordPage::default() };
            return Ok(response::page_in(info, &page, session));
        }
        (Surface::Api, _) => response::json_ok(info, Body { message: CHANGED }),
    };
    Ok(response::with_session(response, SessionChange::begin(session)))
}

/// Changes the password of a user who must do so first, then continues the login.
async fn change_required(info: &RequestInfo, form: ChangePasswordForm) -> HandlerResult {
    let auth = info.crossauth.auth();
    let session = info.session().ok_or_else(Failure::login_needed)?;
    let found = auth.login.password_change_of(session).await?;
    let found = found.ok_or_else(Failure::login_needed)?;
    let (request, next) = form.into_parts();
    let new = request.new.clone();
    let changed = auth.password_change.change_required(&found, request).await?;
    let user = changed.map_err(|rejection| rejected(info, rejection))?;
    let (replaces, visitor) = (info.replaced_session(), info.visitor.to_core());
    let door = Door { replaces, visitor, ..Door::default() };
    let outcome = auth.login.admit_changed(&user.id, new, door).await.map_err(|error| {
        Failure::from(error).message("Your password is changed already: log in with the new one")
    })?;
    let destination = Destination { next, persist: "" };
    admitted(info, outcome, &destination, |_| response::json_ok(info, Body { message: CHANGED }))
}

fn rejected(info: &RequestInfo, rejection: PasswordRejection) -> Failure {
    let wrong = ("old_password", "Current password is wrong");
    Failure::password_rejected(rejection, wrong, info.crossauth.now())
}

impl ChangePasswordForm {
    fn into_parts(self) -> (PasswordChangeRequest, Option<NextPath>) {
        let Self { old_password: old, new_password: new, repeat_password: repeat, next } = self;
        (PasswordChangeRequest { old, new, repeat }, next)
    }
}

impl ChangePasswordPage {
    fn new(info: &RequestInfo, next: Option<NextPath>) -> Self {
        let password_hint = info.crossauth.auth().accounts.password_policy().describe();
        Self { next, required: is_required(info), password_hint, ..Self::default() }
    }
}

impl Page for ChangePasswordPage {
    const TEMPLATE: Template = template!("changepassword.html");
    const AUDIENCE: Audience = Audience::Anyone;
    const REDIRECTS_TO_APPLICATION: bool = true;

    fn sample() -> Self {
        Self {
            next: NextPath::parse("/after?a=b&c=d").ok(),
            required: true,
            password_hint: "At least 8 characters.".into(),
            message: None,
            changed: false,
        }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crate::openapi::Operation;
    use crossauth_core::error::ErrorCode;
    vec![
        Operation::new("POST api/changepassword", "Changes the password of the user")
            .takes::<ChangePasswordForm>()
            .returns::<Body>()
            .returns::<super::second_factor::Needed<'_>>()
            .fails([
                ErrorCode::Unauthorized,
                ErrorCode::UsernameOrPasswordInvalid,
                ErrorCode::PasswordFormat,
                ErrorCode::PasswordMatch,
            ])
            .refused()
            .limited(),
    ]
}
