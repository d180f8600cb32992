//! `signup`, `api/signup`: creates an account.

use axum::extract::Request;
use axum::response::Response;
use crossauth_core::account::{AccountError, AccountForm};
use crossauth_core::error::ErrorCode;
use crossauth_core::form::FieldError;
use crossauth_core::secret::Password;
use crossauth_core::signup::{SignupOutcome, SignupRequest};
use crossauth_core::user::FactorName;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::HandlerResult;
use super::login::{self, logged_in, persistence, redirect_after_login};
use crate::body::deserialize_flag;
use crate::failure::Failure;
use crate::form::{Echo, Form, Submitted};
use crate::next::{self, NextPath};
use crate::page::{Audience, Page, Template, template};
use crate::request::RequestInfo;
use crate::response;
use crate::signup_field::{self, SignupField};
use crate::visible_user::VisibleUser;

/// The fields of the form, except those that begin with `user_`.
#[derive(Deserialize)]
pub(crate) struct SignupForm {
    username: String,
    password: Password,
    #[serde(default, deserialize_with = "deserialize_present")]
    repeat_password: Option<Password>,
    factor1: Option<FactorName>,
    factor2: Option<String>,
    #[serde(default, deserialize_with = "next::deserialize_lenient")]
    next: Option<NextPath>,
    #[serde(default, deserialize_with = "deserialize_flag")]
    persist: Option<bool>,
}

impl Form for SignupForm {
    const SECRET: &'static [&'static str] = &["password", "repeat_password"];
}

/// Variables of `signup.html`.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignupPage {
    next: Option<NextPath>,
    persist: &'static str,
    username: Option<String>,
    fields: Vec<Field>,
    allowed_factor2: Vec<FactorChoice>,
    factor2: &'static str,
    password_hint: String,
}

/// A second factor to choose from.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FactorChoice {
    name: &'static str,
    friendly_name: &'static str,
    has_secrets: bool,
}

/// An account field that users may set.
#[derive(Serialize)]
struct Field {
    name: String,
    label: String,
    r#type: &'static str,
    required: bool,
    choices: Vec<Choice>,
    autocomplete: String,
    hint: String,
    value: Value,
}

/// A value of a field of type `select`.
#[derive(Serialize)]
struct Choice {
    value: String,
    label: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    user: Option<VisibleUser<'a>>,
    email_verification_needed: bool,
}

/// `GET signup`
pub(crate) fn show(info: &RequestInfo) -> Response {
    let next = next::in_query(&info.uri);
    if info.user().is_some() {
        return redirect_after_login(info, next.as_ref());
    }
    response::page(info, &SignupPage { next, ..SignupPage::new(info, &Map::new()) })
}

/// `POST signup`, `POST api/signup`
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let Submitted { form, echo } = Submitted::<SignupForm>::read(&info, request).await;
    let result = match form {
        Ok(form) => sign_up(&info, form, &echo).await,
        Err(failure) => login::resend(&info, failure, &echo),
    };
    result.map_err(|failure| failure.on_page(&info, || SignupPage::with_echo(&info, &echo)))
}

async fn sign_up(info: &RequestInfo, form: SignupForm, echo: &Echo) -> HandlerResult {
    check_factors(&form)?;
    let persist = persistence(info, form.persist);
    let mut fields = echo.user_fields();
    let mut errors = signup_field::check(&info.crossauth.config().signup_fields, &mut fields);
    let account = AccountForm {
        username: form.username.clone(),
        password: form.password.clone(),
        repeat: form.repeat_password,
        fields,
    };
    if !errors.is_empty() {
        errors.extend(other_errors(info, &account));
        return Err(AccountError::Form(errors).into());
    }
    let replaces = info.replaced_session();
    // Pages and endpoints for second factors are not there yet.
    let request = SignupRequest { form: account, factor2: Some(""), persist, replaces };
    let session = match info.crossauth.auth().signup.sign_up(request).await? {
        SignupOutcome::LoggedIn(session) => session,
        SignupOutcome::SetUpFactor(_)
        | SignupOutcome::Existing(_)
        | SignupOutcome::TooMany { .. } => {
            return Err(AccountError::FactorUnavailable.into());
        }
    };
    Ok(logged_in(info, *session, form.next.as_ref(), |user| {
        response::json_ok(info, Body { user, email_verification_needed: false })
    }))
}

