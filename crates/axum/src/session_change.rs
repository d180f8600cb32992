//! What a handler does to the browser's session.

use std::sync::Arc;

use crossauth_core::session::NewSession;

/// Travels with a response from the handler to the layer, which writes the cookies for it.
#[derive(Clone)]
pub(crate) enum SessionChange {
    /// A session has begun, and the one that it replaces has ended.
    Began(Arc<NewSession>),
    /// A session has begun. The layer ends the one that the request came with.
    Replace(Arc<NewSession>),
    /// The session has ended.
    Ended,
    /// The layer ends the session.
    End,
}

impl SessionChange {
    pub(crate) fn begin(session: NewSession) -> Self {
        Self::Began(Arc::new(session))
    }
}
