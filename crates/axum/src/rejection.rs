//! A request that goes no further.

use axum::response::{IntoResponse, Response};
use http::StatusCode;

/// A request that an extractor turned away, with its finished answer.
#[derive(Debug)]
pub struct Rejection(Box<Response>);

impl Rejection {
    pub(crate) fn new(response: Response) -> Self {
        Self(Box::new(response))
    }

    /// The extractor needs what the layer leaves, and there was no layer.
    pub(crate) fn without_layer() -> Self {
        tracing::error!(
            "an extractor of Crossauth runs on a route without Crossauth's layer: build the \
             router with Crossauth::mount, or add Crossauth::layer to it"
        );
        Self::new(StatusCode::INTERNAL_SERVER_ERROR.into_response())
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        *self.0
    }
}
