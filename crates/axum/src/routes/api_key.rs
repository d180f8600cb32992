//! `apikeys`, `createapikey`, `deleteapikey/{id}` and their JSON twins: the API keys of the logged-in
//! user.

mod page;
mod scope;

use std::time::Duration;

use axum::extract::Request;
use crossauth_core::api_key::{ApiKey, ApiKeyCreation, ApiKeyError, ApiKeyRequest, IssuedApiKey};
use crossauth_core::clock::Timestamp;
use crossauth_core::enrolment::Assurance;
use crossauth_core::error::ErrorCode;
use crossauth_core::protected::FactorProof;
use crossauth_core::secret::Password;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::configure_factor2::proof;
use super::{HandlerResult, parameter_of};
use crate::failure::Failure;
use crate::form::{Form, Submitted};
use crate::request::{RequestInfo, Surface};
use crate::response;

pub(crate) use page::{
    ApiKeyEntry, ApiKeysPage, CreateApiKeyPage, DeleteApiKeyPage, Lifetime, ScopeChoice,
};
pub(crate) use scope::Scopes;

const DAY: u64 = 24 * 60 * 60;

/// The fields of the form.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CreateApiKeyForm {
    /// How it is called; unique among the keys of the user.
    name: String,
    /// After how many seconds it expires; absent for as late as allowed.
    expires_in: Option<u64>,
    /// What it may be used for: a list, or one text with spaces between the scopes.
    #[serde(default)]
    scope: Scopes,
    /// Where the login is not fresh.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    password: Option<Password>,
}

impl Form for CreateApiKeyForm {
    const SECRET: &'static [&'static str] = &["password"];
}

/// The fields of the form to delete a key: the path says which.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DeleteApiKeyForm {}

impl Form for DeleteApiKeyForm {
    const SECRET: &'static [&'static str] = &[];
}

