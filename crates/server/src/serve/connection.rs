//! Serving one connection.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::open::{ConnectionSlot, Handle};
use super::phase::{Limits, Phase};
use super::request::Gate;
use super::stream::WatchedStream;

/// Maximum size of a request head, in bytes: enough for a cookie of 4 KiB and a long query.
const HEAD_LIMIT: usize = 32 * 1024;

/// Serves connections with the same options.
pub(super) struct Connections {
    http: http1::Builder,
    gate: Arc<Gate>,
    limits: Limits,
}

impl Connections {
    /// Serves requests through `gate`.
    pub(super) fn new(gate: Gate, limits: Limits) -> Self {
        let mut http = http1::Builder::new();
        http.max_header_size(HEAD_LIMIT).max_buf_size(2 * HEAD_LIMIT);
        // One timer here enforces the limits, instead of one timer of hyper per request.
        http.header_read_timeout(None);
        // A client that sends no more may still read.
        http.half_close(true);
        Self { http, gate: Arc::new(gate), limits }
    }

    /// Serves until the connection ends or is dismissed.
    pub(super) fn serve(
        &self,
        stream: TcpStream,
        slot: ConnectionSlot,
    ) -> impl Future<Output = ()> + use<> {
        limit_stalls(&stream, self.gate.request_timeout());
        let mut http = self.http.clone();
        http.auto_date_header(can_write_date());
        let (gate, limits) = (Arc::clone(&self.gate), self.limits);
        async move {
            let handle = &slot.handle;
            let service = service_fn(|request| async {
                handle.clock.begin_untimed(Phase::Busy);
                let response = gate.handle(request, handle).await;
                handle.clock.begin_untimed(Phase::Responding);
                Ok::<_, Infallible>(response)
            });
            let stream = WatchedStream::new(stream, Arc::clone(&slot.handle));
            let connection = pin!(http.serve_connection(TokioIo::new(stream), service));
            if let Err(error) = drive(connection, handle, limits).await {
                tracing::debug!(%error, "connection error");
            }
        }
    }
}

/// Drives `connection` until it ends, is aborted, or exceeds a time limit.
async fn drive<C, E>(mut connection: Pin<&mut C>, handle: &Handle, limits: Limits) -> Result<(), E>
where
    C: Future<Output = Result<(), E>>,
{
    let mut timer = pin!(sleep_until(handle.clock.since() + limits.head.min(limits.idle)));
    poll_fn(|cx| {
        handle.register(cx.waker());
        loop {
            if let Poll::Ready(result) = connection.as_mut().poll(cx) {
                return Poll::Ready(result);
            }
            if handle.is_aborted() {
                return Poll::Ready(Ok(()));
            }
            if handle.clock.phase() == Phase::Lingering {
                advance(timer.as_mut(), handle.clock.deadline(limits));
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            if handle.clock.deadline(limits).is_some_and(|deadline| deadline <= now) {
                // An idle connection is closed gracefully, unless a request has just arrived.
                if handle.clock.phase() != Phase::Idle || handle.is_dismissed() {
                    return Poll::Ready(Ok(()));
                }
                handle.dismiss();
            }
            rearm(timer.as_mut(), handle, limits, now);
        }
    })
    .await
}

/// Whether the current time can be written as `Date`: hyper panics before 1970.
#[expect(clippy::disallowed_methods, reason = "hyper reads the same clock for its `Date` header")]
fn can_write_date() -> bool {
    SystemTime::now() >= SystemTime::UNIX_EPOCH
}

/// Resets the timer to the earliest time at which any limit can be exceeded.
fn rearm(timer: Pin<&mut Sleep>, handle: &Handle, limits: Limits, now: Instant) {
    let shortest = now + limits.head.min(limits.idle).max(Duration::from_millis(1));
    let deadline = handle.clock.deadline(limits).filter(|deadline| *deadline > now);
    timer.reset(deadline.map_or(shortest, |deadline| deadline.min(shortest)));
}

/// Resets the timer to `deadline` if that is earlier.
fn advance(timer: Pin<&mut Sleep>, deadline: Option<Instant>) {
    if let Some(deadline) = deadline.filter(|deadline| *deadline < timer.deadline()) {
        timer.reset(deadline);
    }
}

/// Sets `TCP_NODELAY`, and a time limit for clients that do not read their response.
fn limit_stalls(stream: &TcpStream, limit: Duration) {
    let result = stream.set_nodelay(true).and_then(|()| user_timeout(stream, limit));
    if let Err(error) = result {
        tracing::debug!(%error, "cannot set socket options");
    }
}

#[cfg(target_os = "linux")]
fn user_timeout(stream: &TcpStream, limit: Duration) -> std::io::Result<()> {
    let millis = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
    Ok(rustix::net::sockopt::set_tcp_user_timeout(stream, millis)?)
}

#[cfg(not(target_os = "linux"))]
fn user_timeout(_: &TcpStream, _: Duration) -> std::io::Result<()> {
    Ok(())
}
