//! `updateuser`, `deleteuser` and their JSON twins: changes of the account by its owner.

use axum::extract::Request;
use axum::response::Response;
use crossauth_core::account::AccountError;
use crossauth_core::enrolment::Assurance;
use crossauth_core::error::ErrorCode;
use crossauth_core::profile::{Deletion, ProfileChange, ProfileUpdate, UpdatedProfile};
use crossauth_core::protected::FactorProof;
use crossauth_core::secret::Password;
use crossauth_core::user::{User, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::HandlerResult;
use super::configure_factor2::{ConfigureFactor2Page, proof};
use super::signup::Field;
use crate::failure::Failure;
use crate::form::{Echo, Form, Submitted};
use crate::headers;
use crate::next::{self, NextPath};
use crate::page::{Audience, Page, Template, template};
use crate::protection::{Checked, protect_if};
use crate::request::{RequestInfo, Surface};
use crate::response;
use crate::session_change::SessionChange;
use crate::signup_field::{self, SignupField};

const UPDATED: &str = "Your details have been updated.";
const VERIFY: &str = "Please click on the link in your email to verify your email address.";
const DELETED: &str = "Your account has been deleted.";

/// The fields of the form of `updateuser`, except those that begin with `user_`.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct UpdateUserForm {
    /// To change the e-mail address where the login is not fresh.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    password: Option<Password>,
}

impl Form for UpdateUserForm {
    const SECRET: &'static [&'static str] = &["password"];
}

