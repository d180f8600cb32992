//! Health checks: whether the process is alive (`/live`) and accepts requests (`/ready`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use http::header::ORIGIN;
use http::{Method, Request, Response, StatusCode};
use tokio::time::timeout;

use super::plain;

/// Time limit of a probe.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// A dependency without which requests fail.
#[async_trait]
pub(crate) trait Probe: Send + Sync {
    /// Whether it is available.
    async fn is_available(&self) -> bool;
}

/// Whether load balancers should send requests.
pub(crate) struct Readiness {
    draining: AtomicBool,
    storage: Box<dyn Probe>,
}

/// A health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HealthCheck {
    /// `/live`: succeeds as long as the server handles requests.
    Live,
    /// `/ready`, and the default checks of load balancers: `OPTIONS /` and `OPTIONS *`.
    Ready,
    /// One of these paths with an unsafe method.
    WrongMethod,
}

impl HealthCheck {
    /// The health check that a request asks for, if any. The paths are at the root, regardless of
    /// `prefix`.
    pub(super) fn of<B>(request: &Request<B>) -> Option<Self> {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        let check = match request.uri().path() {
            "/live" => Self::Live,
            "/ready" => Self::Ready,
            // A CORS preflight request has an `Origin` header.
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
    /// Ready while `storage` is available.
    pub(crate) fn new(storage: Box<dyn Probe>) -> Self {
        Self { draining: AtomicBool::new(false), storage }
    }

    /// Makes the server not ready, because it is about to stop.
    pub(super) fn begin_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the server is about to stop, so that connections close after their next response.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// The response to a health check.
    pub(super) async fn respond(&self, check: HealthCheck) -> Response<Body> {
        match check {
            HealthCheck::Live => plain::health(StatusCode::OK),
            HealthCheck::Ready => plain::health(self.status().await),
            HealthCheck::WrongMethod => plain::method_not_allowed(),
        }
    }

    async fn status(&self) -> StatusCode {
        if self.is_ready().await { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
    }

    /// Whether requests would succeed.
    pub(crate) async fn is_ready(&self) -> bool {
        !self.is_draining()
            && timeout(PROBE_LIMIT, self.storage.is_available()).await.unwrap_or(false)
    }
}
