//! The session of a request and its data.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use crossauth_core::audit::Act;
use crossauth_core::error::ErrorCode;
use crossauth_core::key::{DataChange, Owner};
use crossauth_core::session::{self, BeginOptions, Begun, NewSession};
use crossauth_core::storage::{StorageError, UpdateDataError};
use crossauth_core::user::{Refusal, User};
use http::request::Parts;
use serde_json::{Map, Value};

use crate::crossauth::Crossauth;
use crate::failure::Failure;
use crate::rejection::Rejection;
use crate::request::RequestInfo;
use crate::session_change::SessionChange;

/// The session of a request, of a user or anonymous. Requests without a session get 401; use
/// `Option<Session>` to allow them.
#[derive(Clone)]
pub struct Session(RequestInfo);

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("user", &self.user().map(|user| &user.id)).finish()
    }
}

impl Session {
    fn checked(&self) -> Option<&session::Session> {
        self.0.session()
    }

    /// The logged-in user; `None` in an anonymous session.
    pub fn user(&self) -> Option<&User> {
        self.0.user()
    }

    /// The application's data in the session when the request arrived; empty if it is not an object.
    pub fn data(&self) -> Map<String, Value> {
        let data = self.checked().map(|checked| checked.key.data.application_object());
        data.and_then(Result::ok).unwrap_or_default()
    }

    /// Applies all `changes` to the session data, or none.
    pub async fn update(&self, changes: &[DataChange]) -> Result<(), UpdateDataError> {
        let checked = self.checked().ok_or(UpdateDataError::NotFound)?;
        self.0.crossauth.auth().sessions.update_data(&checked.id, changes).await
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Session {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        let info = RequestInfo::from_request_parts(parts, state).await?;
        Ok(info.session().is_some().then_some(Self(info)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Session {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let info = RequestInfo::from_request_parts(parts, state).await?;
        if info.session().is_some() {
            return Ok(Self(info));
        }
        Err(Failure::new(ErrorCode::InvalidSession).into())
    }
}

/// A session that begins with a response. Return it before the body; its cookies are added.
///
/// The session of the request, if any, ends.
///
/// ```
/// use axum::response::{IntoResponse, Response};
/// use crossauth_axum::{BeginSessionError, Crossauth};
/// use crossauth_core::user::{Refusal, User};
///
/// /// Logs in a user whom the application has authenticated by other means.
/// async fn welcome(crossauth: Crossauth, user: User) -> Result<Response, BeginSessionError> {
///     let session = crossauth.begin_session(&user).await?;
///     Ok((session, "welcome").into_response())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct BeginSession(Arc<NewSession>);

/// Ends the session of the request and removes its cookies. Return it before the body.
///
/// ```
/// use axum::response::IntoResponse;
/// use crossauth_axum::EndSession;
///
/// async fn leave() -> impl IntoResponse {
///     (EndSession, "logged_out")
/// }
/// # let _: axum::Router = axum::Router::new().route("/leave", axum::routing::post(leave));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct EndSession;

/// Why no session began.
#[derive(Debug, thiserror::Error)]
pub enum BeginSessionError {
    /// The state of the account does not allow login.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The user was deleted.
    #[error("the user no longer exists")]
    NoSuchUser,
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl IntoResponse for BeginSessionError {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(refusal) => Failure::from(refusal),
            Self::NoSuchUser => Failure::new(ErrorCode::Unauthorized),
            Self::Storage(error) => error.into(),
        }
        .into_response()
    }
}

impl Crossauth {
    /// Begins a session for a user whom the application has authenticated itself, for example by an
    /// invitation or another login system. The state of the account is checked; a second factor is
    /// not required.
    pub async fn begin_session(&self, user: &User) -> Result<BeginSession, BeginSessionError> {
        let owner = Owner::User(&user.id);
        let audit = [self.auth().audit.event(Act::LoginSucceeded)];
        let beginning = BeginOptions { audit: &audit, ..BeginOptions::default() };
        match self.auth().sessions.begin(owner, beginning).await? {
            Begun::Session(session) => Ok(BeginSession(Arc::new(*session))),
            Begun::Refused(refusal) => Err(refusal.into()),
            Begun::NoSuchUser
            | Begun::CredentialsChanged
            | Begun::AlreadyUsed
            | Begun::SessionGone => Err(BeginSessionError::NoSuchUser),
        }
    }

    /// Begins an anonymous session with `data`.
    pub async fn begin_anonymous_session(
        &self,
        data: &Map<String, Value>,
    ) -> Result<BeginSession, UpdateDataError> {
        let session = self.auth().sessions.begin_anonymous(data).await?;
        Ok(BeginSession(Arc::new(session)))
    }
}

impl IntoResponseParts for BeginSession {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        parts.extensions_mut().insert(SessionChange::Replace(self.0));
        Ok(parts)
    }
}

impl IntoResponseParts for EndSession {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        parts.extensions_mut().insert(SessionChange::End);
        Ok(parts)
    }
}
