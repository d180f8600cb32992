//! Middleware around every route: authenticates requests, refuses forged ones, and writes cookies
//! and headers of responses.
//!
//! Before a handler, it authenticates the session cookie, and refuses unsafe cross-site requests
//! and WebSocket handshakes with our cookies. The argument types of the handler specify who may
//! call it. After the handler, it writes session cookies, the CSRF cookie and header if the
//! response has a token, and the id of the request.

mod after;
mod before;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

use axum::extract::Request;
use axum::response::Response;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::crossauth::Crossauth;
use crate::request::RequestInfo;
use before::UnauthenticatedRequest;

/// Authenticates requests to the routes that it wraps; see [`Crossauth::layer`].
#[derive(Debug, Clone)]
pub struct CrossauthLayer(Crossauth);

impl Crossauth {
    /// Authenticates requests and writes cookies, for routes that use our extractors.
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

/// The service of [`CrossauthLayer`].
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
    type Future = CrossauthFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        if outer(&self.crossauth, &request).is_some() {
            // An outer layer of the same Crossauth has already handled the request.
            return State::Inner { future: self.inner.call(request) }.into();
        }
        let unauthenticated = UnauthenticatedRequest::read(&self.crossauth, &request);
        if unauthenticated.needs_store() {
            // The service that was polled ready must be the one that is called.
            let ready = self.inner.clone();
            let mut inner = std::mem::replace(&mut self.inner, ready);
            let future = unauthenticated.handle(request, async move |info, mut request| {
                request.extensions_mut().insert(info);
                let Ok(response) = inner.call(request).await;
                response
            });
            return State::Boxed { future: Box::pin(future) }.into();
        }
        let info = unauthenticated.anonymous();
        match before::admit(&info) {
            Ok(()) => {
                request.extensions_mut().insert(info.clone());
                State::Direct { future: self.inner.call(request), info }.into()
            }
            Err(failure) => {
                let response = info.enter(|| after::refuse(&info, &failure));
                State::Done { response: Some(response) }.into()
            }
        }
    }
}

/// The context of a request, if an outer layer of the same `Crossauth` has set it.
fn outer(crossauth: &Crossauth, request: &Request) -> Option<RequestInfo> {
    let outer = request.extensions().get::<RequestInfo>()?;
    outer.crossauth.ptr_eq(crossauth).then(|| outer.clone())
}

/// Runs the layer around `inner`.
pub(crate) async fn handle<F: Future<Output = Response>>(
    crossauth: &Crossauth,
    request: Request,
    inner: impl FnOnce(RequestInfo, Request) -> F,
) -> Response {
    match outer(crossauth, &request) {
        Some(info) => inner(info, request).await,
        None => UnauthenticatedRequest::read(crossauth, &request).handle(request, inner).await,
    }
}

pin_project! {
    /// The future of [`CrossauthService`]. Only a request with a session cookie is boxed.
    pub struct CrossauthFuture<F> {
        #[pin]
        state: State<F>,
    }
}

impl<F> From<State<F>> for CrossauthFuture<F> {
    fn from(state: State<F>) -> Self {
        Self { state }
    }
}

pin_project! {
    #[project = Project]
    enum State<F> {
        Inner { #[pin] future: F },
        Direct { #[pin] future: F, info: RequestInfo },
        Boxed { future: Pin<Box<dyn Future<Output = Response> + Send>> },
        Done { response: Option<Response> },
    }
}

impl<F> std::fmt::Debug for CrossauthFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CrossauthFuture")
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for CrossauthFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            Project::Inner { future } => future.poll(cx),
            Project::Boxed { future } => future.as_mut().poll(cx).map(Ok),
            Project::Direct { future, info } => info.enter(|| {
                let Ok(response) = ready!(future.poll(cx));
                Poll::Ready(Ok(after::finish(info, response)))
            }),
            Project::Done { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                None => Poll::Pending,
            },
        }
    }
}
