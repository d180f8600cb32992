//! `updateuser/{id}`, `api/updateuser/{id}`: changes the fields, the state and the second factor of
//! an account.

use axum::extract::Request;
use axum::response::Response;
use crossauth_core::account::{
    AccountError, AccountUpdate, FactorReset, ResetMail, Role, SelectedState, StateRequest,
};
use crossauth_core::error::ErrorCode;
use crossauth_core::factor::Offered;
use crossauth_core::user::{FactorName, Patch, User, UserState};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::field::{described, is_editable};
use super::{Act, find, own, refused, url_prefix};
use crate::body::deserialize_flag;
use crate::failure::Failure;
use crate::form::{Echo, Form};
use crate::page::{Audience, Page, Template, sample_user, template};
use crate::request::{RequestInfo, Surface};
use crate::response;
use crate::routes::signup::Field;
use crate::routes::{HandlerResult, parameter_of};
use crate::signup_field::{self, SignupField};
use crate::visible_user::AdminUser;

const UPDATED: &str = "User updated";
const UPDATED_AND_SENT: &str = "User updated. A link to choose a new password is sent to the user";
const UPDATED_NOT_SENT: &str = "User updated. Too many links were sent to this account: please \
     send a link to choose a new password later";

/// The fields of the form, except those that begin with `user_`. Absent ones stay.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ChangeUserForm {
    username: Option<String>,
    state: Option<String>,
}

impl Form for ChangeUserForm {
    const SECRET: &'static [&'static str] = &[];
}

/// Variables of `admin/updateuser.html`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateUserPage {
    url_prefix: String,
    user: AdminUser,
    username: String,
    admin: bool,
    state: String,
    /// The states that can be chosen.
    states: Vec<UserState>,
    fields: Vec<Field>,
    allowed_factor2: Vec<Offered>,
    factor2: String,
    /// Which of the above the directory replaces at the next login: names of fields, `username` and
    /// `admin`.
    from_directory: Vec<String>,
    /// The pages on which administrators change their own credentials, which are not on this one.
    own_pages: Vec<&'static str>,
    #[serde(rename = "enableOAuthClientManagement")]
    enable_oauth_client_management: bool,
    /// Present once the user has been updated.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct Body {
    email_verification_required: bool,
    password_reset_sent: bool,
}

/// What a form changes.
struct Changes {
    update: AccountUpdate,
    state: Option<StateRequest>,
}

/// `GET updateuser/{id}`
pub(crate) async fn show(info: RequestInfo, request: Request) -> HandlerResult {
    let user = find(&info, &parameter_of(&request)).await?;
    Ok(response::page(&info, &UpdateUserPage::new(&info, user, None)))
}

/// `POST updateuser/{id}`, `POST api/updateuser/{id}`
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let Act { user, form, echo } = Act::<ChangeUserForm>::read(&info, request).await?;
    let result = match form {
        Ok(form) => update(&info, &user, form, &echo).await,
        Err(failure) => Err(failure),
    };
    result
        .map_err(|failure| failure.on_page(&info, || UpdateUserPage::new(&info, user, Some(&echo))))
}

async fn update(
    info: &RequestInfo,
    user: &User,
    form: ChangeUserForm,
    echo: &Echo,
) -> HandlerResult {
    let Changes { update, state } = changes(info, user, form, echo)?;
    let accounts = &info.crossauth.auth().accounts;
    let SelectedState { user, mail, .. } =
        accounts.edit(user, update, state).await.map_err(refused)?;
    tracing::info!(user = %user.id, "account changed by an administrator");
    Ok(updated(info, user, mail))
}

fn updated(info: &RequestInfo, user: User, mail: ResetMail) -> Response {
    match info.surface {
        Surface::Page => {
            let message = Some(match mail {
                ResetMail::NotNeeded => UPDATED,
                ResetMail::Sent => UPDATED_AND_SENT,
                ResetMail::TooMany { .. } => UPDATED_NOT_SENT,
            });
            let page = UpdateUserPage::new(info, user, None);
            response::page(info, &UpdateUserPage { message, ..page })
        }
        Surface::Api => {
            let password_reset_sent = mail == ResetMail::Sent;
            let body = Body { email_verification_required: false, password_reset_sent };
            response::json_ok(info, body)
        }
    }
}

