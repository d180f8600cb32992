//! What a counterpart has in common with the server: where it listens, what it says, how it ends.

use std::io::Write as _;

use anyhow::Result;
use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::allocation;

/// The content type of every answer.
pub(crate) const JSON: (HeaderName, HeaderValue) =
    (header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));

/// Serves until the process is told to end.
pub(crate) fn serve(address: &str, router: impl Future<Output = Result<Router>>) -> Result<()> {
    runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let mut end = signal(SignalKind::terminate())?;
        let router = router.await?;
        let listener = TcpListener::bind(address).await?;
        writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
        let listener = listener.tap_io(|stream| {
            // Only makes answers later if it fails.
            let _ = stream.set_nodelay(true);
        });
        tokio::select! {
            served = axum::serve(listener, router) => served?,
            _ = end.recv() => {}
        }
        anyhow::Ok(())
    })?;
    allocation::report();
    Ok(())
}
