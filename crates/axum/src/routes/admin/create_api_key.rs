//! `createapikey/{id}`, `api/createapikey/{id}`: creates an API key for a user.

use std::time::Duration;

use axum::extract::Request;
use crossauth_core::account::AccountError;
use crossauth_core::api_key::{ApiKeyError, IssuedApiKey};
use crossauth_core::user::User;
use http::Method;
use serde::{Deserialize, Serialize};

use super::{Act, encoded, find, is_notified, no_such_user, own, refused, url_prefix};
use crate::failure::Failure;
use crate::form::{Echo, Form};
use crate::next::{self, NextPath};
use crate::page::{Audience, Page, Template, sample_user, template};
use crate::request::{RequestInfo, Surface};
use crate::response;
use crate::routes::api_key::{self, CreatedBody, Lifetime, ScopeChoice, Scopes};
use crate::routes::{HandlerResult, parameter_of};
use crate::visible_user::AdminUser;

/// The fields of the form.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CreateUserApiKeyForm {
    /// How it is called; unique among the keys of the user.
    name: String,
    /// After how many seconds it expires; absent for as late as allowed.
    expires_in: Option<u64>,
    /// What it may be used for, of what the user may give: a list, or one text with spaces between
    /// the scopes.
    #[serde(default)]
    scope: Scopes,
}

impl Form for CreateUserApiKeyForm {
    const SECRET: &'static [&'static str] = &[];
}

/// Variables of `admin/createapikey.html`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateUserApiKeyPage {
    url_prefix: String,
    user: AdminUser,
    name: Option<String>,
    scopes: Vec<ScopeChoice>,
    lifetimes: Vec<Lifetime>,
    /// The token of a new key, which is shown once, instead of the form.
    token: Option<String>,
    /// The scheme of the header in which programs send it.
    scheme: String,
    /// Whether the user is notified by e-mail.
    is_notified: bool,
    next: Option<NextPath>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

/// `GET createapikey/{id}`
pub(crate) async fn show(info: RequestInfo, request: Request) -> HandlerResult {
    let user = find(&info, &parameter_of(&request)).await?;
    let page = CreateUserApiKeyPage::new(&info, user, None);
    Ok(response::page(&info, &CreateUserApiKeyPage { next: next::in_query(&info.uri), ..page }))
}

/// `POST createapikey/{id}`, `POST api/createapikey/{id}`
pub(crate) async fn submit(info: RequestInfo, request: Request) -> HandlerResult {
    let Act { user, form, echo } = Act::<CreateUserApiKeyForm>::read(&info, request).await?;
    let created = match form {
        Ok(form) => create(&info, &user, form).await,
        Err(failure) => Err(failure),
    };
    let page = |user| CreateUserApiKeyPage::new(&info, user, Some(&echo));
    match (created, info.surface) {
        (Err(failure), _) => Err(failure.on_page(&info, || page(user))),
        (Ok(IssuedApiKey { key, token, .. }), Surface::Api) => {
            Ok(response::json_ok(&info, CreatedBody { api_key: key.into(), token }))
        }
        (Ok(IssuedApiKey { token, .. }), Surface::Page) => {
            let page = page(user);
            let message = Some("The key was created");
            Ok(response::page(&info, &CreateUserApiKeyPage { token: Some(token), message, ..page }))
        }
    }
}

async fn create(
    info: &RequestInfo,
    user: &User,
    form: CreateUserApiKeyForm,
) -> Result<IssuedApiKey, Failure> {
    own::refuse(info, user, "createapikey")?;
    let CreateUserApiKeyForm { name, expires_in, scope } = form;
    let keys = &info.crossauth.auth().api_keys;
    let lifetime = expires_in.map(Duration::from_secs);
    let created = keys.create_for(user, &name, lifetime, scope.into_vec()).await;
    let issued = created.map_err(failure)?;
    tracing::info!(user = %user.id, "API key created by an administrator");
    Ok(issued)
}

/// The page that creates a key for a user: for administrators' own accounts that a second factor
/// protects, that of users. `None` where there is no such page.
pub(super) fn path_for(info: &RequestInfo, user: &User) -> Option<String> {
    let crossauth = &info.crossauth;
    if own::is_protected(info, user) {
        return crossauth.serves("createapikey").then(|| crossauth.path("createapikey"));
    }
    let path = crossauth.admin_path(&format!("createapikey/{}", encoded(&user.id)));
    crossauth.has_endpoint(&Method::GET, &path).then_some(path)
}

/// The failure for a key that was not created: its owner is not who makes the request.
fn failure(error: ApiKeyError) -> Failure {
    if matches!(error, ApiKeyError::State(_)) {
        return refused(AccountError::NotAllowed);
    }
    if matches!(error, ApiKeyError::NoSuchUser) { no_such_user() } else { api_key::failure(error) }
}

impl CreateUserApiKeyPage {
    fn new(info: &RequestInfo, user: User, echo: Option<&Echo>) -> Self {
        Self {
            url_prefix: url_prefix(info),
            name: echo.and_then(|echo| echo.owned("name")),
            scopes: ScopeChoice::all(info, &user, echo),
            lifetimes: Lifetime::all(info, echo),
            token: None,
            scheme: info.crossauth.auth().api_keys.config().scheme.clone(),
            is_notified: is_notified(info, &user),
            next: echo.and_then(Echo::next),
            message: None,
            user: AdminUser(user),
        }
    }
}

impl Page for CreateUserApiKeyPage {
    const TEMPLATE: Template = template!("admin/createapikey.html");
    const AUDIENCE: Audience = Audience::LoggedIn;

    fn sample() -> Self {
        Self {
            url_prefix: "/auth/admin/".into(),
            user: AdminUser(sample_user()),
            name: Some("Nightly backup".into()),
            scopes: ScopeChoice::samples(),
            lifetimes: Lifetime::samples(),
            token: None,
            scheme: "ApiKey".into(),
            is_notified: true,
            next: None,
            message: None,
        }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crossauth_core::error::ErrorCode;
    vec![
        super::about_user("POST admin/api/createapikey/{id}", "Creates an API key for the user")
            .takes::<CreateUserApiKeyForm>()
            .returns::<CreatedBody>()
            .fails([ErrorCode::FormEntry, ErrorCode::Forbidden])
            .fails_with(400, ErrorCode::KeyExists)
            .fails_with(400, ErrorCode::InvalidScope),
    ]
}
