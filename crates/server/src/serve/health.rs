//! Whether the process lives (`/live`) and whether to send it requests (`/ready`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use http::header::ORIGIN;
use http::{Method, Request, Response, StatusCode};
use tokio::time::timeout;

use super::plain;

/// How long storage may take to show that it works.
const PATIENCE: Duration = Duration::from_secs(2);

/// Something without which requests fail.
#[async_trait]
pub(crate) trait Probe: Send + Sync {
    /// Whether it works at present.
    async fn works(&self) -> bool;
}

/// Whether the server wants requests.
pub(crate) struct Readiness {
    draining: AtomicBool,
    storage: Box<dyn Probe>,
}

/// A question about the health of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HealthCheck {
    /// `/live`: answered as long as requests are answered at all.
    Live,
    /// `/ready`, and what load balancers ask that were given no path: `OPTIONS /` and `OPTIONS *`.
    Ready,
    /// One of these paths with a method that changes something.
    WrongMethod,
}

impl HealthCheck {
    /// What the request asks, if it is such a question. The paths stand at the root whatever the
    /// prefix is.
    pub(super) fn of<B>(request: &Request<B>) -> Option<Self> {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        let check = match request.uri().path() {
            "/live" => Self::Live,
            "/ready" => Self::Ready,
            // A browser that asks before a request to another origin names its own.
            "/" | "*"
                if *request.method() == Method::OPTIONS
                    && !request.headers().contains_key(ORIGIN) =>
            {
                Self::Ready
            }
            _ => return None,
        };
        Some(if reads { check } else { Self::WrongMethod })
    }
}

impl Readiness {
    /// Ready as long as `storage` works.
    pub(crate) fn new(storage: Box<dyn Probe>) -> Self {
        Self { draining: AtomicBool::new(false), storage }
    }

    /// Not ready from now on: the server is about to stop.
    pub(super) fn begin_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the server is about to stop, and connections end with their next answer.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// The answer to a health check.
    pub(super) async fn answer(&self, check: HealthCheck) -> Response<Body> {
        match check {
            HealthCheck::Live => plain::health(StatusCode::OK),
            HealthCheck::Ready => plain::health(self.status().await),
            HealthCheck::WrongMethod => plain::only_read(),
        }
    }

    async fn status(&self) -> StatusCode {
        if !self.is_draining() && timeout(PATIENCE, self.storage.works()).await.unwrap_or(false) {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}
