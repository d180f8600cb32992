//! `apikeys/{id}`, `deleteapikey/{id}` and their JSON twins: the API keys of a user.

use axum::extract::Request;
use crossauth_core::api_key::ApiKey;
use crossauth_core::user::User;
use serde::{Deserialize, Serialize};

use super::{Act, Done, done, find, url_prefix, user_path};
use crate::failure::Failure;
use crate::form::Form;
use crate::next::{self, NextPath};
use crate::page::{Audience, Page, Template, sample_user, template};
use crate::request::{RequestInfo, Surface};
use crate::response;
use crate::routes::api_key::{ApiKeyBody, ApiKeyEntry, ApiKeysBody, no_such_key};
use crate::routes::{HandlerResult, parameter_of};
use crate::visible_user::AdminUser;

/// The fields of the form.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DeleteUserApiKeyForm {
    /// The id of the key in the list.
    key: String,
    #[serde(default, deserialize_with = "next::deserialize_lenient")]
    next: Option<NextPath>,
}

impl Form for DeleteUserApiKeyForm {
    const SECRET: &'static [&'static str] = &[];
}

/// Variables of `admin/deleteapikey.html`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteUserApiKeyPage {
    url_prefix: String,
    user: AdminUser,
    api_key: ApiKeyEntry,
    next: Option<NextPath>,
}

/// `GET apikeys/{id}`, which leads to the keys on the page of the user, and `GET api/apikeys/{id}`.
pub(crate) async fn index(info: RequestInfo, request: Request) -> HandlerResult {
    let user = find(&info, &parameter_of(&request)).await?;
    if info.surface == Surface::Page {
        return Ok(response::redirect(&info, &format!("{}#keys", user_path(&info, &user.id))));
    }
    let api_keys = list(&info, &user).await?.into_iter().map(ApiKeyBody::from).collect();
    Ok(response::json_ok(&info, ApiKeysBody { api_keys }))
}

/// `GET deleteapikey/{id}`: the page that asks for confirmation.
pub(crate) async fn show(info: RequestInfo, request: Request) -> HandlerResult {
    let user = find(&info, &parameter_of(&request)).await?;
    let id = info.query("key").unwrap_or_default();
    let key = list(&info, &user).await?.into_iter().find(|key| key.id == *id);
    let page = DeleteUserApiKeyPage {
        url_prefix: url_prefix(&info),
        user: AdminUser(user),
        api_key: key.ok_or_else(no_such_key)?.into(),
        next: next::in_query(&info.uri),
    };
    Ok(response::page(&info, &page))
}

/// `POST deleteapikey/{id}`, `POST api/deleteapikey/{id}`
pub(crate) async fn delete(info: RequestInfo, request: Request) -> HandlerResult {
    let Act { user, form, .. } = Act::<DeleteUserApiKeyForm>::read(&info, request).await?;
    let DeleteUserApiKeyForm { key, next } = form?;
    let deleted = info.crossauth.auth().api_keys.delete(Some(&user.id), &key).await?;
    deleted.ok_or_else(no_such_key)?;
    tracing::info!(user = %user.id, "API key deleted by an administrator");
    Ok(done(&info, &user.id, Done::ApiKeyDeleted, next.as_ref()))
}

/// The valid API keys of a user; none where users have no keys.
pub(super) async fn list(info: &RequestInfo, user: &User) -> Result<Vec<ApiKey>, Failure> {
    let keys = &info.crossauth.auth().api_keys;
    if !keys.config().enabled {
        return Ok(Vec::new());
    }
    Ok(keys.list(Some(&user.id)).await?)
}

impl Page for DeleteUserApiKeyPage {
    const TEMPLATE: Template = template!("admin/deleteapikey.html");
    const AUDIENCE: Audience = Audience::LoggedIn;

    fn sample() -> Self {
        Self {
            url_prefix: "/auth/admin/".into(),
            user: AdminUser(sample_user()),
            api_key: ApiKeyEntry::sample(),
            next: None,
        }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    vec![
        super::about_user("GET admin/api/apikeys/{id}", "Lists the API keys of the user")
            .returns::<ApiKeysBody>(),
        super::about_user("POST admin/api/deleteapikey/{id}", "Deletes an API key of the user")
            .takes::<DeleteUserApiKeyForm>()
            .done()
            .fails_with(404, crossauth_core::error::ErrorCode::BadRequest),
    ]
}
