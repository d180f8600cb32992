//! The session of a request, whoever is logged in or not, and the data kept in it.

use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponseParts, ResponseParts};
use crossauth_core::error::ErrorCode;
use crossauth_core::key::DataChange;
use crossauth_core::session::NewSession;
use crossauth_core::storage::{StorageError, UpdateDataError};
use crossauth_core::user::User;
use http::request::Parts;
use serde_json::{Map, Value};

use crate::answer;
use crate::context::Context;
use crate::crossauth::Crossauth;
use crate::failure::Failure;
use crate::rejection::Rejection;
use crate::request::CheckedSession;
use crate::session_change::SessionChange;

/// The session of a request. Requests without one are answered with 401; take an `Option` of it
/// where that is not what you want.
#[derive(Clone)]
pub struct Session(Context);

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("user", &self.user().map(|user| &user.id)).finish()
    }
}

impl Session {
    fn known(&self) -> Option<&CheckedSession> {
        self.0.session()
    }

    /// Who is logged in; `None` in an anonymous session.
    pub fn user(&self) -> Option<&User> {
        self.0.user().map(|user| &**user)
    }

    /// What the session held when the request arrived; empty if that is not an object.
    pub fn data(&self) -> Map<String, Value> {
        self.known().and_then(|known| known.key.data.object().ok()).unwrap_or_default()
    }

    /// Changes what the session holds: all `changes`, or none.
    pub async fn update(&self, changes: &[DataChange]) -> Result<(), UpdateDataError> {
        let known = self.known().ok_or(UpdateDataError::NotFound)?;
        self.0.crossauth.auth().sessions.update_data(&known.id, changes).await
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Session {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        let context = Context::from_request_parts(parts, state).await?;
        Ok(context.session().is_some().then_some(Self(context)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Session {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let context = Context::from_request_parts(parts, state).await?;
        if context.session().is_some() {
            return Ok(Self(context));
        }
        let surface = context.surface;
        let failure = Failure::new(ErrorCode::InvalidSession);
        Err(Rejection::new(answer::failure(&context, surface, &failure)))
    }
}

/// A session of nobody in particular that begins with an answer: put it before the body.
#[derive(Debug, Clone)]
pub struct NewAnonymousSession(Arc<NewSession>);

impl Crossauth {
    /// Begins a session of nobody in particular and keeps `data` in it. Its cookie goes out with
    /// the answer that this is made part of.
    pub async fn begin_anonymous_session(
        &self,
        data: &Map<String, Value>,
    ) -> Result<NewAnonymousSession, StorageError> {
        let session = self.auth().sessions.begin_anonymous(data).await?;
        Ok(NewAnonymousSession(Arc::new(session)))
    }
}

impl IntoResponseParts for NewAnonymousSession {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        parts.extensions_mut().insert(SessionChange::Began(self.0));
        Ok(parts)
    }
}
