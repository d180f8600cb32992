//! The user of a request, by session or by API key.

use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use crossauth_core::user::User;
use http::request::Parts;
use serde::{Serialize, Serializer};

use super::scoped::HasScopes;
use crate::rejection::Rejection;
use crate::request::RequestInfo;
use crate::visible_user::VisibleUser;

/// The user for whom a request is made: logged in, or the owner of its API key. A key of any scope is
/// accepted; to demand one, take [`Scoped`](crate::Scoped).
///
/// [`CurrentUser`](crate::CurrentUser) is the same by session only, so that a handler must say that it
/// takes keys. Anonymous visitors are handled alike.
///
/// A request with a key and without a session passes the CSRF check of
/// [`CsrfForm`](crate::CsrfForm) and [`CsrfChecked`](crate::CsrfChecked): browsers do not send keys by
/// themselves. One with both must pass it, and counts as one by the key.
///
/// ```
/// use axum::{Router, routing::get};
/// use crossauth_axum::AnyUser;
///
/// async fn who(user: AnyUser) -> String {
///     match user.key() {
///         Some(key) => format!("the program {} of {}", key.name, user.username),
///         None => user.username.clone(),
///     }
/// }
/// # let _: Router = Router::new().route("/who", get(who));
/// ```
#[derive(Clone)]
pub struct AnyUser {
    /// Of a request with a user.
    info: RequestInfo,
}

impl AnyUser {
    /// The API key, if the request has one.
    pub fn key(&self) -> Option<&crossauth_core::api_key::ApiKey> {
        self.info.api_key().map(|checked| &checked.key)
    }
}

impl std::fmt::Debug for AnyUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnyUser").field("user", &self.id).field("key", &self.key()).finish()
    }
}

impl Deref for AnyUser {
    type Target = User;

    #[expect(clippy::expect_used, reason = "it is made only for requests with a user")]
    fn deref(&self) -> &User {
        self.info.any_user().expect("the request has a user")
    }
}

impl Serialize for AnyUser {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        VisibleUser::new(&self.info.crossauth, self).serialize(serializer)
    }
}

impl HasScopes for AnyUser {
    /// A user who is logged in may do whatever the user may.
    fn has_scope(&self, scope: &str) -> bool {
        self.key().is_none_or(|key| key.has_scope(scope))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for AnyUser {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        let info = RequestInfo::from_request_parts(parts, state).await?;
        Ok(info.any_user().is_some().then_some(Self { info }))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AnyUser {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let user = <Self as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await?;
        user.ok_or_else(Rejection::login_needed)
    }
}