/// A key in JSON, without its secret.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApiKeyBody {
    id: String,
    name: String,
    scope: Vec<String>,
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    created: Option<String>,
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    expires: Option<String>,
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    last_used: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApiKeysBody {
    pub(super) api_keys: Vec<ApiKeyBody>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatedBody {
    pub(super) api_key: ApiKeyBody,
    /// The secret, which is never shown again.
    pub(super) token: String,
}

/// `GET apikeys`, `GET api/apikeys`
pub(crate) async fn list(info: RequestInfo, _: Request) -> HandlerResult {
    let keys = listed(&info).await?;
    Ok(match info.surface {
        Surface::Page => response::page(&info, &ApiKeysPage::new(&info, keys, None)),
        Surface::Api => {
            let api_keys = keys.into_iter().map(ApiKeyBody::from).collect();
            response::json_ok(&info, ApiKeysBody { api_keys })
        }
    })
}

/// `GET createapikey`
pub(crate) fn show_create(info: &RequestInfo) -> HandlerResult {
    info.require_user()?;
    Ok(response::page(info, &CreateApiKeyPage::new(info, None)))
}

/// `POST createapikey`, `POST api/createapikey`
pub(crate) async fn create(info: RequestInfo, request: Request) -> HandlerResult {
    let proof = proof(&request);
    let Submitted { form, echo } = Submitted::<CreateApiKeyForm>::read(&info, request).await;
    let created = match form {
        Ok(form) => create_key(&info, form, proof.as_deref()).await,
        Err(failure) => Err(failure),
    };
    let IssuedApiKey { key, token, .. } = match created {
        Ok(issued) => issued,
        Err(failure) => {
            return Err(failure.on_page(&info, || CreateApiKeyPage::new(&info, Some(&echo))));
        }
    };
    Ok(match info.surface {
        Surface::Page => {
            let keys = listed(&info).await?;
            response::page(&info, &ApiKeysPage::new(&info, keys, Some(token)))
        }
        Surface::Api => response::json_ok(&info, CreatedBody { api_key: key.into(), token }),
    })
}

async fn create_key(
    info: &RequestInfo,
    form: CreateApiKeyForm,
    factor: Option<&FactorProof>,
) -> Result<IssuedApiKey, Failure> {
    let session = info.session().ok_or_else(Failure::login_needed)?;
    let password = form.password.filter(|password| !password.expose().is_empty());
    let request = ApiKeyRequest {
        name: form.name,
        lifetime: form.expires_in.map(Duration::from_secs),
        scope: form.scope.into_vec(),
        assurance: Assurance { factor, password },
    };
    let created = info.crossauth.auth().api_keys.create_own(session, request).await;
    match created.map_err(failure)? {
        ApiKeyCreation::Created(issued) => Ok(*issued),
        ApiKeyCreation::NeedsFactor => Err(Failure::new(ErrorCode::Unauthorized)
            .message("The second factor must be confirmed first")),
        ApiKeyCreation::NeedsPassword => Err(Failure::new(ErrorCode::UsernameOrPasswordInvalid)
            .field("password", "Please enter your password to create a key".into())),
        ApiKeyCreation::Rejected(rejection) => {
            let wrong = ("password", "Password is wrong");
            Err(Failure::password_rejected(rejection, wrong, info.crossauth.now()))
        }
        ApiKeyCreation::NotLoggedIn => Err(Failure::login_needed()),
    }
}

/// The failure for a key that was not created.
pub(super) fn failure(error: ApiKeyError) -> Failure {
    let form = || Failure::new(ErrorCode::FormEntry);
    match error {
        ApiKeyError::InvalidName => form().field(
            "name",
            "Name must have 1 to 100 characters, and no control or invisible characters".to_owned(),
        ),
        ApiKeyError::NameTaken => Failure::new(ErrorCode::KeyExists)
            .status(StatusCode::BAD_REQUEST)
            .field("name", "Name is that of another key".to_owned()),
        ApiKeyError::InvalidScope(scope) => Failure::new(ErrorCode::InvalidScope)
            .status(StatusCode::BAD_REQUEST)
            .field("scope", format!("Scope {scope:?} is not available")),
        ApiKeyError::InvalidLifetime { max } => {
            let days = max.as_secs() / DAY;
            form().field("expires_in", format!("Lifetime must be at most {days} days, and not 0"))
        }
        ApiKeyError::TooMany { max } => Failure::new(ErrorCode::Forbidden)
            .message(format!("There are {max} keys, which is the limit. Delete one first")),
        ApiKeyError::Data(_) => Failure::new(ErrorCode::DataFormat),
        ApiKeyError::NoSuchUser => Failure::new(ErrorCode::Unauthorized),
        ApiKeyError::State(refusal) => refusal.into(),
        ApiKeyError::Hash(error) => error.into(),
        ApiKeyError::Directory(error) => error.into(),
        ApiKeyError::Storage(error) => error.into(),
    }
}

/// `GET deleteapikey/{id}`
pub(crate) async fn show_delete(info: RequestInfo, request: Request) -> HandlerResult {
    let id = parameter_of(&request);
    let key = listed(&info).await?.into_iter().find(|key| key.id == id);
    let api_key = key.ok_or_else(no_such_key)?.into();
    Ok(response::page(&info, &DeleteApiKeyPage { api_key }))
}

/// `POST deleteapikey/{id}`, `POST api/deleteapikey/{id}`. Only the path says which key.
pub(crate) async fn delete(info: RequestInfo, request: Request) -> HandlerResult {
    let id = parameter_of(&request);
    Submitted::<DeleteApiKeyForm>::read(&info, request).await.form?;
    let user = info.require_user()?;
    let deleted = info.crossauth.auth().api_keys.delete(Some(&user.id), &id).await?;
    deleted.ok_or_else(no_such_key)?;
    Ok(match info.surface {
        Surface::Page => response::redirect(&info, &info.crossauth.path("apikeys?done=deleted")),
        Surface::Api => response::json_done(&info),
    })
}

async fn listed(info: &RequestInfo) -> Result<Vec<ApiKey>, Failure> {
    Ok(info.crossauth.auth().api_keys.list(Some(&info.require_user()?.id)).await?)
}

/// The same for a key of another user and for one that does not exist.
pub(super) fn no_such_key() -> Failure {
    Failure::new(ErrorCode::BadRequest)
        .status(StatusCode::NOT_FOUND)
        .message("There is no such key. It may have expired or been deleted")
}

impl From<ApiKey> for ApiKeyBody {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            scope: key.scope,
            created: key.created.to_rfc3339(),
            expires: key.expires.and_then(Timestamp::to_rfc3339),
            last_used: key.last_used.and_then(Timestamp::to_rfc3339),
        }
    }
}

#[cfg(test)]
pub(super) fn operations() -> Vec<crate::openapi::Operation> {
    use crate::openapi::Operation;
    let create = Operation::new("POST api/createapikey", "Creates an API key")
        .takes::<CreateApiKeyForm>()
        .returns::<CreatedBody>()
        .fails([ErrorCode::FormEntry, ErrorCode::UsernameOrPasswordInvalid, ErrorCode::Forbidden])
        .fails_with(400, ErrorCode::KeyExists)
        .fails_with(400, ErrorCode::InvalidScope)
        .refused()
        .limited();
    vec![
        Operation::new("GET api/apikeys", "Lists the API keys of the user")
            .returns::<ApiKeysBody>(),
        create,
        Operation::new("POST api/deleteapikey/{id}", "Deletes an API key")
            .takes::<DeleteApiKeyForm>()
            .done()
            .fails_with(404, ErrorCode::BadRequest),
    ]
}
