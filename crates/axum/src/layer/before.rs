//! Processing of requests before the handler.

use axum::extract::Request;
use axum::response::Response;
use crossauth_core::csrf::CsrfError;
use crossauth_core::session::{SessionId, SessionRefused};

use super::after;
use crate::cookies::RequestCookies;
use crate::crossauth::{CrossSite, Crossauth};
use crate::failure::Failure;
use crate::origin::RequestOrigin;
use crate::request::{Credential, RequestInfo};

/// A request whose session was not looked up yet.
pub(super) struct UnauthenticatedRequest {
    info: RequestInfo,
    /// The id in a session cookie that this server signed.
    session: Option<SessionId>,
}

impl UnauthenticatedRequest {
    pub(super) fn read(crossauth: &Crossauth, request: &Request) -> Self {
        let cookies = RequestCookies::read(request.headers(), crossauth.cookie_names());
        let info = RequestInfo::read(crossauth, request, &cookies);
        let id = cookies.session.value().map(|cookie| crossauth.auth().sessions.read_id(cookie));
        let session = id.transpose().unwrap_or_else(|_| {
            info.scope.enter(|| crossauth.report_foreign_cookie());
            info.authenticate(Credential::Foreign);
            None
        });
        Self { info, session }
    }

    pub(super) fn needs_store(&self) -> bool {
        self.session.is_some()
    }

    pub(super) fn anonymous(self) -> RequestInfo {
        self.info
    }

    /// The response of `inner`, unless the session cannot be looked up or the request is forged.
    pub(super) fn handle<F: Future<Output = Response>>(
        self,
        request: Request,
        inner: impl FnOnce(RequestInfo, Request) -> F,
    ) -> impl Future<Output = Response> {
        let info = self.info.clone();
        info.run(async move {
            let Self { info, session } = self;
            match authenticate(&info, session).await.and_then(|()| admit(&info)) {
                Ok(()) => {
                    let response = inner(info.clone(), request).await;
                    after::finish_with_session(&info, response).await
                }
                Err(failure) => after::refuse(&info, &failure),
            }
        })
    }
}

/// Looks the session up. An invalid session makes the request anonymous; a failing store fails the
/// request.
async fn authenticate(info: &RequestInfo, session: Option<SessionId>) -> Result<(), Failure> {
    let Some(id) = session else { return Ok(()) };
    match info.crossauth.auth().sessions.find_for(id, info.visitor.to_core()).await {
        Ok(session) => info.authenticate(Credential::Session(session)),
        Err(SessionRefused::Storage(error)) => return Err(error.into()),
        Err(refused) => refuse_cookie(info, &refused),
    }
    Ok(())
}

fn refuse_cookie(info: &RequestInfo, refused: &SessionRefused) {
    tracing::debug!(reason = %refused, "session cookie refused");
    info.authenticate(Credential::Refused);
}

/// Refuses a forged request.
pub(super) fn admit(info: &RequestInfo) -> Result<(), Failure> {
    let foreign = info.request_origin == RequestOrigin::CrossOrigin && info.carries_our_cookies();
    if foreign && info.crossauth.config().requests.cross_site == CrossSite::Refused {
        return Err(CsrfError::CrossSite.into());
    }
    Ok(())
}
