//! `createuser`, `api/createuser`: a new account.

use axum::extract::Request;
use axum::response::Response;
use crossauth_core::account::{AccountError, NewAccount, ResetMail, Role};
use crossauth_core::directory::EntryRef;
use crossauth_core::error::ErrorCode;
use crossauth_core::factor::Offered;
use crossauth_core::secret::Password;
use crossauth_core::user::FactorName;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::field::{described, is_editable};
use super::update_user::role;
use super::{Done, done, url_prefix};
use crate::failure::Failure;
use crate::form::{Echo, Form, Submitted};
use crate::next::{self, NextPath};
use crate::page::{Audience, Page, Template, template};
use crate::request::{RequestInfo, Surface};
use crate::response;
use crate::routes::HandlerResult;
use crate::routes::signup::{Field, deserialize_present};
use crate::signup_field::{self, SignupField};
use crate::visible_user::AdminUser;

/// The fields of the form, except those that begin with `user_`.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CreateUserForm {
    username: String,
    /// Absent or empty for an account whose user chooses the password by a link.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    #[serde(default, deserialize_with = "deserialize_present")]
    password: Option<Password>,
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    #[serde(default, deserialize_with = "deserialize_present")]
    repeat_password: Option<Password>,
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    factor1: Option<FactorName>,
    /// Absent for the default; `none` or empty for none.
    factor2: Option<String>,
    #[serde(default, deserialize_with = "next::deserialize_lenient")]
    next: Option<NextPath>,
}

impl Form for CreateUserForm {
    const SECRET: &'static [&'static str] = &["password", "repeat_password"];
}

/// Variables of `admin/createuser.html`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateUserPage {
    url_prefix: String,
    next: Option<NextPath>,
    username: Option<String>,
    /// Present if the account is that of an entry of the directory: its first factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    factor1: Option<FactorName>,
    /// What accounts of the directory have as first factor; absent if there is no directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    directory_factor: Option<FactorName>,
    admin: bool,
    fields: Vec<Field>,
    allowed_factor2: Vec<Offered>,
    factor2: String,
    password_hint: String,
    /// Whether the user can choose the password by a link.
    password_reset_enabled: bool,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct Body {
    user: AdminUser,
    /// Whether a link to choose a password is sent.
    password_reset_sent: bool,
}

/// `GET createuser`
pub(crate) fn show(info: &RequestInfo) -> Response {
    let next = next::in_query(&info.uri);
    let factor1 = info.query("factor1");
    let page = CreateUserPage::new(info, &Map::new(), factor1.as_deref());
    response::page(info, &CreateUserPage { next, ..page })
}

/// `POST createuser`, `POST api/createuser`
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let Submitted { form, echo } = Submitted::<CreateUserForm>::read(&info, request).await;
    let result = match form {
        Ok(form) => create(&info, form, &echo).await,
        Err(failure) => Err(failure),
    };
    result.map_err(|failure| failure.on_page(&info, || CreateUserPage::with_echo(&info, &echo)))
}

async fn create(info: &RequestInfo, form: CreateUserForm, echo: &Echo) -> HandlerResult {
    match &form.factor1 {
        Some(factor) if info.crossauth.auth().is_of_directory(factor) => {
            return create_for_entry(info, form, echo).await;
        }
        Some(factor) if !factor.is_password() => {
            return Err(Failure::new(ErrorCode::BadRequest)
                .message("factor1 must be localpassword, that of a directory, or left out"));
        }
        Some(_) | None => {}
    }
    let mut fields = echo.user_fields();
    let role = role(&mut fields)?.unwrap_or(Role::User);
    fields.retain(|name, _| is_editable(info, name));
    let errors = signup_field::check(&described(info), &mut fields);
    if !errors.is_empty() {
        return Err(AccountError::Form(errors).into());
    }
    let new = NewAccount {
        password: form.password.filter(|password| !password.expose().is_empty()),
        repeat: form.repeat_password,
        fields,
        role,
        factor2: chosen_factor(info, form.factor2)?,
        submission: echo.submission(info),
        ..NewAccount::named(form.username)
    };
    let (user, mail) = info.crossauth.auth().accounts.create_account(new).await?;
    tracing::info!(user = %user.id, "account created by an administrator");
    let password_reset_sent = mail == ResetMail::Sent;
    Ok(match info.surface {
        Surface::Page => {
            let what = if password_reset_sent { Done::Invited } else { Done::Created };
            done(info, &user.id, what, form.next.as_ref())
        }
        Surface::Api => {
            response::json_ok(info, Body { user: AdminUser(user), password_reset_sent })
        }
    })
}

