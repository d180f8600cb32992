//! The accept loop: accepts connections until a stop signal, then drains requests in progress.

mod body;
mod connection;
mod health;
mod host;
mod listener;
mod memory;
mod open;
mod panic;
mod phase;
mod plain;
mod request;
mod signal;
mod stream;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crossauth_axum::{Crossauth, Site};
use crossauth_core::clock::{Clock as _, SystemClock};
use crossauth_settings::Settings;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::metrics::{MetricsListener, Report, RequestMetrics};
use connection::Connections;
pub(crate) use health::{Probe, Readiness};
pub(crate) use open::OpenConnections;
use phase::Limits;
use request::Gate;
pub(crate) use signal::StopSignals;

/// How long idle connections stay open after the listener is closed, for requests that the client
/// has already sent.
const IDLE_GRACE: Duration = Duration::from_millis(500);

/// Maximum time at the end for messages that are being sent, within the grace period.
const MAIL_GRACE: Duration = Duration::from_secs(5);

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

/// The application to serve.
pub(crate) struct Application {
    /// The router.
    pub(crate) site: Site,
    /// Assigns request ids and client addresses.
    pub(crate) crossauth: Crossauth,
    /// The readiness for load balancers.
    pub(crate) readiness: Arc<Readiness>,
    /// Where metrics are served, if they are.
    pub(crate) metrics: Option<MetricsListener>,
    /// The SQLite file; `None` with a database server.
    pub(crate) database: Option<PathBuf>,
}

impl Application {
    /// Serves the metrics, if they are to be served, in a task of `tasks`. Returns the counters of
    /// requests.
    fn serve_metrics(
        &mut self,
        open: &Arc<OpenConnections>,
        tasks: &mut JoinSet<()>,
    ) -> Option<Arc<RequestMetrics>> {
        let listener = self.metrics.take()?;
        let requests = Arc::new(RequestMetrics::default());
        let report = Report {
            requests: Arc::clone(&requests),
            connections: Arc::clone(open),
            readiness: Arc::clone(&self.readiness),
            crossauth: self.crossauth.clone(),
            database: self.database.take(),
            started: SystemClock.now(),
        };
        tasks.spawn(listener.serve(report));
        Some(requests)
    }
}

/// Explains why listening on an address failed, with a hint and the option that sets the address.
pub(crate) fn cannot_listen(address: SocketAddr, option: &str, error: io::Error) -> anyhow::Error {
    let is = |kind| error.kind() == kind;
    let hint = if is(io::ErrorKind::AddrInUse) {
        "; another program is listening on it"
    } else if is(io::ErrorKind::AddrNotAvailable) {
        "; this machine has no such address"
    } else if is(io::ErrorKind::PermissionDenied) && address.port() < 1024 {
        "; ports below 1024 require a privilege"
    } else {
        ""
    };
    let context = format!("cannot listen on {address}{hint}; choose an address with {option}");
    anyhow::Error::from(error).context(context)
}

impl Server {
    /// Listens on an address. Connections are queued until [`run`](Self::run).
    pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<Self> {
        let bound = TcpListener::bind(address).await;
        let listener = bound.map_err(|error| cannot_listen(address, "--listen", error))?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The listening address; with the selected port, if port 0 was requested.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until a stop signal, then until the requests in progress finish or time out. A
    /// second signal stops immediately.
    pub(crate) async fn run(
        self,
        mut application: Application,
        settings: &Settings,
        mut signals: StopSignals,
    ) {
        tracing::info!(address = %self.address, "listening");
        let capacity = listener::connection_capacity(settings.connections.limit);
        let per_address = settings.connections.per_address;
        let open = OpenConnections::new(capacity, per_address);
        let limits = Limits {
            head: settings.connections.header_timeout,
            idle: settings.connections.keep_alive,
        };
        let readiness = Arc::clone(&application.readiness);
        let crossauth = application.crossauth.clone();
        // They end with this function.
        let mut tasks = JoinSet::new();
        let counters = application.serve_metrics(&open, &mut tasks);
        let connections = Connections::new(Gate::new(application, settings, counters), limits);
        let stages = self.stages(settings);
        let listener = Arc::new(self.listener);
        let mut accepting = Box::pin(accept(Arc::clone(&listener), &connections, &open));
        tokio::select! {
            () = &mut accepting => {}
            () = memory::release(Arc::clone(&open)) => {}
            () = signals.next() => {}
        }
        tracing::info!("stopping");
        readiness.begin_draining();
        tokio::select! {
            () = async {
                drain(listener, accepting, &open, stages).await;
                crossauth.auth().finish(stages.unfinished.min(MAIL_GRACE)).await;
            } => {}
            () = signals.next() => {
                tracing::warn!("stopped with unfinished requests: received a second signal");
            }
        }
    }

    fn stages(&self, settings: &Settings) -> Stages {
        let is_local = self.address.ip().is_loopback();
        let unwatched = settings.site.dev || is_local;
        let delay = if unwatched { Duration::ZERO } else { Duration::from_secs(5) };
        Stages {
            accept: settings.shutdown.drain_delay.unwrap_or(delay),
            handshakes: Duration::from_millis(if is_local { 50 } else { 500 }),
            unfinished: settings.shutdown.grace,
        }
    }
}

/// Durations of the stages of a shutdown.
#[derive(Debug, Clone, Copy)]
struct Stages {
    /// New connections are still accepted, so that load balancers can react.
    accept: Duration,
    /// Connections whose handshake has begun are still accepted.
    handshakes: Duration,
    /// Maximum time for requests in progress.
    unfinished: Duration,
}

/// Accepts connections for as long as it is polled.
async fn accept(
    listener: Arc<TcpListener>,
    connections: &Connections,
    open: &Arc<OpenConnections>,
) {
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                failing = false;
                if let Some(slot) = open.admit(peer).await {
                    tokio::spawn(connections.serve(stream, slot));
                } else {
                    tracing::debug!(%peer, "too many connections from this address");
                }
            }
            Err(error) => {
                if !failing {
                    tracing::warn!(%error, "cannot accept a connection; retrying");
                }
                failing = true;
                // Probably out of file descriptors: wait until others are closed.
                open.close_idle(None);
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Drains connections without losing requests: every response has `Connection: close`, and a
/// connection is closed only after it has been idle for a while.
async fn drain(
    listener: Arc<TcpListener>,
    mut accepting: Pin<Box<impl Future<Output = ()>>>,
    open: &OpenConnections,
    stages: Stages,
) {
    let _ = timeout(stages.accept, &mut accepting).await;
    listener::refuse_handshakes(&listener);
    let _ = timeout(stages.handshakes, &mut accepting).await;
    drop(accepting);
    drop(listener);
    let _ = timeout(IDLE_GRACE, open.closed()).await;
    open.dismiss_all();
    if timeout(stages.unfinished, open.closed()).await.is_ok() {
        tracing::info!("stopped");
    } else {
        tracing::warn!("stopped with unfinished requests: the grace period is over");
    }
}

#[cfg(test)]
mod tests;
