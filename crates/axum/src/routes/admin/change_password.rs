//! `changepassword/{id}`, `sendreset/{id}`: a new password, or a link to choose one.

use axum::extract::Request;
use crossauth_core::account::{AccountError, ResetMail};
use crossauth_core::form::{Field, FieldError, Rule};
use crossauth_core::secret::Password;
use crossauth_core::user::User;
use serde::{Deserialize, Serialize};

use super::{Act, ButtonForm, Done, done, find, is_notified, own, refused, url_prefix};
use crate::failure::Failure;
use crate::form::Form;
use crate::next::{self, NextPath};
use crate::page::{Audience, Page, Template, sample_user, template};
use crate::request::RequestInfo;
use crate::response;
use crate::routes::signup::deserialize_present;
use crate::routes::{HandlerResult, parameter_of};
use crate::visible_user::AdminUser;

/// The fields of the form.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SetPasswordForm {
    #[cfg_attr(test, schemars(with = "String"))]
    new_password: Password,
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    #[serde(default, deserialize_with = "deserialize_present")]
    repeat_password: Option<Password>,
    #[serde(default, deserialize_with = "next::deserialize_lenient")]
    next: Option<NextPath>,
}

impl Form for SetPasswordForm {
    const SECRET: &'static [&'static str] = &["new_password", "repeat_password"];
}

/// Variables of `admin/changepassword.html`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PasswordPage {
    url_prefix: String,
    user: AdminUser,
    next: Option<NextPath>,
    password_hint: String,
    /// Whether the user is notified by e-mail.
    is_notified: bool,
}

/// `GET changepassword/{id}`
pub(crate) async fn show(info: RequestInfo, request: Request) -> HandlerResult {
    let user = find(&info, &parameter_of(&request)).await?;
    Ok(response::page(&info, &PasswordPage::new(&info, user, next::in_query(&info.uri))))
}

/// `POST changepassword/{id}`, `POST api/changepassword/{id}`
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let Act { user, form, echo } = Act::<SetPasswordForm>::read(&info, request).await?;
    let result = match form {
        Ok(form) => set_password(&info, &user, form).await,
        Err(failure) => Err(failure),
    };
    result.map_err(|failure| failure.on_page(&info, || PasswordPage::new(&info, user, echo.next())))
}

async fn set_password(info: &RequestInfo, user: &User, form: SetPasswordForm) -> HandlerResult {
    own::refuse(info, user, "changepassword")?;
    let SetPasswordForm { new_password, repeat_password, next } = form;
    if repeat_password.is_some_and(|repeat| repeat != new_password) {
        let error = FieldError::new(Field::RepeatPassword, Rule::Mismatch);
        return Err(AccountError::Form(vec![error]).into());
    }
    let accounts = &info.crossauth.auth().accounts;
    let set = accounts.set_password(user, new_password).await;
    set.map_err(|error| refused(of_new_password(error)))?;
    tracing::info!(user = %user.id, "password set by an administrator");
    Ok(done(info, &user.id, Done::PasswordSet, next.as_ref()))
}

/// Names the field as the form does.
fn of_new_password(error: AccountError) -> AccountError {
    let AccountError::Form(errors) = error else { return error };
    let renamed = errors.into_iter().map(|error| {
        let is_password = error.field == Field::Password;
        let field = if is_password { Field::NewPassword } else { error.field };
        FieldError::new(field, error.rule)
    });
    AccountError::Form(renamed.collect())
}

/// `POST sendreset/{id}`, `POST api/sendreset/{id}`
pub(crate) async fn send_reset(info: RequestInfo, request: Request) -> HandlerResult {
    let Act { user, form, .. } = Act::<ButtonForm>::read(&info, request).await?;
    let next = form?.next;
    match info.crossauth.auth().accounts.send_reset(&user).await.map_err(refused)? {
        ResetMail::Sent | ResetMail::NotNeeded => {
            tracing::info!(user = %user.id, "password reset sent by an administrator");
            Ok(done(&info, &user.id, Done::ResetSent, next.as_ref()))
        }
        ResetMail::TooMany { retry_at } => Err(Failure::too_many(retry_at, info.crossauth.now())
            .message("Too many links were sent to this account. Please try again later")),
    }
}

impl PasswordPage {
    fn new(info: &RequestInfo, user: User, next: Option<NextPath>) -> Self {
        let password_hint = info.crossauth.auth().accounts.password_policy().describe();
        Self {
            url_prefix: url_prefix(info),
            is_notified: is_notified(info, &user),
            user: AdminUser(user),
            next,
            password_hint,
        }
    }
}

impl Page for PasswordPage {
    const TEMPLATE: Template = template!("admin/changepassword.html");
    const AUDIENCE: Audience = Audience::LoggedIn;

    fn sample() -> Self {
        Self {
            url_prefix: "/auth/admin/".into(),
            user: AdminUser(sample_user()),
            next: NextPath::parse("/after?a=b&c=d").ok(),
            password_hint: "At least 8 characters.".into(),
            is_notified: true,
        }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crossauth_core::error::ErrorCode;
    vec![
        super::about_user("POST admin/api/changepassword/{id}", "Sets a password")
            .takes::<SetPasswordForm>()
            .done()
            .fails([
                ErrorCode::PasswordFormat,
                ErrorCode::PasswordMatch,
                ErrorCode::FormEntry,
                ErrorCode::Forbidden,
            ]),
        super::about_user("POST admin/api/sendreset/{id}", "Mails a link to choose a password")
            .takes::<ButtonForm>()
            .done()
            .fails([ErrorCode::InvalidEmail, ErrorCode::FormEntry])
            .limited(),
    ]
}
