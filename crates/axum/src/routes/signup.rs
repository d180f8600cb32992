//! `signup`, `api/signup`: an account for whoever asks.

use axum::response::Response;
use crossauth_core::account::AccountForm;
use crossauth_core::error::ErrorCode;
use crossauth_core::password;
use crossauth_core::secret::Password;
use crossauth_core::session::{NewSession, Persistence};
use crossauth_core::signup::SignupRequest;
use http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::login::{go_on, persistence};
use crate::answer;
use crate::body::deserialize_flag;
use crate::context::Context;
use crate::extract::Submitted;
use crate::failure::Failure;
use crate::next::{self, NextPath};
use crate::page::{Audience, Page, Template, template};
use crate::session_change::SessionChange;

/// What the form sends, but for the fields that begin with `user_`.
#[derive(Deserialize)]
pub(crate) struct Form {
    username: String,
    password: Password,
    repeat_password: Option<Password>,
    factor1: Option<String>,
    factor2: Option<String>,
    #[serde(default, deserialize_with = "next::lenient")]
    next: Option<NextPath>,
    #[serde(default, deserialize_with = "deserialize_flag")]
    persist: Option<bool>,
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

/// A field that users may set about themselves.
#[derive(Serialize)]
struct Field {
    name: String,
    label: String,
    r#type: &'static str,
    required: bool,
    choices: Vec<Choice>,
    autocomplete: &'static str,
    hint: &'static str,
    value: Value,
}

/// A value of a field of type `select`.
#[derive(Serialize)]
struct Choice {
    value: String,
    label: String,
}

/// `GET signup`
pub(crate) async fn show(context: Context, uri: Uri) -> Response {
    let next = next::in_query(&uri);
    if context.user().is_some() {
        return go_on(&context, next.as_ref());
    }
    let page = SignupPage { next, ..SignupPage::new(&context, &Map::new()) };
    answer::page(&context, StatusCode::OK, &page)
}

/// `POST signup`
pub(crate) async fn submit(submitted: Submitted<Form>) -> Response {
    let Submitted { context, form, user_fields } = submitted;
    let page = SignupPage::new(&context, &user_fields);
    let form = match form {
        Ok(form) => form,
        Err(error) => {
            let page = SignupPage { username: error.username, next: error.next, ..page };
            return answer::form_again(&context, &page, &error.failure);
        }
    };
    let persist = persistence(form.persist.unwrap_or(false));
    match sign_up(&context, &form, user_fields, Some(persist)).await {
        Ok(session) => {
            let answer = go_on(&context, form.next.as_ref());
            answer::with_session(answer, SessionChange::Began(session.into()))
        }
        Err(failure) => {
            let page = SignupPage {
                next: form.next,
                persist: if persist == Persistence::Persistent { "on" } else { "" },
                username: Some(form.username),
                ..page
            };
            answer::form_again(&context, &page, &failure)
        }
    }
}

/// `POST api/signup`
pub(crate) async fn api(submitted: Submitted<Form>) -> Response {
    let Submitted { context, form, user_fields } = submitted;
    let signed_up = match form {
        Ok(form) => sign_up(&context, &form, user_fields, form.persist.map(persistence)).await,
        Err(error) => Err(error.failure),
    };
    match signed_up {
        Ok(session) => {
            let members = json!({ "user": session.user, "emailVerificationNeeded": false });
            let answer = answer::json_ok(&context, members);
            answer::with_session(answer, SessionChange::Began(session.into()))
        }
        Err(failure) => answer::json_failure(&context, &failure),
    }
}

async fn sign_up(
    context: &Context,
    form: &Form,
    fields: Map<String, Value>,
    persist: Option<Persistence>,
) -> Result<NewSession, Failure> {
    if form.factor1.as_deref().is_some_and(|factor| factor != password::FACTOR_NAME) {
        let failure = Failure::new(ErrorCode::BadRequest);
        return Err(failure.message("factor1 must be localpassword or left out"));
    }
    if form.factor2.as_deref().is_some_and(|factor| !matches!(factor, "" | "none")) {
        return Err(Failure::new(ErrorCode::Forbidden).message("This second factor is not allowed"));
    }
    let request = SignupRequest {
        form: AccountForm {
            username: form.username.clone(),
            password: form.password.clone(),
            repeat: form.repeat_password.clone(),
            fields,
        },
        persist,
        replaces: context.session_id(),
    };
    Ok(context.crossauth.auth().signup.sign_up(request).await?)
}

impl Page for SignupPage {
    const TEMPLATE: Template = template!("signup.html");
    const AUDIENCE: Audience = Audience::Anonymous;

    fn sample() -> Self {
        Self {
            next: NextPath::parse("/after?a=b&c=d").ok(),
            persist: "on",
            username: Some("ada".into()),
            fields: vec![
                Field::new("email", Some(&"ada@example.com".into())),
                Field {
                    r#type: "select",
                    required: true,
                    choices: vec![Choice { value: "north".into(), label: "North".into() }],
                    hint: "Where you work.",
                    ..Field::new("region", Some(&"north".into()))
                },
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
    fn new(context: &Context, entered: &Map<String, Value>) -> Self {
        let editable = &context.crossauth.auth().signup.config().editable_fields;
        let fields = editable.iter().map(|name| Field::new(name, entered.get(name))).collect();
        let password_hint = context.crossauth.auth().accounts.password_policy().describe();
        Self { fields, password_hint, ..Self::default() }
    }
}

impl Field {
    fn new(name: &str, entered: Option<&Value>) -> Self {
        let (label, r#type, autocomplete) = match name {
            "email" => ("Email".to_owned(), "email", "email"),
            "phone" => ("Phone".to_owned(), "tel", "tel"),
            _ => (label(name), "text", "on"),
        };
        let value = entered.cloned().unwrap_or_default();
        Self {
            name: name.to_owned(),
            label,
            r#type,
            required: false,
            choices: Vec::new(),
            autocomplete,
            hint: "",
            value,
        }
    }
}

/// `favourite_colour` as a person would write it.
pub(super) fn label(name: &str) -> String {
    let mut letters = name.replace('_', " ").chars().collect::<Vec<_>>();
    if let Some(first) = letters.first_mut() {
        first.make_ascii_uppercase();
    }
    letters.into_iter().collect()
}
