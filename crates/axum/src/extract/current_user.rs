//! The user who is logged in.

use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use crossauth_core::user::User;
use http::request::Parts;
use serde::{Serialize, Serializer};

use crate::rejection::Rejection;
use crate::request::RequestInfo;
use crate::visible_user::VisibleUser;

/// The logged-in user. Use `Option<CurrentUser>` if anonymous visitors are allowed, too.
///
/// Without a logged-in user, a page request is redirected to the login page, which redirects back;
/// any other request gets 401.
///
/// Serializes like the user in `api/userforsessionkey`: only with those application fields that are
/// [visible](crate::Builder::visible_fields).
#[derive(Clone)]
pub struct CurrentUser {
    /// Of a request with a user.
    info: RequestInfo,
}

impl CurrentUser {
    pub(crate) fn info(&self) -> &RequestInfo {
        &self.info
    }

    fn is_admin(&self) -> bool {
        self.info.crossauth.auth().is_admin(self)
    }
}

impl std::fmt::Debug for CurrentUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("CurrentUser").field(&**self).finish()
    }
}

impl Deref for CurrentUser {
    type Target = User;

    #[expect(clippy::expect_used, reason = "it is made only for requests with a user")]
    fn deref(&self) -> &User {
        self.info.user().expect("a user is logged in")
    }
}

impl Serialize for CurrentUser {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        VisibleUser::new(&self.info.crossauth, self).serialize(serializer)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let user = <Self as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await?;
        user.ok_or_else(Rejection::login_needed)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for CurrentUser {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        let info = RequestInfo::from_request_parts(parts, state).await?;
        Ok(info.user().is_some().then_some(Self { info }))
    }
}

/// The logged-in user, who is an administrator: by the hook
/// [`is_admin`](crossauth_core::hooks::Hooks::is_admin) or, without it, by the field `admin`.
///
/// Anonymous visitors are handled as by [`CurrentUser`]; other users get `InsufficientPriviledges`.
/// `Option<Admin>` is `None` for both.
#[derive(Debug, Clone)]
pub struct Admin(CurrentUser);

impl Deref for Admin {
    type Target = User;

    fn deref(&self) -> &User {
        &self.0
    }
}

impl Serialize for Admin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Admin {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let user = <CurrentUser as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        user.info.require_admin()?;
        Ok(Self(user))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Admin {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        let user =
            <CurrentUser as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await?;
        Ok(user.filter(CurrentUser::is_admin).map(Self))
    }
}
