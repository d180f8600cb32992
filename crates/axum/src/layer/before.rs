//! What happens to a request before a handler sees it.

use std::sync::Arc;

use axum::extract::Request;
use crossauth_core::csrf::CsrfError;
use crossauth_core::session::SessionRefused;
use http::HeaderMap;

use crate::cookies::{CookieValue, RequestCookies};
use crate::crossauth::{CrossSite, Crossauth};
use crate::failure::Failure;
use crate::origin::Provenance;
use crate::request::{CheckedSession, Credential, Known, RequestInfo};
use crate::request_id::RequestScope;

/// A request whose session cookie is not checked yet.
pub(super) struct Arrival {
    known: Known,
    has_session_cookie: bool,
}

impl Arrival {
    pub(super) fn read(crossauth: &Crossauth, request: &Request) -> Self {
        let mut known = RequestInfo::read(crossauth, request);
        let cookies = RequestCookies::read(request.headers(), crossauth.cookie_names());
        known.set_csrf_cookie(cookies.csrf);
        known.duplicate_session_cookie = cookies.session == CookieValue::Ambiguous;
        Self { known, has_session_cookie: cookies.session.value().is_some() }
    }

    pub(super) fn scope(&self) -> RequestScope {
        self.known.scope
    }

    pub(super) fn needs_store(&self) -> bool {
        self.has_session_cookie
    }

    pub(super) fn anonymous(self) -> RequestInfo {
        RequestInfo::new(self.known)
    }

    /// Checks the session cookie. A cookie that is no longer good leaves an anonymous request; a
    /// store that does not answer ends it.
    pub(super) async fn authenticate(
        mut self,
        headers: &HeaderMap,
    ) -> (RequestInfo, Result<(), Failure>) {
        // Found again rather than kept, which would take an allocation.
        let cookies = RequestCookies::read(headers, self.known.crossauth.cookie_names());
        let Some(cookie) = cookies.session.value() else { return (self.anonymous(), Ok(())) };
        match self.known.crossauth.auth().sessions.check(cookie).await {
            Ok(session) => {
                let (id, key) = (session.id, session.key);
                let user = session.user.map(Arc::new);
                self.known.credential = Credential::Session(CheckedSession { id, key, user });
            }
            Err(SessionRefused::Storage(error)) => {
                return (self.anonymous(), Err(error.into()));
            }
            Err(refused) => {
                tracing::debug!(reason = %refused, "session cookie refused");
                self.known.refused_session_cookie = true;
            }
        }
        (self.anonymous(), Ok(()))
    }
}

/// Hands the request to the handler with what is known about it, unless it is forged.
pub(super) fn admit(info: &RequestInfo, request: &mut Request) -> Result<(), Failure> {
    let foreign = info.provenance == Provenance::Foreign && info.carries_our_cookies();
    if foreign && info.crossauth.config().requests.cross_site == CrossSite::Refused {
        return Err(CsrfError::CrossSite.into());
    }
    request.extensions_mut().insert(info.clone());
    Ok(())
}