/// Reads a form: what it says that is not so already.
fn changes(
    info: &RequestInfo,
    user: &User,
    form: ChangeUserForm,
    echo: &Echo,
) -> Result<Changes, Failure> {
    let mut fields = echo.user_fields();
    let is_admin = user.admin;
    let role = role(&mut fields)?.filter(|role| (*role == Role::Administrator) != is_admin);
    let username = form.username.or_else(|| text(fields.remove("username")));
    let state = form.state.or_else(|| text(fields.remove("state")));
    // An account that the directory has disabled may be disabled by an administrator, too.
    let is_request = |state: &UserState| *state != user.state || *state == UserState::Disabled;
    let state = state.map(|state| UserState::from(&*state)).filter(is_request);
    let factor = match fields.remove("factor2") {
        Some(name) => factor_change(info, user, &text(Some(name)).unwrap_or_default())?,
        None => None,
    };
    let state = match (state, factor) {
        (Some(state), Some(_)) if state != user.state => {
            return Err(Failure::new(ErrorCode::BadRequest)
                .message("Change either the state or the second factor, which changes the state"));
        }
        (state, factor) => factor.map(StateRequest::Factor).or(state.map(StateRequest::Select)),
    };
    fields.retain(|name, _| is_editable(info, name));
    let given: Vec<_> =
        described(info).into_iter().filter(|it| fields.contains_key(&it.name)).collect();
    let errors = signup_field::check(&given, &mut fields);
    if !errors.is_empty() {
        return Err(AccountError::Form(errors).into());
    }
    // The check removes empty fields.
    for field in &given {
        fields.entry(field.name.clone()).or_insert(Value::Null);
    }
    let email = email_change(user, fields.remove("email"));
    for value in fields.values_mut().filter(|value| value.as_str() == Some("")) {
        *value = Value::Null;
    }
    fields.retain(|name, value| user.extra.get(name).unwrap_or(&Value::Null) != value);
    let username = username.filter(|name| *name != user.username);
    Ok(Changes { update: AccountUpdate { username, email, role, fields }, state })
}