/// Creates the account of the entry of the directory that has the username. What else the form has
/// comes from the entry.
async fn create_for_entry(info: &RequestInfo, form: CreateUserForm, echo: &Echo) -> HandlerResult {
    let has_password = form.password.is_some_and(|password| !password.expose().is_empty());
    if has_password || !echo.user_fields().is_empty() {
        return Err(Failure::new(ErrorCode::BadRequest).message(
            "The password, the role and the fields of an account of the directory come from there: \
             leave them out",
        ));
    }
    if form.factor2.as_deref().and_then(FactorName::optional).is_some() {
        return Err(Failure::new(ErrorCode::BadRequest).message(
            "The user of an account of the directory sets up a second factor after the first login: \
             leave it out",
        ));
    }
    let Some(directory) = &info.crossauth.auth().directory else {
        return Err(Failure::new(ErrorCode::Configuration));
    };
    let user = directory.create(EntryRef::named(form.username.trim())).await?;
    Ok(match info.surface {
        Surface::Page => done(info, &user.id, Done::Created, form.next.as_ref()),
        Surface::Api => {
            let body = Body { user: AdminUser(user), password_reset_sent: false };
            response::json_ok(info, body)
        }
    })
}

/// The factor that a form names; without one, none where that is allowed, else the first.
fn chosen_factor(info: &RequestInfo, named: Option<String>) -> Result<Option<FactorName>, Failure> {
    let factors = &info.crossauth.auth().factors;
    let offered = factors.offered();
    let named = named.map(|name| FactorName::optional(&name));
    let factor = match named {
        Some(factor) => factor,
        None if factors.allows_none() => None,
        None => offered.first().and_then(|first| FactorName::optional(&first.name)),
    };
    let is_allowed = match &factor {
        Some(factor) => offered.iter().any(|one| one.name == factor.as_str()),
        None => factors.allows_none() || !factors.any(),
    };
    if is_allowed { Ok(factor) } else { Err(AccountError::FactorUnavailable.into()) }
}

impl CreateUserPage {
    fn with_echo(info: &RequestInfo, echo: &Echo) -> Self {
        let mut fields = echo.user_fields();
        let admin = matches!(role(&mut fields), Ok(Some(Role::Administrator)));
        let factor2 = echo.owned("factor2").unwrap_or_default();
        let (next, username) = (echo.next(), echo.owned("username"));
        let page = Self::new(info, &fields, echo.owned("factor1").as_deref());
        Self { next, username, admin, factor2, ..page }
    }

    /// The page for an account with a first factor, if it is that of the directory.
    fn new(info: &RequestInfo, entered: &Map<String, Value>, factor1: Option<&str>) -> Self {
        let auth = info.crossauth.auth();
        let directory_factor = auth.directory_factor().cloned();
        let fields = described(info);
        let fields = fields.iter().map(|field| Field::new(field, entered.get(&field.name)));
        Self {
            url_prefix: url_prefix(info),
            next: None,
            username: None,
            factor1: directory_factor.clone().filter(|factor| factor1 == Some(factor.as_str())),
            directory_factor,
            admin: false,
            fields: fields.collect(),
            allowed_factor2: if auth.factors.any() { auth.factors.offered() } else { Vec::new() },
            factor2: String::new(),
            password_hint: auth.accounts.password_policy().describe(),
            password_reset_enabled: auth.password_reset.is_enabled(),
        }
    }
}

impl Page for CreateUserPage {
    const TEMPLATE: Template = template!("admin/createuser.html");
    const AUDIENCE: Audience = Audience::LoggedIn;

    fn sample() -> Self {
        let email = SignupField::new("email");
        Self {
            url_prefix: "/auth/admin/".into(),
            next: NextPath::parse("/after?a=b&c=d").ok(),
            username: Some("ada".into()),
            factor1: Some(FactorName::LDAP),
            directory_factor: Some(FactorName::LDAP),
            admin: true,
            fields: vec![Field::new(&email, Some(&"ada@example.com".into()))],
            allowed_factor2: Offered::samples(),
            factor2: "totp".into(),
            password_hint: "At least 8 characters.".into(),
            password_reset_enabled: true,
        }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crate::openapi::Operation;
    let create = Operation::new("POST admin/api/createuser", "Creates an account");
    vec![
        create
            .takes::<CreateUserForm>()
            .field("user_email", "The e-mail address. So are other fields of users")
            .field("user_admin", "Whether the user is an administrator: `true` or `false`")
            .returns::<Body>()
            .fails([
                ErrorCode::FormEntry,
                ErrorCode::UserExists,
                ErrorCode::InvalidEmail,
                ErrorCode::InvalidPhoneNumber,
                ErrorCode::InvalidUsername,
                ErrorCode::PasswordFormat,
                ErrorCode::PasswordMatch,
                ErrorCode::Forbidden,
            ]),
    ]
}
