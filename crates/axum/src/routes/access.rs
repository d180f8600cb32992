//! Who may use an endpoint.

use axum::extract::Request;

use crate::failure::Failure;
use crate::request::RequestInfo;

/// Who may use an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Anyone; a safe endpoint.
    Public,
    /// Requests that pass the CSRF check. What completes a login or makes a required change also
    /// needs the session in which that waits.
    CsrfToken,
    /// The logged-in user; a safe endpoint.
    LoggedIn,
    /// The logged-in user, in requests that pass the CSRF check.
    LoggedInWithCsrfToken,
    /// The logged-in user, in requests that pass the CSRF check; or an API key of a user with the
    /// scope [`edit_user_scope`](crossauth_core::api_key::ApiKeyConfig::edit_user_scope).
    ProfileEditor,
    /// Anyone with the token of a mailed link, which is part of the path.
    Link,
    /// Administrators whose login is [fresh](crate::FreshUser); a safe endpoint.
    Admin,
    /// Administrators whose login is [fresh](crate::FreshUser), in requests that pass the CSRF
    /// check.
    AdminWithCsrfToken,
}

impl Access {
    /// The refusal of a request that has not authenticated as the endpoint demands. The CSRF token
    /// is not checked here.
    pub(super) fn check(self, info: &RequestInfo, request: &Request) -> Result<(), Failure> {
        match self {
            Self::Public | Self::CsrfToken | Self::Link => Ok(()),
            Self::LoggedIn | Self::LoggedInWithCsrfToken => info.require_user().map(drop),
            Self::ProfileEditor => info.require_profile_editor().map(drop),
            Self::Admin | Self::AdminWithCsrfToken => {
                info.require_admin()?;
                info.require_fresh_login(request.headers())
            }
        }
    }

    pub(crate) fn needs_user(self) -> bool {
        match self {
            Self::Public | Self::CsrfToken | Self::Link => false,
            Self::LoggedIn
            | Self::LoggedInWithCsrfToken
            | Self::ProfileEditor
            | Self::Admin
            | Self::AdminWithCsrfToken => true,
        }
    }

    /// Whether an API key may be used in place of a session.
    pub(crate) fn accepts_keys(self) -> bool {
        self == Self::ProfileEditor
    }

    pub(crate) fn needs_admin(self) -> bool {
        matches!(self, Self::Admin | Self::AdminWithCsrfToken)
    }

    pub(crate) fn needs_csrf_token(self) -> bool {
        match self {
            Self::CsrfToken
            | Self::LoggedInWithCsrfToken
            | Self::ProfileEditor
            | Self::AdminWithCsrfToken => true,
            Self::Public | Self::LoggedIn | Self::Admin | Self::Link => false,
        }
    }
}
