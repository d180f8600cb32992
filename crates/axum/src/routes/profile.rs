//! `updateuser`, `deleteuser` and their JSON twins: changes of the account by its owner.

use axum::extract::Request;
use axum::response::Response;
use crossauth_core::account::AccountError;
use crossauth_core::profile::Deletion;
use crossauth_core::secret::Password;
use crossauth_core::user::{User, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::HandlerResult;
use super::signup::Field;
use crate::failure::Failure;
use crate::form::{Echo, Form, Submitted};
use crate::headers;
use crate::next::{self, NextPath};
use crate::page::{Audience, Page, Template, template};
use crate::request::{RequestInfo, Surface};
use crate::response;
use crate::session_change::SessionChange;
use crate::signup_field::{self, SignupField};

const UPDATED: &str = "Your details have been updated.";
const DELETED: &str = "Your account has been deleted.";

/// The form of `updateuser` has only fields that begin with `user_`.
#[derive(Deserialize)]
pub(crate) struct UpdateUserForm {}

impl Form for UpdateUserForm {
    const SECRET: &'static [&'static str] = &[];
}

/// The fields of the form of `deleteuser`.
#[derive(Deserialize)]
pub(crate) struct DeleteUserForm {
    password: Password,
}

impl Form for DeleteUserForm {
    const SECRET: &'static [&'static str] = &["password"];
}

/// Variables of `updateuser.html`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateUserPage {
    fields: Vec<Field>,
    allowed_factor2: Vec<String>,
    /// Present once the details have been updated.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

/// Variables of `deleteuser.html`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteUserPage {
    next: Option<NextPath>,
    is_admin: bool,
    deleted: bool,
    userid: Option<UserId>,
    /// Present once the account has been deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UpdateBody {
    email_verification_required: bool,
}

#[derive(Serialize)]
struct DeleteBody {
    userid: UserId,
}

/// `GET updateuser`
pub(crate) fn show_update(info: &RequestInfo) -> HandlerResult {
    Ok(response::page(info, &UpdateUserPage::new(info, &info.require_user()?.extra)))
}

/// `POST updateuser`, `POST api/updateuser`
pub(crate) async fn update(info: RequestInfo, request: Request) -> HandlerResult {
    let Submitted { form, echo } = Submitted::<UpdateUserForm>::read(&info, request).await;
    let result = match form {
        Ok(UpdateUserForm {}) => update_user(&info, &echo).await,
        Err(failure) => Err(failure),
    };
    result.map_err(|failure| {
        failure.on_page(&info, || UpdateUserPage::new(&info, &echo.user_fields()))
    })
}

async fn update_user(info: &RequestInfo, echo: &Echo) -> HandlerResult {
    let user = info.require_user()?;
    let mut fields = echo.user_fields();
    // A field that is absent stays as it is, also a required one.
    let described = editable_fields(info).filter(|field| fields.contains_key(&field.name));
    let described: Vec<SignupField> = described.cloned().collect();
    let errors = signup_field::check(&described, &mut fields);
    if !errors.is_empty() {
        return Err(AccountError::Form(errors).into());
    }
    // The check removes empty fields.
    for field in &described {
        fields.entry(field.name.clone()).or_insert(Value::Null);
    }
    let submission = echo.submission(info);
    let user = info.crossauth.auth().profile.update(user, fields, &submission).await?;
    Ok(match info.surface {
        Surface::Page => {
            let message = Some(UPDATED);
            response::page(
                info,
                &UpdateUserPage { message, ..UpdateUserPage::new(info, &user.extra) },
            )
        }
        Surface::Api => response::json_ok(info, UpdateBody { email_verification_required: false }),
    })
}

/// `GET deleteuser`
pub(crate) fn show_delete(info: &RequestInfo) -> Response {
    response::page(info, &DeleteUserPage::new(next::in_query(&info.uri)))
}

/// `POST deleteuser`, `POST api/deleteuser`
pub(crate) async fn delete(info: RequestInfo, request: Request) -> HandlerResult {
    let Submitted { form, echo } = Submitted::<DeleteUserForm>::read(&info, request).await;
    let result = match form {
        Ok(form) => delete_user(&info, form, echo.next()).await,
        Err(failure) => Err(failure),
    };
    result.map_err(|failure| failure.on_page(&info, || DeleteUserPage::new(echo.next())))
}

async fn delete_user(
    info: &RequestInfo,
    form: DeleteUserForm,
    next: Option<NextPath>,
) -> HandlerResult {
    let user: &User = info.require_user()?;
    match info.crossauth.auth().profile.delete(user, form.password).await? {
        Deletion::Deleted => {}
        Deletion::Rejected(rejection) => {
            let wrong = ("password", "Password is wrong");
            return Err(Failure::password_rejected(rejection, wrong, info.crossauth.now()));
        }
    }
    let mut response = match info.surface {
        Surface::Page => {
            let (userid, message) = (Some(user.id.clone()), Some(DELETED));
            let page =
                DeleteUserPage { deleted: true, userid, message, ..DeleteUserPage::new(next) };
            response::page(info, &page)
        }
        Surface::Api => response::json_ok(info, DeleteBody { userid: user.id.clone() }),
    };
    headers::clear_cached_pages(response.headers_mut());
    Ok(response::with_session(response, SessionChange::Ended))
}

/// The fields that owners may change with `updateuser`.
pub(super) fn editable_fields(info: &RequestInfo) -> impl Iterator<Item = &SignupField> {
    let profile = &info.crossauth.auth().profile;
    info.crossauth.config().signup_fields.iter().filter(|field| profile.is_editable(&field.name))
}

impl UpdateUserPage {
    fn new(info: &RequestInfo, values: &Map<String, Value>) -> Self {
        let fields = editable_fields(info).map(|field| Field::new(field, values.get(&field.name)));
        Self { fields: fields.collect(), allowed_factor2: Vec::new(), message: None }
    }
}

impl Page for UpdateUserPage {
    const TEMPLATE: Template = template!("updateuser.html");
    const AUDIENCE: Audience = Audience::LoggedIn;

    fn sample() -> Self {
        let field = Field::new(&SignupField::new("phone").hint("With country code"), None);
        Self { fields: vec![field], allowed_factor2: Vec::new(), message: None }
    }
}

impl DeleteUserPage {
    fn new(next: Option<NextPath>) -> Self {
        Self { next, is_admin: false, deleted: false, userid: None, message: None }
    }
}

impl Page for DeleteUserPage {
    const TEMPLATE: Template = template!("deleteuser.html");
    const AUDIENCE: Audience = Audience::LoggedIn;

    fn sample() -> Self {
        Self::new(NextPath::parse("/after?a=b&c=d").ok())
    }
}
