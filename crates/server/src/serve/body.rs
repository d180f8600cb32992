//! Request bodies, which the application may leave partly unread.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::timeout;

/// How long to wait for the unread rest of a body.
const DRAIN_LIMIT: Duration = Duration::from_millis(50);

/// A body that is sent back to the server when the application drops it.
pub(super) struct BorrowedBody {
    body: Option<Incoming>,
    returned: Arc<Mutex<Option<Incoming>>>,
}

/// Receives a dropped [`BorrowedBody`].
pub(super) struct BodyReturn(Arc<Mutex<Option<Incoming>>>);

impl BorrowedBody {
    pub(super) fn new(body: Incoming) -> (Self, BodyReturn) {
        let returned = Arc::new(Mutex::new(None));
        (Self { body: Some(body), returned: Arc::clone(&returned) }, BodyReturn(returned))
    }
}

impl Drop for BorrowedBody {
    fn drop(&mut self) {
        let mut returned = self.returned.lock().unwrap_or_else(PoisonError::into_inner);
        *returned = self.body.take();
    }
}

impl Body for BorrowedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::new, Body::size_hint)
    }
}

/// What to do with the unread rest of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Read and discard up to this number of bytes, if they arrive at once.
    Drain(usize),
    /// Do not read: the client waits for `100 Continue`.
    Leave,
}

impl BodyReturn {
    /// Handles the rest. Returns whether the body was read to its end; if not, the connection
    /// cannot be reused.
    pub(super) async fn finish(self, rest: Rest) -> bool {
        let returned = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A task of the application still owns it.
        let Some(body) = returned else { return false };
        if body.is_end_stream() {
            return true;
        }
        match rest {
            Rest::Drain(limit) => timeout(DRAIN_LIMIT, drain(body, limit)).await.unwrap_or(false),
            Rest::Leave => false,
        }
    }
}

async fn drain(mut body: Incoming, limit: usize) -> bool {
    let mut drained = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        drained += frame.data_ref().map_or(0, Bytes::len);
        if drained > limit {
            return false;
        }
    }
    true
}
