//! Processing of requests before the handler.

use axum::extract::Request;
use axum::response::Response;
use crossauth_core::csrf::CsrfError;
use crossauth_core::session::{SessionId, SessionRefused};

use super::after;
use crate::cookies::{CookieValue, RequestCookies};
use crate::crossauth::{CrossSite, Crossauth};
use crate::failure::Failure;
use crate::origin::RequestOrigin;
use crate::request::{CheckedSession, Credential, Known, RequestInfo};

/// A request whose session was not looked up yet.
pub(super) struct Arrival {
    known: Known,
    /// The id in a session cookie that this server signed.
    session: Option<SessionId>,
}

impl Arrival {
    pub(super) fn read(crossauth: &Crossauth, request: &Request) -> Self {
        let mut known = RequestInfo::read(crossauth, request);
        let cookies = RequestCookies::read(request.headers(), crossauth.cookie_names());
        known.set_csrf_cookie(cookies.csrf);
        known.duplicate_session_cookie = cookies.session == CookieValue::Ambiguous;
        let id = cookies.session.value().map(|cookie| crossauth.auth().sessions.read_id(cookie));
        let session = id.transpose().unwrap_or_else(|refused| {
            let scope = known.scope;
            scope.enter(|| refuse_cookie(&mut known, &refused));
            None
        });
        Self { known, session }
    }

    pub(super) fn needs_store(&self) -> bool {
        self.session.is_some()
    }

    pub(super) fn anonymous(self) -> RequestInfo {
        RequestInfo::new(self.known)
    }

    /// The response of `inner`, unless the session cannot be looked up or the request is forged.
    pub(super) fn handle<F: Future<Output = Response>>(
        self,
        request: Request,
        inner: impl FnOnce(RequestInfo, Request) -> F,
    ) -> impl Future<Output = Response> {
        self.known.scope.run(async move {
            let (info, authenticated) = self.authenticate().await;
            match authenticated.and_then(|()| admit(&info)) {
                Ok(()) => {
                    let response = inner(info.clone(), request).await;
                    after::finish_with_session(&info, response).await
                }
                Err(failure) => after::refuse(&info, &failure),
            }
        })
    }

    /// Looks the session up. An invalid session makes the request anonymous; a failing store fails
    /// the request.
    async fn authenticate(mut self) -> (RequestInfo, Result<(), Failure>) {
        let Some(id) = self.session.take() else { return (self.anonymous(), Ok(())) };
        match self.known.crossauth.auth().sessions.find(id).await {
            Ok(session) => {
                let (id, key, user) = (session.id, session.key, session.user);
                self.known.credential = Credential::Session(CheckedSession { id, key, user });
            }
            Err(SessionRefused::Storage(error)) => {
                return (self.anonymous(), Err(error.into()));
            }
            Err(refused) => refuse_cookie(&mut self.known, &refused),
        }
        (self.anonymous(), Ok(()))
    }
}

fn refuse_cookie(known: &mut Known, refused: &SessionRefused) {
    tracing::debug!(reason = %refused, "session cookie refused");
    known.refused_session_cookie = true;
}

/// Refuses a forged request.
pub(super) fn admit(info: &RequestInfo) -> Result<(), Failure> {
    let foreign = info.request_origin == RequestOrigin::CrossOrigin && info.carries_our_cookies();
    if foreign && info.crossauth.config().requests.cross_site == CrossSite::Refused {
        return Err(CsrfError::CrossSite.into());
    }
    Ok(())
}
