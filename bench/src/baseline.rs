//! What the baselines share with the server: listening, the address on standard output, shutdown.

use std::convert::Infallible;
use std::io::Write as _;

use anyhow::Result;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tower::Service;
use tower::make::Shared;

use crate::allocation;

/// The content type of every response.
pub(crate) const JSON: (HeaderName, HeaderValue) =
    (header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));

/// Serves until the process is terminated.
pub(crate) fn serve<S>(address: &str, service: impl Future<Output = Result<S>>) -> Result<()>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send>,
    S: Clone + Send + 'static,
{
    runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let mut end = signal(SignalKind::terminate())?;
        let service = service.await?;
        let listener = TcpListener::bind(address).await?;
        writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
        let listener = listener.tap_io(|stream| {
            // A failure only delays responses.
            let _ = stream.set_nodelay(true);
        });
        tokio::select! {
            served = axum::serve(listener, Shared::new(service)) => served?,
            _ = end.recv() => {}
        }
        anyhow::Ok(())
    })?;
    allocation::report();
    Ok(())
}
