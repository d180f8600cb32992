//! The API key of a request.

use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use crossauth_core::api_key;
use crossauth_core::error::ErrorCode;
use crossauth_core::user::User;
use http::request::Parts;

use super::scoped::HasScopes;
use crate::failure::Failure;
use crate::rejection::Rejection;
use crate::request::RequestInfo;

/// The API key of a request, of a user or of the application itself, with any scope. Other requests
/// get 401; use `Option<ApiKey>` to allow them.
///
/// A request with a key that is not valid never reaches a handler.
///
/// ```
/// use axum::{Router, routing::post};
/// use crossauth_axum::ApiKey;
///
/// async fn backup(key: ApiKey) -> String {
///     format!("backup to {}", key.data["bucket"])
/// }
/// # let _: Router = Router::new().route("/backup", post(backup));
/// ```
#[derive(Clone)]
pub struct ApiKey {
    /// Of a request with a key.
    info: RequestInfo,
}

impl ApiKey {
    fn of(info: RequestInfo) -> Option<Self> {
        info.api_key().is_some().then_some(Self { info })
    }

    /// The owner; `None` for a key of the application.
    pub fn user(&self) -> Option<&User> {
        self.info.api_key()?.user.as_ref()
    }
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ApiKey").field(&**self).finish()
    }
}

impl Deref for ApiKey {
    type Target = api_key::ApiKey;

    #[expect(clippy::expect_used, reason = "it is made only for requests with a key")]
    fn deref(&self) -> &api_key::ApiKey {
        &self.info.api_key().expect("the request has a key").key
    }
}

impl HasScopes for ApiKey {
    fn has_scope(&self, scope: &str) -> bool {
        api_key::ApiKey::has_scope(self, scope)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for ApiKey {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        Ok(Self::of(RequestInfo::from_request_parts(parts, state).await?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ApiKey {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let info = RequestInfo::from_request_parts(parts, state).await?;
        let scheme = info.crossauth.auth().api_keys.config().scheme.clone();
        let needed = || {
            Failure::new(ErrorCode::Unauthorized)
                .message("An API key is needed")
                .with_challenge(&scheme)
        };
        Self::of(info).ok_or_else(needed).map_err(Rejection::from)
    }
}
