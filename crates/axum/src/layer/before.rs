//! Processing of requests before the handler.

use axum::extract::Request;
use axum::response::Response;
use crossauth_core::crypto::StoredValue;
use crossauth_core::csrf::CsrfError;
use crossauth_core::session::{SessionId, SessionRefused};

use super::after;
use crate::cookies::RequestCookies;
use crate::crossauth::{CrossSite, Crossauth};
use crate::failure::Failure;
use crate::origin::RequestOrigin;
use crate::request::api_key::{self, KeyCredential, Unread};
use crate::request::{Credential, RequestInfo};

/// A request whose session was not looked up yet.
pub(super) struct UnauthenticatedRequest {
    info: RequestInfo,
    /// The id in a session cookie that this server signed.
    session: Option<SessionId>,
    /// The API key, or why it is not accepted.
    key: Option<Result<StoredValue, Unread>>,
}

impl UnauthenticatedRequest {
    pub(super) fn read(crossauth: &Crossauth, request: &Request) -> Self {
        let cookies = RequestCookies::read(request.headers(), crossauth.cookie_names());
        let info = RequestInfo::read(crossauth, request, &cookies);
        let key = info.scope.enter(|| api_key::in_headers(crossauth, request.headers()));
        let id = cookies.session.value().map(|cookie| crossauth.auth().sessions.read_id(cookie));
        let session = id.transpose().unwrap_or_else(|_| {
            info.scope.enter(|| crossauth.report_foreign_cookie());
            if key.is_none() {
                info.authenticate(Credential::Foreign);
            }
            None
        });
        Self { info, session, key }
    }

    pub(super) fn needs_store(&self) -> bool {
        self.session.is_some() || self.key.is_some()
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
            let Self { info, session, key } = self;
            match authenticate(&info, session, key).await.and_then(|()| admit(&info)) {
                Ok(()) => {
                    let response = inner(info.clone(), request).await;
                    after::finish_with_session(&info, response).await
                }
                Err(failure) => after::refuse(&info, &failure),
            }
        })
    }
}

/// Looks session and API key up. An invalid session makes the request anonymous; an invalid key, one
/// of another user than the session, and a failing store fail the request.
async fn authenticate(
    info: &RequestInfo,
    session: Option<SessionId>,
    key: Option<Result<StoredValue, Unread>>,
) -> Result<(), Failure> {
    let auth = info.crossauth.auth();
    let session = match session {
        None => None,
        Some(id) => match auth.sessions.find_for(id, info.visitor.to_core()).await {
            Ok(session) => Some(session),
            Err(SessionRefused::Storage(error)) => return Err(error.into()),
            Err(refused) => {
                if key.is_none() {
                    refuse_cookie(info, &refused);
                }
                None
            }
        },
    };
    let key = match key {
        Some(Err(unread)) => return Err(unread.into_failure(info).await),
        Some(Ok(value)) => Some(value),
        None => None,
    };
    match (key, session) {
        (Some(value), session) => {
            let checked = match auth.api_keys.find(value).await {
                Ok(checked) => checked,
                Err(refused) => return Err(api_key::refuse(info, refused).await),
            };
            let key = KeyCredential::new(checked, session.as_ref())?;
            info.authenticate(Credential::ApiKey(key));
        }
        (None, Some(session)) => info.authenticate(Credential::Session(session)),
        (None, None) => {}
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
