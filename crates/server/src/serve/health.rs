//! Whether the process lives (`/live`) and whether to send it requests (`/ready`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderName};
use tokio::time::timeout;

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

impl Readiness {
    /// Ready as long as `storage` works.
    pub(crate) fn new(storage: Box<dyn Probe>) -> Self {
        Self { draining: AtomicBool::new(false), storage }
    }

    /// Not ready from now on: the server is about to stop.
    pub(super) fn begin_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    async fn status(&self) -> StatusCode {
        let draining = self.draining.load(Ordering::Relaxed);
        if !draining && timeout(PATIENCE, self.storage.works()).await.unwrap_or(false) {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

type Answer = (StatusCode, [(HeaderName, &'static str); 1], &'static str);

/// `/live` and `/ready`, which stand at the root whatever the prefix is.
pub(super) fn routes(readiness: Arc<Readiness>) -> Router {
    Router::new().route("/live", get(live)).route("/ready", get(ready)).with_state(readiness)
}

async fn live() -> Answer {
    answer(StatusCode::OK)
}

async fn ready(State(readiness): State<Arc<Readiness>>) -> Answer {
    answer(readiness.status().await)
}

fn answer(status: StatusCode) -> Answer {
    let body = if status.is_success() { "ok\n" } else { "unavailable\n" };
    (status, [(CACHE_CONTROL, "no-store")], body)
}
