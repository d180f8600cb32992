//! Session changes, from a handler to the layer.

use std::sync::Arc;

use crossauth_core::session::NewSession;

/// A change of the browser's session, in the extensions of a response. The layer writes the
/// cookies.
#[derive(Clone)]
pub(crate) enum SessionChange {
    /// A session has begun, and the replaced one has ended.
    Began(Arc<NewSession>),
    /// A session has begun. The layer ends that of the request.
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
