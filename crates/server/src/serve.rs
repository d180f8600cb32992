//! The accept loop: takes connections until told to stop, then lets requests under way finish.

mod connection;
mod health;
mod host;
mod panic;
mod request;
mod signal;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use crossauth_settings::Settings;
use hyper_util::server::graceful::GracefulShutdown;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use connection::Connections;
pub(crate) use health::{Probe, Readiness};
use request::Gate;
pub(crate) use signal::StopSignals;

/// A socket that listens, and what is to be served on it.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Begins to listen; connections wait until [`run`](Self::run).
    pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<Self> {
        let hint = "another program may be listening there; choose an address with --listen";
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address} ({hint})"))?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The address listened on, with the port that was found if any was asked for.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until a stop signal, and then until the requests under way are done or their time
    /// is up.
    pub(crate) async fn run(
        self,
        app: Router,
        settings: &Settings,
        readiness: Arc<Readiness>,
        mut signals: StopSignals,
    ) {
        let app = app.merge(health::routes(Arc::clone(&readiness)));
        raise_file_limit();
        let connections =
            Connections::new(Gate::new(app, settings), settings.connections.header_timeout);
        let under_way = GracefulShutdown::new();
        let stop = async {
            signals.next().await;
            tracing::info!("stopping");
            readiness.begin_draining();
            tokio::select! {
                () = sleep(self.drain_delay(settings)) => {}
                () = signals.next() => {}
            }
        };
        tokio::select! {
            () = self.accept(&connections, settings.connections.limit, &under_way) => {}
            () = stop => {}
        }
        drop(self.listener);
        drain(under_way, settings.shutdown.grace, &mut signals).await;
    }

    async fn accept(&self, connections: &Connections, limit: usize, under_way: &GracefulShutdown) {
        let slots = Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)));
        loop {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    let connection = connections.serve(stream, peer, under_way.watcher());
                    tokio::spawn(async move {
                        connection.await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    // Out of file descriptors, most likely: others must be closed first.
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    fn drain_delay(&self, settings: &Settings) -> Duration {
        let unwatched = settings.site.dev || self.address.ip().is_loopback();
        let default = if unwatched { Duration::ZERO } else { Duration::from_secs(5) };
        settings.shutdown.drain_delay.unwrap_or(default)
    }
}

/// Every connection is an open file, of which the usual soft limit allows too few.
fn raise_file_limit() {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limits.maximum, maximum: limits.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

async fn drain(under_way: GracefulShutdown, grace: Duration, signals: &mut StopSignals) {
    let mut done = pin!(under_way.shutdown());
    tokio::select! {
        () = &mut done => tracing::info!("stopped"),
        () = sleep(grace) => tracing::warn!("stopped with requests unfinished: their time was up"),
        () = signals.next() => tracing::warn!("stopped with requests unfinished: asked twice"),
    }
}

#[cfg(test)]
mod tests;
