//! `login`, `api/login`: username and password.

use axum::response::Response;
use crossauth_core::error::ErrorCode;
use crossauth_core::login::{LoginAttempt, LoginOutcome};
use crossauth_core::secret::Password;
use crossauth_core::session::{NewSession, Persistence};
use crossauth_core::signup::Door;
use http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::answer;
use crate::body::deserialize_flag;
use crate::context::Context;
use crate::extract::Submitted;
use crate::failure::Failure;
use crate::next::{self, NextPath};
use crate::page::{Audience, Page, Template, template};
use crate::session_change::SessionChange;

/// What the form sends.
#[derive(Deserialize)]
pub(crate) struct Form {
    username: String,
    password: Password,
    #[serde(default, deserialize_with = "next::lenient")]
    next: Option<NextPath>,
    #[serde(default, deserialize_with = "deserialize_flag")]
    persist: Option<bool>,
}

/// Variables of `login.html`.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoginPage {
    next: Option<NextPath>,
    persist: &'static str,
    username: Option<String>,
    signup_enabled: bool,
}

/// Variables of `loggedin.html`, for a user who tries to log in as another.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoggedInPage {
    /// Where the user who is logged in can go on.
    pub(crate) next: Option<NextPath>,
    /// The login page, for after logging out.
    pub(crate) login_path: String,
}

impl Page for LoggedInPage {
    const TEMPLATE: Template = template!("loggedin.html");
    const AUDIENCE: Audience = Audience::LoggedIn;

    fn sample() -> Self {
        Self {
            next: NextPath::parse("/after?a=b&c=d").ok(),
            login_path: "/auth/login?next=%2Fafter".into(),
        }
    }
}

/// `GET login`
pub(crate) async fn show(context: Context, uri: Uri) -> Response {
    let next = next::in_query(&uri);
    if context.user().is_some() {
        return go_on(&context, next.as_ref());
    }
    let page = LoginPage { next, ..LoginPage::new(&context) };
    answer::page(&context, StatusCode::OK, &page)
}

/// `POST login`
pub(crate) async fn submit(Submitted { context, form, .. }: Submitted<Form>) -> Response {
    let form = match form {
        Ok(form) => form,
        Err(error) => {
            let (username, next) = (error.username, error.next);
            let page = LoginPage { next, username, ..LoginPage::new(&context) };
            return answer::form_again(&context, &page, &error.failure);
        }
    };
    if context.user().is_some() {
        return go_on(&context, form.next.as_ref());
    }
    // A box that is not ticked sends nothing: on the page silence means no.
    let persist = persistence(form.persist.unwrap_or(false));
    match attempt(&context, &form, Some(persist)).await {
        Ok(session) => {
            let session = SessionChange::Began(session.into());
            answer::with_session(go_on(&context, form.next.as_ref()), session)
        }
        Err(failure) => {
            let page = LoginPage {
                next: form.next,
                persist: if persist == Persistence::Persistent { "on" } else { "" },
                username: Some(form.username),
                ..LoginPage::new(&context)
            };
            answer::form_again(&context, &page, &failure)
        }
    }
}

/// `POST api/login`
pub(crate) async fn api(Submitted { context, form, .. }: Submitted<Form>) -> Response {
    let form = match form {
        Ok(form) => form,
        Err(error) => return answer::json_failure(&context, &error.failure),
    };
    if let Some(user) = context.user() {
        return answer::json(&context, StatusCode::OK, json!({ "ok": false, "user": **user }));
    }
    match attempt(&context, &form, form.persist.map(persistence)).await {
        Ok(session) => {
            let answer = answer::json_ok(&context, json!({ "user": session.user }));
            answer::with_session(answer, SessionChange::Began(session.into()))
        }
        Err(failure) => answer::json_failure(&context, &failure),
    }
}

async fn attempt(
    context: &Context,
    form: &Form,
    persist: Option<Persistence>,
) -> Result<Box<NewSession>, Failure> {
    let attempt = LoginAttempt {
        username: &form.username,
        password: form.password.clone(),
        persist,
        replaces: context.session_id(),
    };
    match context.crossauth.auth().login.attempt(attempt).await? {
        LoginOutcome::LoggedIn(session) => Ok(session),
        LoginOutcome::WrongCredentials => Err(Failure::new(ErrorCode::UsernameOrPasswordInvalid)
            .message("Invalid username or password")),
        LoginOutcome::Refused(refusal) => Err(refusal.into()),
    }
}

pub(super) fn persistence(wanted: bool) -> Persistence {
    if wanted { Persistence::Persistent } else { Persistence::UntilBrowserCloses }
}

/// Where a login leads.
pub(super) fn go_on(context: &Context, next: Option<&NextPath>) -> Response {
    let default = &context.crossauth.config().login_redirect;
    answer::redirect(context, next.map_or(default, NextPath::as_str))
}

impl Page for LoginPage {
    const TEMPLATE: Template = template!("login.html");
    const AUDIENCE: Audience = Audience::Anonymous;

    fn sample() -> Self {
        Self {
            next: NextPath::parse("/after?a=b&c=d").ok(),
            persist: "on",
            username: Some("ada".into()),
            signup_enabled: true,
        }
    }
}

impl LoginPage {
    fn new(context: &Context) -> Self {
        let signup = context.crossauth.auth().signup.config();
        Self { signup_enabled: signup.open == Door::Open, ..Self::default() }
    }
}
