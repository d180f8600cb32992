//! `signup`, `api/signup`: creates an account.

use axum::extract::Request;
use axum::response::Response;
use crossauth_core::account::{AccountError, AccountForm};
use crossauth_core::enrolment::SignupFactor;
use crossauth_core::error::ErrorCode;
use crossauth_core::factor::Offered;
use crossauth_core::form::FieldError;
use crossauth_core::secret::Password;
use crossauth_core::signup::{SignupOutcome, SignupRequest};
use crossauth_core::user::FactorName;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::HandlerResult;
use super::configure_factor2::ConfigureFactor2Page;
use super::login::{self, Destination, admitted, logged_in, persistence, redirect_after_login};
use crate::body::deserialize_tick;
use crate::failure::Failure;
use crate::form::{Echo, Form, Submitted};
use crate::next::{self, NextPath};
use crate::page::{Audience, Page, Template, template};
use crate::request::{RequestInfo, Surface};
use crate::response;
use crate::session_change::SessionChange;
use crate::signup_field::{self, SignupField};
use crate::visible_user::VisibleUser;

/// As upstream says it.
const CHECK_EMAIL: &str = "Please check your email to finish signing up.";

/// The fields of the form, except those that begin with `user_`.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SignupForm {
    username: String,
    #[cfg_attr(test, schemars(with = "String"))]
    password: Password,
    #[serde(default, deserialize_with = "deserialize_present")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    repeat_password: Option<Password>,
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    factor1: Option<FactorName>,
    /// The second factor; absent for the default.
    #[serde(default, deserialize_with = "deserialize_choice")]
    factor2: Option<String>,
    #[serde(default, deserialize_with = "next::deserialize_lenient")]
    next: Option<NextPath>,
    #[serde(default, deserialize_with = "deserialize_tick")]
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
    allowed_factor2: Vec<Offered>,
    factor2: String,
    password_hint: String,
    /// Set after a sign-up that waits for the verification of the address.
    message: Option<&'static str>,
}

/// An account field that users may set.
#[derive(Serialize)]
pub(super) struct Field {
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

#[derive(Serialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    user: Option<VisibleUser<'a>>,
    email_verification_needed: bool,
    /// What a second factor shows that is being set up.
    #[serde(flatten)]
    #[cfg_attr(test, schemars(with = "crate::openapi::FactorShown"))]
    shown: Map<String, Value>,
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
    check_first_factor(info, &form)?;
    let persist = persistence(info, form.persist);
    let mut fields = echo.user_fields();
    let mut errors = signup_field::check(&info.crossauth.config().signup_fields, &mut fields);
    let account = AccountForm {
        username: form.username.clone(),
        password: form.password.clone(),
        repeat: form.repeat_password,
        fields,
        submission: echo.submission(info),
    };
    if !errors.is_empty() {
        errors.extend(other_errors(info, &account));
        return Err(AccountError::Form(errors).into());
    }
    let (replaces, visitor) = (info.replaced_session(), info.visitor.to_core());
    let factor2 = form.factor2.as_deref();
    let request = SignupRequest { form: account, factor2, persist, replaces, visitor };
    match info.crossauth.auth().signup.sign_up(request).await? {
        SignupOutcome::VerifyEmail => Ok(verification_pending(info, form.next, echo)),
        SignupOutcome::LoggedIn(session) => {
            Ok(logged_in(info, *session, form.next.as_ref(), |user| {
                response::json_ok(info, Body { user, ..Body::default() })
            }))
        }
        SignupOutcome::SetUpFactor(waiting) => Ok(set_up_factor(info, *waiting, form.next)),
        SignupOutcome::Existing(outcome) => {
            let destination = Destination { next: form.next, persist: echo.persist() };
            admitted(info, outcome, &destination, |user| {
                response::json_ok(info, Body { user, ..Body::default() })
            })
        }
        SignupOutcome::TooMany { retry_at } => {
            Err(Failure::too_many(retry_at, info.crossauth.now()))
        }
    }
}

