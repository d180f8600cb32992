//! API keys in the `Authorization` header.

use crossauth_core::api_key::{ApiKeyRefused, CheckedApiKey};
use crossauth_core::crypto::StoredValue;
use crossauth_core::error::ErrorCode;
use crossauth_core::session::Session;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::crossauth::Crossauth;
use crate::failure::Failure;
use crate::request::RequestInfo;

/// An API key that was accepted.
pub(crate) struct KeyCredential {
    pub(crate) checked: CheckedApiKey,
    /// Whether the request has a session, too. It must then pass the CSRF check like any request
    /// with one, although only the key counts.
    pub(super) has_session: bool,
}

impl KeyCredential {
    /// The key of a request, if its session, if any, is not of another user.
    pub(crate) fn new(checked: CheckedApiKey, session: Option<&Session>) -> Result<Self, Failure> {
        let of_session = session.and_then(|session| session.user.as_ref());
        let of_key = checked.user.as_ref();
        if of_session.is_some_and(|user| of_key.is_none_or(|owner| owner.id != user.id)) {
            return Err(Failure::new(ErrorCode::BadRequest).message(
                "The request has the session of one user and the API key of another. Send one of \
                 them",
            ));
        }
        Ok(Self { checked, has_session: session.is_some() })
    }
}

/// Why no key was read from a request.
pub(crate) enum Unread {
    /// There are several `Authorization` headers.
    Several,
    /// The token is refused.
    Refused(ApiKeyRefused),
}

impl Unread {
    pub(crate) async fn into_failure(self, info: &RequestInfo) -> Failure {
        match self {
            Self::Several => Failure::new(ErrorCode::BadRequest)
                .message("The request has several Authorization headers"),
            Self::Refused(refused) => refuse(info, refused).await,
        }
    }
}

/// The stored value of the key in a request, if API keys are enabled and there is one. A header of
/// another scheme belongs to the application.
pub(crate) fn in_headers(
    crossauth: &Crossauth,
    headers: &HeaderMap,
) -> Option<Result<StoredValue, Unread>> {
    let keys = &crossauth.auth().api_keys;
    if !keys.config().enabled || !headers.contains_key(AUTHORIZATION) {
        return None;
    }
    let scheme = keys.config().scheme.as_str();
    let all = headers.get_all(AUTHORIZATION);
    let token = all.iter().find_map(|header| credentials(header, scheme))?;
    if all.iter().nth(1).is_some() {
        return Some(Err(Unread::Several));
    }
    Some(keys.read_token(token).map_err(Unread::Refused))
}

/// The credentials of a header of this scheme (RFC 9110 section 11.4). Text that is not ASCII is no
/// token.
fn credentials<'h>(header: &'h HeaderValue, scheme: &str) -> Option<&'h str> {
    let bytes = header.as_bytes();
    let (start, rest) = (bytes.get(..scheme.len())?, bytes.get(scheme.len()..)?);
    let is_ours = start.eq_ignore_ascii_case(scheme.as_bytes());
    match rest.first() {
        None if is_ours => Some(""),
        Some(b' ') if is_ours => Some(str::from_utf8(rest).unwrap_or_default().trim_matches(' ')),
        _ => None,
    }
}

/// The failure for a key that is not accepted. Never anonymous access: the program must learn that
/// its key does not work any more.
pub(crate) async fn refuse(info: &RequestInfo, refused: ApiKeyRefused) -> Failure {
    let keys = &info.crossauth.auth().api_keys;
    let refused = keys.refuse(refused, info.visitor.to_core()).await;
    tracing::info!(reason = %refused, "API key refused");
    let failure = match refused {
        ApiKeyRefused::Storage(error) => return error.into(),
        ApiKeyRefused::TooMany { wait } => return Failure::too_many_for(wait),
        ApiKeyRefused::Signature | ApiKeyRefused::Unknown | ApiKeyRefused::Unreadable => {
            Failure::new(ErrorCode::InvalidKey).message("The API key is not valid")
        }
        ApiKeyRefused::Expired => {
            Failure::new(ErrorCode::Expired).message("The API key has expired")
        }
        ApiKeyRefused::State(_) => Failure::new(ErrorCode::InvalidKey)
            .message("The API key is not valid now: its owner cannot log in"),
    };
    let scheme = &keys.config().scheme;
    let challenge = format!("{scheme} error=\"invalid_token\"");
    failure.status(StatusCode::UNAUTHORIZED).with_challenge(&challenge)
}
