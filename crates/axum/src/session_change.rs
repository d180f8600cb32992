//! What a handler does to the browser's session.

use std::sync::Arc;

use crossauth_core::session::NewSession;

/// Travels with an answer from the handler to the layer, which writes the cookies for it.
#[derive(Clone)]
pub(crate) enum SessionChange {
    /// A session has begun.
    Began(Arc<NewSession>),
    /// The session has ended.
    Ended,
}