/// Other errors of a form, so that all are reported at once.
fn other_errors(info: &RequestInfo, form: &AccountForm) -> Vec<FieldError> {
    let auth = info.crossauth.auth();
    match auth.accounts.check(form, &auth.signup.config().reserved_names) {
        Err(AccountError::Form(errors)) => errors,
        Ok(_) | Err(_) => Vec::new(),
    }
}

/// Deserializes a field that is present even if it is empty.
fn deserialize_present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Password>, D::Error> {
    Password::deserialize(deserializer).map(Some)
}

fn check_factors(form: &SignupForm) -> Result<(), Failure> {
    if form.factor1.as_ref().is_some_and(|factor| !factor.is_password()) {
        let failure = Failure::new(ErrorCode::BadRequest);
        return Err(failure.message("factor1 must be localpassword or left out"));
    }
    if form.factor2.as_deref().and_then(FactorName::optional).is_some() {
        return Err(Failure::new(ErrorCode::Forbidden).message("This second factor is not allowed"));
    }
    Ok(())
}

impl Page for SignupPage {
    const TEMPLATE: Template = template!("signup.html");
    const AUDIENCE: Audience = Audience::Anyone;
    const REDIRECTS_TO_APPLICATION: bool = true;

    fn sample() -> Self {
        Self {
            next: NextPath::parse("/after?a=b&c=d").ok(),
            persist: "on",
            username: Some("ada".into()),
            fields: vec![
                Field::new(&SignupField::new("email"), Some(&"ada@example.com".into())),
                Field::new(
                    &SignupField::new("region")
                        .required()
                        .choices([("north", "North")])
                        .hint("Where you work."),
                    Some(&"north".into()),
                ),
            ],
            allowed_factor2: vec![
                FactorChoice { name: "none", friendly_name: "None", has_secrets: false },
                FactorChoice {
                    name: "totp",
                    friendly_name: "Authenticator app",
                    has_secrets: true,
                },
            ],
            factor2: "totp",
            password_hint: "At least 8 characters.".into(),
        }
    }
}

impl SignupPage {
    fn with_echo(info: &RequestInfo, echo: &Echo) -> Self {
        let (next, username) = (echo.next(), echo.owned("username"));
        Self { next, username, persist: echo.persist(), ..Self::new(info, &echo.user_fields()) }
    }

    fn new(info: &RequestInfo, entered: &Map<String, Value>) -> Self {
        let fields = &info.crossauth.config().signup_fields;
        let fields = fields.iter().map(|field| Field::new(field, entered.get(&field.name)));
        let fields = fields.collect();
        let password_hint = info.crossauth.auth().accounts.password_policy().describe();
        Self { fields, password_hint, ..Self::default() }
    }
}

impl Field {
    fn new(field: &SignupField, entered: Option<&Value>) -> Self {
        let choice = |(value, label): &(String, String)| Choice {
            value: value.clone(),
            label: label.clone(),
        };
        Self {
            name: field.name.clone(),
            label: field.label.clone(),
            r#type: if field.choices.is_empty() { field.kind.control() } else { "select" },
            required: field.required,
            choices: field.choices.iter().map(choice).collect(),
            autocomplete: match &field.autocomplete {
                Some(token) => token.clone(),
                None => field.kind.autocomplete().to_owned(),
            },
            hint: field.hint.clone(),
            value: entered.cloned().unwrap_or_default(),
        }
    }
}