/// The fields of the form of `deleteuser`.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DeleteUserForm {
    #[cfg_attr(test, schemars(with = "String"))]
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
    /// Whether the password must be typed to change the e-mail address.
    password_needed: bool,
    /// Whether other fields of the account come from the directory, which are not on the page.
    is_of_directory: bool,
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct UpdateBody {
    email_verification_required: bool,
    /// What the second factor shows, if it must be confirmed with a new value.
    #[serde(flatten)]
    #[cfg_attr(test, schemars(with = "crate::openapi::FactorShown"))]
    shown: Map<String, Value>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct DeleteBody {
    #[cfg_attr(test, schemars(with = "crate::openapi::Id"))]
    userid: UserId,
}

/// `GET updateuser`
pub(crate) fn show_update(info: &RequestInfo) -> HandlerResult {
    let values = info.crossauth.auth().profile.values(info.require_user()?);
    Ok(response::page(info, &UpdateUserPage::new(info, &values)))
}

/// `POST updateuser`, `POST api/updateuser`
pub(crate) async fn update(info: RequestInfo, request: Request) -> HandlerResult {
    let request = if proof(&request).is_some() {
        request
    } else {
        match protect_if(&info, request, |form| changes_factor(&info, form)).await? {
            Checked::Execute(request) => request,
            Checked::Respond(response) => return Ok(response),
        }
    };
    let proof = proof(&request);
    let Submitted { form, echo } = Submitted::<UpdateUserForm>::read(&info, request).await;
    let result = match form {
        Ok(form) => update_user(&info, form, &echo, proof.as_deref()).await,
        Err(failure) => Err(failure),
    };
    result.map_err(|failure| {
        failure.on_page(&info, || UpdateUserPage::new(&info, &echo.user_fields()))
    })
}

/// Whether a form changes the value on which the second factor of the user depends, which needs the
/// factor whatever is configured.
fn changes_factor(info: &RequestInfo, form: &Map<String, Value>) -> bool {
    let bound = |user: &User| {
        let auth = info.crossauth.auth();
        let field = auth.factors.bound_field(user)?;
        let present = auth.profile.values(user).remove(field).unwrap_or_default();
        Some(*form.get(&format!("user_{field}"))? != present)
    };
    info.user().and_then(bound).unwrap_or(false)
}

async fn update_user(
    info: &RequestInfo,
    form: UpdateUserForm,
    echo: &Echo,
    factor: Option<&FactorProof>,
) -> HandlerResult {
    let user = info.require_profile_editor()?;
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
    let password = form.password.filter(|password| !password.expose().is_empty());
    let assurance = Assurance { factor, password };
    let update = ProfileUpdate { fields, submission: echo.submission(info), assurance };
    let now = info.crossauth.now();
    let profile = &info.crossauth.auth().profile;
    let change = match info.session() {
        Some(session) => profile.update(session, update).await?,
        None => profile.update_by_key(user, update).await?,
    };
    match change {
        ProfileChange::Done(updated) => Ok(updated_response(info, *updated)),
        ProfileChange::NeedsFactor => Err(Failure::new(ErrorCode::Unauthorized)
            .message("The second factor must be confirmed to change this")),
        ProfileChange::NeedsPassword => Err(Failure::new(ErrorCode::UsernameOrPasswordInvalid)
            .field("password", "Please enter your password to change the email address".into())),
        ProfileChange::Rejected(rejection) => {
            let wrong = ("password", "Password is wrong");
            Err(Failure::password_rejected(rejection, wrong, now))
        }
        ProfileChange::TooMany { retry_at } => Err(Failure::too_many(retry_at, now)),
        ProfileChange::NotLoggedIn => Err(Failure::login_needed()),
    }
}

/// The page for the code, if the second factor must be confirmed with a new value; otherwise the
/// form.
fn updated_response(info: &RequestInfo, updated: UpdatedProfile) -> Response {
    let UpdatedProfile { user, email_verification_required, waiting, .. } = updated;
    match (info.surface, waiting) {
        (Surface::Page, Some(waiting)) => {
            let page = ConfigureFactor2Page::new(info, &waiting.factor, waiting.shown, None);
            let message = email_verification_required.then_some(VERIFY);
            response::page(info, &page.with_message(message))
        }
        (Surface::Page, None) => {
            let message = Some(if email_verification_required { VERIFY } else { UPDATED });
            let page = UpdateUserPage::new(info, &info.crossauth.auth().profile.values(&user));
            response::page(info, &UpdateUserPage { message, ..page })
        }
        (Surface::Api, waiting) => {
            let shown = waiting.map(|waiting| waiting.shown).unwrap_or_default();
            response::json_ok(info, UpdateBody { email_verification_required, shown })
        }
    }
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
    info.crossauth.config().signup_fields.iter().filter(|field| is_editable(info, &field.name))
}

/// Whether the user may change a field of the own account.
fn is_editable(info: &RequestInfo, field: &str) -> bool {
    let profile = &info.crossauth.auth().profile;
    info.user()
        .map_or_else(|| profile.is_editable(field), |user| profile.is_editable_by(user, field))
}

impl UpdateUserPage {
    fn new(info: &RequestInfo, values: &Map<String, Value>) -> Self {
        let fields = editable_fields(info).map(|field| Field::new(field, values.get(&field.name)));
        let fields: Vec<Field> = fields.collect();
        let auth = info.crossauth.auth();
        Self {
            fields,
            allowed_factor2: Vec::new(),
            password_needed: needs_password(info),
            is_of_directory: info.user().is_some_and(|user| auth.is_of_directory(&user.factor1)),
            message: None,
        }
    }
}

/// Whether the form needs the password to change the e-mail address, for which the second factor is
/// enough where it is demanded.
fn needs_password(info: &RequestInfo) -> bool {
    let profile = &info.crossauth.auth().profile;
    let is_stale = info.session().is_some_and(|session| profile.needs_password(session));
    let has_proof = info.user().is_some_and(|user| {
        let bound = info.crossauth.auth().factors.bound_field(user);
        let listed = info.crossauth.config().protected.iter().any(|name| name == "updateuser");
        user.factor2.is_some() && (listed || bound == Some("email"))
    });
    is_editable(info, "email") && is_stale && !has_proof
}

impl Page for UpdateUserPage {
    const TEMPLATE: Template = template!("updateuser.html");
    const AUDIENCE: Audience = Audience::LoggedIn;

    fn sample() -> Self {
        let field = Field::new(&SignupField::new("phone").hint("With country code"), None);
        Self {
            fields: vec![field],
            allowed_factor2: Vec::new(),
            password_needed: true,
            is_of_directory: true,
            message: None,
        }
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

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crate::openapi::Operation;
    vec![
        Operation::new("POST api/updateuser", "Changes fields of the account; absent ones stay")
            .takes::<UpdateUserForm>()
            .returns::<UpdateBody>()
            .demands_factor()
            .fails([
                ErrorCode::UsernameOrPasswordInvalid,
                ErrorCode::FormEntry,
                ErrorCode::InvalidEmail,
                ErrorCode::InvalidPhoneNumber,
                ErrorCode::UserExists,
            ])
            .limited(),
        Operation::new("POST api/deleteuser", "Deletes the account of the user")
            .takes::<DeleteUserForm>()
            .returns::<DeleteBody>()
            .fails([ErrorCode::UsernameOrPasswordInvalid, ErrorCode::Forbidden])
            .limited(),
    ]
}