/// The response to a sign-up that waits for its second factor.
fn set_up_factor(info: &RequestInfo, waiting: SignupFactor, next: Option<NextPath>) -> Response {
    let SignupFactor { session, factor, shown, email_verification_needed, .. } = waiting;
    let page = ConfigureFactor2Page::new(info, &factor, shown, next);
    match info.surface {
        Surface::Page => response::page_in(info, &page, *session),
        Surface::Api => {
            let shown = page.into_shown();
            let body = Body { email_verification_needed, shown, ..Body::default() };
            response::with_session(response::json_ok(info, body), SessionChange::begin(*session))
        }
    }
}

/// The answer for an account whose address must be verified: the same if there is one already.
fn verification_pending(info: &RequestInfo, next: Option<NextPath>, echo: &Echo) -> Response {
    match info.surface {
        Surface::Page => {
            let message = Some(CHECK_EMAIL);
            let page = SignupPage { next, message, ..SignupPage::with_echo(info, echo) };
            response::page(info, &page)
        }
        Surface::Api => {
            let body = Body { email_verification_needed: true, ..Body::default() };
            response::json_ok(info, body)
        }
    }
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
pub(super) fn deserialize_present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Password>, D::Error> {
    Password::deserialize(deserializer).map(Some)
}

/// Deserializes a choice: null and empty text choose nothing, which is not the default.
fn deserialize_choice<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    Ok(Some(Option::deserialize(deserializer)?.unwrap_or_default()))
}

fn check_first_factor(info: &RequestInfo, form: &SignupForm) -> Result<(), Failure> {
    let failure = Failure::new(ErrorCode::BadRequest);
    match &form.factor1 {
        Some(factor) if info.crossauth.auth().is_of_directory(factor) => Err(failure.message(
            "Users of the directory do not sign up: they log in with their password of the directory",
        )),
        Some(factor) if !factor.is_password() => {
            Err(failure.message("factor1 must be localpassword or left out"))
        }
        Some(_) | None => Ok(()),
    }
}

/// The factors whose codes can be sent to a field of the form, and those that send none.
fn offered_factors(info: &RequestInfo) -> Vec<Offered> {
    let factors = &info.crossauth.auth().factors;
    let fields = &info.crossauth.config().signup_fields;
    let is_possible = |offered: &Offered| {
        let factor = factors.find(&FactorName::from(offered.name.as_str()));
        let field = factor.and_then(|factor| factor.describe().bound_field);
        field.is_none_or(|name| fields.iter().any(|field| field.name == name))
    };
    let offered = if factors.any() { factors.offered() } else { Vec::new() };
    offered.into_iter().filter(is_possible).collect()
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
            allowed_factor2: Offered::samples(),
            factor2: "totp".into(),
            password_hint: "At least 8 characters.".into(),
            message: Some(CHECK_EMAIL),
        }
    }
}

impl SignupPage {
    fn with_echo(info: &RequestInfo, echo: &Echo) -> Self {
        let (next, username) = (echo.next(), echo.owned("username"));
        let page = Self::new(info, &echo.user_fields());
        let factor2 = echo.owned("factor2").unwrap_or_default();
        Self { next, username, persist: echo.persist(), factor2, ..page }
    }

    fn new(info: &RequestInfo, entered: &Map<String, Value>) -> Self {
        let fields = &info.crossauth.config().signup_fields;
        let fields = fields.iter().map(|field| Field::new(field, entered.get(&field.name)));
        let fields = fields.collect();
        let password_hint = info.crossauth.auth().accounts.password_policy().describe();
        let allowed_factor2 = offered_factors(info);
        Self { fields, allowed_factor2, password_hint, ..Self::default() }
    }
}

impl Field {
    pub(super) fn new(field: &SignupField, entered: Option<&Value>) -> Self {
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

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crate::openapi::Operation;
    vec![
        Operation::new("POST api/signup", "Creates an account")
            .takes::<SignupForm>()
            .returns::<Body<'_>>()
            .returns::<super::second_factor::Needed<'_>>()
            .fails([
                ErrorCode::FormEntry,
                ErrorCode::InvalidEmail,
                ErrorCode::UserExists,
                ErrorCode::PasswordMatch,
                ErrorCode::PasswordFormat,
                ErrorCode::Forbidden,
                ErrorCode::UsernameOrPasswordInvalid,
                ErrorCode::InvalidPhoneNumber,
            ])
            .refused()
            .limited(),
    ]
}
