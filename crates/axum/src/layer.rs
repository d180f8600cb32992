//! What happens to every request on its way in and to every answer on its way out.
//!
//! In: the session cookie is checked, the CSRF cookie is read. Out: cookies and the CSRF header
//! are written. Nothing is refused here but for a store that does not answer: handlers say by
//! the types they take what they demand.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use axum::extract::Request;
use axum::response::Response;
use crossauth_core::session::SessionRefused;
use http::HeaderMap;
use http::header::CACHE_CONTROL;
use tower_layer::Layer;
use tower_service::Service;

use crate::answer::{self, Surface};
use crate::context::{Context, KnownSession};
use crate::cookies::{Brought, RequestCookies};
use crate::crossauth::Crossauth;
use crate::request_id::{REQUEST_ID, RequestId, RequestScope};
use crate::session_change::SessionChange;

/// Gives the routes that it wraps their sessions; see [`Crossauth::layer`].
#[derive(Debug, Clone)]
pub struct CrossauthLayer(Crossauth);

impl Crossauth {
    /// Checks sessions and writes cookies, for routes that use our extractors.
    pub fn layer(&self) -> CrossauthLayer {
        CrossauthLayer(self.clone())
    }
}

impl<S> Layer<S> for CrossauthLayer {
    type Service = CrossauthService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CrossauthService { inner, crossauth: self.0.clone() }
    }
}

/// The service that [`CrossauthLayer`] makes.
#[derive(Debug, Clone)]
pub struct CrossauthService<S> {
    inner: S,
    crossauth: Crossauth,
}

impl<S> Service<Request> for CrossauthService<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        // The clone that was polled ready must be the one that is called.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let crossauth = self.crossauth.clone();
        let scope = RequestScope::current_or_new(&crossauth, request.extensions());
        let request_id = scope.id;
        Box::pin(scope.run(async move {
            let mut response = match arrive(crossauth, request_id, &mut request).await {
                Ok(arrival) => arrival.leave(inner.call(request).await?),
                Err(response) => response,
            };
            response.headers_mut().insert(REQUEST_ID, request_id.to_header());
            Ok(response)
        }))
    }
}

/// What must be remembered of a request until its answer leaves.
struct Arrival {
    context: Context,
    method_is_safe: bool,
    session_cookie: Cookie,
    csrf_cookie: Cookie,
}

/// Whether the browser should keep a cookie that it sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cookie {
    Keep,
    Delete,
}

async fn arrive(
    crossauth: Crossauth,
    request_id: RequestId,
    request: &mut Request,
) -> Result<Arrival, Response> {
    let cookies = RequestCookies::read(request.headers(), crossauth.cookie_names());
    let mut session_cookie = fate(cookies.session);
    let session = match check(&crossauth, cookies.session).await {
        Ok(session) => session,
        Err(SessionRefused::Storage(error)) => {
            let surface = Surface::of(&crossauth, request.headers(), request.uri().path());
            let context = Context::new(crossauth, request_id, None, false, None);
            return Err(answer::failure(&context, surface, &error.into()));
        }
        Err(refused) => {
            tracing::debug!(reason = %refused, "session cookie refused");
            session_cookie = Cookie::Delete;
            None
        }
    };
    let id = session.as_ref().map(|session| &session.id);
    let csrf_token =
        cookies.csrf.value().and_then(|cookie| crossauth.auth().csrf.from_cookie(cookie, id));
    let csrf_cookie = if csrf_token.is_none() && cookies.csrf != Brought::Nothing {
        Cookie::Delete
    } else {
        Cookie::Keep
    };
    let in_doubt = cookies.session == Brought::Unusable;
    let method_is_safe = request.method().is_safe();
    let context = Context::new(crossauth, request_id, session, in_doubt, csrf_token);
    request.extensions_mut().insert(context.clone());
    Ok(Arrival { context, method_is_safe, session_cookie, csrf_cookie })
}

fn fate(brought: Brought<'_>) -> Cookie {
    if brought == Brought::Unusable { Cookie::Delete } else { Cookie::Keep }
}

async fn check(
    crossauth: &Crossauth,
    cookie: Brought<'_>,
) -> Result<Option<KnownSession>, SessionRefused> {
    let Some(cookie) = cookie.value() else { return Ok(None) };
    let session = crossauth.auth().sessions.check(cookie).await?;
    Ok(Some(KnownSession { id: session.id, key: session.key, user: session.user.map(Arc::new) }))
}

impl Arrival {
    fn leave(self, mut response: Response) -> Response {
        let change = response.extensions_mut().remove::<SessionChange>();
        let headers = response.headers_mut();
        let crossauth = &self.context.crossauth;
        match change {
            Some(SessionChange::Began(session)) => {
                let token = crossauth.auth().csrf.token(Some(&session.id));
                crossauth.set_session_cookie(headers, &session);
                crossauth.set_csrf_cookie(headers, &token);
                crossauth.set_csrf_header(headers, &token);
            }
            Some(SessionChange::Ended) => {
                crossauth.delete_session_cookie(headers);
                crossauth.delete_csrf_cookie(headers);
            }
            None => self.leave_unchanged(headers),
        }
        response
    }

    fn leave_unchanged(&self, headers: &mut HeaderMap) {
        if is_for_shared_caches(headers) {
            return;
        }
        let crossauth = &self.context.crossauth;
        if self.session_cookie == Cookie::Delete {
            crossauth.delete_session_cookie(headers);
        }
        if self.method_is_safe || self.context.csrf_cookie.is_some() {
            crossauth.set_csrf_header(headers, self.context.csrf_token());
        }
        if let Some(token) = self.context.new_csrf_token() {
            crossauth.set_csrf_cookie(headers, token);
        } else if self.csrf_cookie == Cookie::Delete {
            crossauth.delete_csrf_cookie(headers);
        }
    }
}

/// Whether a shared cache may keep the answer: nothing of one visitor's must be in it.
fn is_for_shared_caches(headers: &HeaderMap) -> bool {
    let directives = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    directives.flat_map(|value| value.split(',')).any(|directive| {
        let directive = directive.trim();
        directive.eq_ignore_ascii_case("public") || directive.starts_with("s-maxage")
    })
}
