//! What is known about a request before a handler runs: who it is from, and its CSRF token.

use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use crossauth_core::csrf::CsrfToken;
use crossauth_core::key::Key;
use crossauth_core::session::SessionId;
use crossauth_core::user::User;
use http::request::Parts;

use crate::crossauth::Crossauth;
use crate::rejection::Rejection;
use crate::request_id::RequestId;

/// The context of a request, as the layer found it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Context(Arc<Known>);

pub(crate) struct Known {
    /// The application that answers.
    pub(crate) crossauth: Crossauth,
    /// Names the request in logs and error pages.
    pub(crate) request_id: RequestId,
    /// The session that the request's cookie stands for.
    pub(crate) session: Option<KnownSession>,
    /// Whether the session cookie came in a way that leaves open which session is meant.
    pub(crate) session_is_in_doubt: bool,
    /// The token of the request's CSRF cookie, if that is good.
    pub(crate) csrf_cookie: Option<CsrfToken>,
    new_csrf_token: OnceLock<CsrfToken>,
}

/// A session whose cookie was checked just now.
pub(crate) struct KnownSession {
    pub(crate) id: SessionId,
    pub(crate) key: Key,
    pub(crate) user: Option<Arc<User>>,
}

impl std::ops::Deref for Context {
    type Target = Known;

    fn deref(&self) -> &Known {
        &self.0
    }
}

impl Context {
    pub(crate) fn new(
        crossauth: Crossauth,
        request_id: RequestId,
        session: Option<KnownSession>,
        session_is_in_doubt: bool,
        csrf_cookie: Option<CsrfToken>,
    ) -> Self {
        Self(Arc::new(Known {
            crossauth,
            request_id,
            session,
            session_is_in_doubt,
            csrf_cookie,
            new_csrf_token: OnceLock::new(),
        }))
    }

    pub(crate) fn session_id(&self) -> Option<&SessionId> {
        self.session.as_ref().map(|session| &session.id)
    }

    /// Who is logged in.
    pub(crate) fn user(&self) -> Option<&Arc<User>> {
        self.session.as_ref()?.user.as_ref()
    }

    /// The token that forms of this answer carry; a new one if the request brought none.
    pub(crate) fn csrf_token(&self) -> &CsrfToken {
        let csrf = &self.crossauth.auth().csrf;
        self.csrf_cookie
            .as_ref()
            .unwrap_or_else(|| self.new_csrf_token.get_or_init(|| csrf.token(self.session_id())))
    }

    /// The token that must go out as a cookie because this answer carries it in a form.
    pub(crate) fn new_csrf_token(&self) -> Option<&CsrfToken> {
        self.new_csrf_token.get()
    }

    /// The CSRF token as a form carries it.
    pub(crate) fn csrf_form_value(&self) -> String {
        self.crossauth.auth().csrf.form_value(self.csrf_token())
    }
}

impl<S: Sync> FromRequestParts<S> for Context {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Rejection::without_layer)
    }
}
