//! One connection, from its acceptance to its end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use tokio::net::TcpStream;

use super::request::Gate;

/// The largest head of a request: a cookie of 4 KiB, a long query and some room.
const HEAD_LIMIT: usize = 32 * 1024;

/// How every connection is served.
pub(super) struct Connections {
    http: http1::Builder,
    gate: Arc<Gate>,
    stall_limit: Duration,
}

impl Connections {
    /// Connections whose requests go through `gate`.
    pub(super) fn new(gate: Gate, header_timeout: Duration) -> Self {
        let mut http = http1::Builder::new();
        // The timeout covers the time between two requests as well.
        http.timer(TokioTimer::new()).header_read_timeout(header_timeout);
        http.max_header_size(HEAD_LIMIT).max_buf_size(2 * HEAD_LIMIT);
        let stall_limit = gate.request_timeout();
        Self { http, gate: Arc::new(gate), stall_limit }
    }

    /// Serves until the connection ends; when the server stops, after the request under way.
    pub(super) fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        watcher: Watcher,
    ) -> impl Future<Output = ()> + use<> {
        limit_stalls(&stream, self.stall_limit);
        let gate = Arc::clone(&self.gate);
        let service = service_fn(move |request| {
            let gate = Arc::clone(&gate);
            async move { Ok::<_, Infallible>(gate.answer(request, peer).await) }
        });
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        let connection = watcher.watch(connection);
        async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke off");
            }
        }
    }
}

/// Small answers go out at once, and a client that does not take its answer is cut off.
fn limit_stalls(stream: &TcpStream, limit: Duration) {
    let result = stream.set_nodelay(true).and_then(|()| user_timeout(stream, limit));
    if let Err(error) = result {
        tracing::debug!(%error, "cannot set options of a connection");
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