/// The text of a field; `None` for other values.
fn text(value: Option<Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

fn email_change(user: &User, given: Option<Value>) -> Patch<String> {
    match given {
        None => Patch::Keep,
        Some(Value::String(email)) if email.trim().is_empty() => email_removal(user),
        Some(Value::String(email)) if user.email.as_ref() == Some(&email) => Patch::Keep,
        Some(Value::String(email)) => Patch::Set(email),
        Some(Value::Null) => email_removal(user),
        // Not an address, which the use case reports.
        Some(other) => Patch::Set(other.to_string()),
    }
}

fn email_removal(user: &User) -> Patch<String> {
    if user.email.is_some() { Patch::Clear } else { Patch::Keep }
}

fn factor_change(
    info: &RequestInfo,
    user: &User,
    name: &str,
) -> Result<Option<FactorReset>, Failure> {
    let factor = FactorName::optional(name);
    if factor == user.factor2 {
        return Ok(None);
    }
    let Some(factor) = factor else { return Ok(Some(FactorReset::Remove)) };
    let offered = info.crossauth.auth().factors.offered();
    if offered.iter().any(|one| one.name == factor.as_str()) {
        Ok(Some(FactorReset::SetUp(factor)))
    } else {
        Err(AccountError::FactorUnavailable.into())
    }
}

/// Removes the field that says whether the user is an administrator.
pub(super) fn role(fields: &mut Map<String, Value>) -> Result<Option<Role>, Failure> {
    let Some(value) = fields.remove("admin") else { return Ok(None) };
    let flag = deserialize_flag(value).map_err(|_| {
        let message = "Admin must be true or false";
        Failure::new(ErrorCode::BadRequest).field("user_admin", message.into())
    })?;
    Ok(flag.map(|admin| if admin { Role::Administrator } else { Role::User }))
}

impl UpdateUserPage {
    /// The page with the values of the account, or those of a form that failed.
    fn new(info: &RequestInfo, user: User, echo: Option<&Echo>) -> Self {
        let auth = info.crossauth.auth();
        let mut values = user.extra.clone();
        values.insert("email".into(), user.email.clone().into());
        let entered = echo.map(Echo::user_fields).unwrap_or_default();
        let mut described = described(info);
        // The address, and fields that the application has besides those of its form.
        for name in ["email"].into_iter().chain(user.extra.keys().map(String::as_str)) {
            let is_plain = values.get(name).is_none_or(|it| !it.is_object() && !it.is_array());
            if is_plain
                && is_editable(info, name)
                && !described.iter().any(|field| field.name == name)
            {
                described.push(SignupField::new(name));
            }
        }
        let value = |name: &str| entered.get(name).or_else(|| values.get(name));
        described.retain(|field| !own::protects_field(info, &user, &field.name));
        let fields = described.iter().map(|field| Field::new(field, value(&field.name)));
        let shown = described.iter().map(|field| &*field.name).chain(["username", "admin"]);
        let from_directory = shown.filter(|name| auth.is_from_directory(&user, name));
        let entered_text = |name: &str| echo.and_then(|echo| echo.owned(name));
        let factor2 = user.factor2.as_ref().map_or(FactorName::NONE, FactorName::as_str);
        let admin = role(&mut entered.clone()).ok().flatten();
        let admin = admin.map_or(user.admin, |role| role == Role::Administrator);
        let mut states = auth.accounts.selectable_states(&user);
        states.retain(|state| !own::protects_state(info, &user, state));
        let has_choice = auth.factors.any() && !own::is_protected(info, &user);
        Self {
            url_prefix: url_prefix(info),
            username: entered_text("username").unwrap_or_else(|| user.username.clone()),
            admin,
            state: entered_text("state").unwrap_or_else(|| user.state.as_str().to_owned()),
            states,
            fields: fields.collect(),
            from_directory: from_directory.map(str::to_owned).collect(),
            allowed_factor2: if has_choice { auth.factors.offered() } else { Vec::new() },
            factor2: entered_text("user_factor2").unwrap_or_else(|| factor2.to_owned()),
            own_pages: own::pages(info, &user),
            enable_oauth_client_management: false,
            user: AdminUser(user),
            message: None,
        }
    }
}

impl Page for UpdateUserPage {
    const TEMPLATE: Template = template!("admin/updateuser.html");
    const AUDIENCE: Audience = Audience::LoggedIn;

    fn sample() -> Self {
        Self {
            url_prefix: "/auth/admin/".into(),
            user: AdminUser(sample_user()),
            username: "ada".into(),
            admin: true,
            state: "active".into(),
            states: UserState::Active.selectable(),
            fields: vec![Field::new(&SignupField::new("email"), Some(&"ada@example.com".into()))],
            allowed_factor2: Offered::samples(),
            factor2: "totp".into(),
            from_directory: vec!["email".into(), "username".into()],
            own_pages: Vec::new(),
            enable_oauth_client_management: false,
            message: None,
        }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    let change = super::about_user(
        "POST admin/api/updateuser/{id}",
        "Changes an account; absent fields stay",
    );
    vec![
        change
            .takes::<ChangeUserForm>()
            .field("user_email", "The e-mail address. So are other fields of users")
            .field("user_admin", "Whether the user is an administrator: `true` or `false`")
            .field("user_factor2", "The second factor that must be set up, or `none`")
            .returns::<Body>()
            .fails([
                ErrorCode::FormEntry,
                ErrorCode::UserExists,
                ErrorCode::InvalidEmail,
                ErrorCode::InvalidPhoneNumber,
                ErrorCode::InvalidUsername,
                ErrorCode::Forbidden,
            ]),
    ]
}
