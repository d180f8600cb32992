//! `setup`: the one-time link behind which the first administrator is made.
//!
//! Looking at the page uses nothing up, so mail scanners and previews do no harm; sending the
//! form does.

use axum::response::Response;
use crossauth_core::account::AccountForm;
use crossauth_core::secret::Password;
use crossauth_core::setup::SetupError;
use http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::login::{go_on, persistence};
use crate::answer::{self, Surface};
use crate::body::deserialize_flag;
use crate::context::Context;
use crate::extract::Submitted;
use crate::page::{Page, Template, template};
use crate::session_change::SessionChange;

/// What the form sends, but for `user_email`.
#[derive(Deserialize)]
pub(crate) struct Form {
    token: String,
    username: String,
    password: Password,
    repeat_password: Password,
    #[serde(default, deserialize_with = "deserialize_flag")]
    persist: Option<bool>,
}

/// Variables of `setup.html`.
#[derive(Serialize)]
pub(crate) struct SetupPage {
    token: String,
    persist: &'static str,
    username: Option<String>,
    user_email: Option<Value>,
    #[serde(rename = "passwordHint")]
    password_hint: String,
}

/// `GET setup`
pub(crate) async fn show(context: Context, uri: Uri) -> Response {
    let query = uri.query().unwrap_or_default();
    let token = url::form_urlencoded::parse(query.as_bytes())
        .find_map(|(name, value)| (name == "token").then(|| value.into_owned()))
        .unwrap_or_default();
    let failure = match context.crossauth.auth().setup.is_valid(&token).await {
        Ok(true) => {
            let password_hint = context.crossauth.auth().accounts.password_policy().describe();
            let page =
                SetupPage { token, persist: "", username: None, user_email: None, password_hint };
            return answer::page(&context, StatusCode::OK, &page);
        }
        Ok(false) => SetupError::InvalidLink.into(),
        Err(error) => error.into(),
    };
    answer::failure(&context, Surface::Page, &failure)
}

/// `POST setup`
pub(crate) async fn submit(submitted: Submitted<Form>) -> Response {
    let Submitted { context, form, mut user_fields } = submitted;
    let form = match form {
        Ok(form) => form,
        Err(error) => return answer::failure(&context, Surface::Page, &error.failure),
    };
    user_fields.retain(|name, _| name == "email");
    let account = AccountForm {
        username: form.username.clone(),
        password: form.password,
        repeat: Some(form.repeat_password),
        fields: user_fields.clone(),
    };
    let setup = &context.crossauth.auth().setup;
    let wanted = form.persist.unwrap_or(false);
    let persist = Some(persistence(wanted));
    match setup.create_admin(&form.token, account, persist, context.session_id()).await {
        Ok(session) => {
            let change = SessionChange::Began(session.into());
            answer::with_session(go_on(&context, None), change)
        }
        Err(error @ SetupError::InvalidLink) => {
            answer::failure(&context, Surface::Page, &error.into())
        }
        Err(error @ SetupError::Account(_)) => {
            let page = SetupPage {
                token: form.token,
                persist: if wanted { "on" } else { "" },
                username: Some(form.username),
                user_email: first(user_fields),
                password_hint: context.crossauth.auth().accounts.password_policy().describe(),
            };
            answer::form_again(&context, &page, &error.into())
        }
    }
}

impl Page for SetupPage {
    const TEMPLATE: Template = template!("setup.html");

    fn sample() -> Self {
        Self {
            token: "setup-token".into(),
            persist: "on",
            username: Some("ada".into()),
            user_email: Some("ada@example.com".into()),
            password_hint: "At least 8 characters.".into(),
        }
    }
}

fn first(fields: Map<String, Value>) -> Option<Value> {
    fields.into_iter().next().map(|(_, value)| value)
}
