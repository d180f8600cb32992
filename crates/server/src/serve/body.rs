//! Request bodies, which the application may leave partly unread.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::timeout;

use super::open::Handle;
use super::phase::Phase;

/// How long to wait for the unread rest of a body.
const DRAIN_LIMIT: Duration = Duration::from_millis(50);

/// A body that returns to its lender when the application drops it, and that records in the phase
/// of its connection that it has not arrived whole.
pub(super) struct BorrowedBody {
    body: Option<Incoming>,
    returned: Arc<Mutex<Option<Incoming>>>,
    connection: Arc<Handle>,
}

/// Receives a dropped [`BorrowedBody`].
pub(super) struct BodyReturn(Arc<Mutex<Option<Incoming>>>);

impl BorrowedBody {
    pub(super) fn new(body: Incoming, connection: Arc<Handle>) -> (Self, BodyReturn) {
        let returned = Arc::new(Mutex::new(None));
        let end = BodyReturn(Arc::clone(&returned));
        (Self { body: Some(body), returned, connection }, end)
    }

    /// Records that the body is late. A body that trickles in is late since its first pause.
    fn waits(&self) {
        if self.connection.clock.phase() == Phase::Busy {
            self.connection.clock.begin(Phase::Body);
        }
    }

    /// Records that the body is not awaited any more.
    fn ends(&self) {
        if self.connection.clock.phase() == Phase::Body {
            self.connection.clock.begin_untimed(Phase::Busy);
        }
    }
}

impl Drop for BorrowedBody {
    fn drop(&mut self) {
        self.ends();
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
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(cx);
        match &frame {
            Poll::Pending => self.waits(),
            Poll::Ready(None | Some(Err(_))) => self.ends(),
            Poll::Ready(Some(Ok(_))) => {
                if self.is_end_stream() {
                    self.ends();
                }
            }
        }
        frame
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
