//! Request ids, in logs, error pages and response headers, and the scope of a request.

use std::cell::OnceCell;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use crossauth_core::caller::CallerSource as _;
use http::{Extensions, HeaderName, HeaderValue};
use serde::{Serialize, Serializer};

use crate::crossauth::Crossauth;
use crate::request::RequestInfo;

/// The response header that carries the id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    /// The request that the current task handles.
    static CURRENT: RequestScope;

    /// The same as our layer knows it, whose user may be authenticated later.
    static REQUEST: OnceCell<RequestInfo>;
}

/// The scope of a request: its id and addresses, for logs.
///
/// [`CrossauthLayer`](crate::CrossauthLayer) creates one for each request. A server that handles
/// some requests without the layer, or that knows the peer without [`ConnectInfo`], creates it
/// earlier with [`run`](Self::run), and the layer uses it. It is a task-local, so it does not
/// allocate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestScope {
    /// Identifies the request.
    pub id: RequestId,
    /// The peer of the connection: the client or the last proxy. `None` if the server does not
    /// provide it.
    pub peer: Option<SocketAddr>,
    /// The address of the client, resolved by the layer through trusted proxies.
    pub client: Option<IpAddr>,
}

impl RequestScope {
    /// The scope of a new request from `peer`.
    pub fn new(id: RequestId, peer: Option<SocketAddr>) -> Self {
        Self { id, peer, client: peer.map(|peer| peer.ip()) }
    }

    /// The scope of the current request.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|scope| *scope).ok()
    }

    /// Runs `future` in this scope.
    pub fn run<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }

    /// Runs `future` in this scope, and keeps who is authenticated in it for
    /// [`user_hash`](Self::user_hash). For servers, around our layer.
    pub fn run_with_user<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        REQUEST.scope(OnceCell::new(), self.run(future))
    }

    /// The [pseudonym](crossauth_core::Auth::pseudonym) of the user who makes the current request,
    /// in a scope of [`run_with_user`](Self::run_with_user); for log formatters. `None` before the
    /// credential was checked, and for anonymous requests.
    pub fn user_hash() -> Option<String> {
        let user = |info: &RequestInfo| {
            let actor = info.caller().actor;
            actor.user().map(|user| info.crossauth.auth().pseudonym(user))
        };
        REQUEST.try_with(|request| request.get().and_then(user)).ok().flatten()
    }

    /// Keeps the request for [`user_hash`](Self::user_hash).
    pub(crate) fn keep(info: &RequestInfo) {
        // Outside of such a scope, nothing reads it. The outermost layer counts.
        let _ = REQUEST.try_with(|request| request.set(info.clone()));
    }

    /// Runs `poll` in this scope.
    pub(crate) fn enter<T>(self, poll: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, poll)
    }

    /// The current scope, or a new one if the server has not created one.
    pub(crate) fn current_or_new(crossauth: &Crossauth, extensions: &Extensions) -> Self {
        Self::current().unwrap_or_else(|| {
            let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
            Self::new(crossauth.next_request_id(), peer)
        })
    }
}

/// The id of a request. Random, so that it does not reveal the number of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(u64);

impl RequestId {
    pub(crate) fn new(number: u64) -> Self {
        Self(number)
    }

    /// The id of the current request; for log formatters.
    ///
    /// A task-local, because a `tracing` span would make a session check 10% slower.
    pub fn current() -> Option<Self> {
        RequestScope::current().map(|scope| scope.id)
    }

    /// The value of `X-Request-Id`.
    pub fn to_header(self) -> HeaderValue {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let bytes = self.0.to_be_bytes();
        let text: [u8; 16] = std::array::from_fn(|index| {
            let byte = bytes[index / 2];
            DIGITS[usize::from(if index % 2 == 0 { byte >> 4 } else { byte & 0xF })]
        });
        HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("0"))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_text_are_the_same() {
        for number in [0, 1, 0x0123_4567_89AB_CDEF, u64::MAX] {
            let id = RequestId::new(number);
            assert_eq!(id.to_header(), id.to_string());
        }
    }

    #[tokio::test]
    async fn scope_is_available_while_its_future_runs() {
        assert_eq!(RequestScope::current(), None);
        let peer = Some(SocketAddr::from(([192, 0, 2, 1], 4711)));
        let scope = RequestScope::new(RequestId::new(7), peer);
        let seen = scope.run(async { (RequestScope::current(), RequestId::current()) }).await;
        assert_eq!(seen, (Some(scope), Some(scope.id)));
        assert_eq!(RequestScope::current(), None);
    }
}
