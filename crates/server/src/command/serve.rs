//! `crossauth serve`.

use std::io::{self, Write as _};
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use axum::Router;

use crate::data::DataDirectory;
use crate::log;
use crate::serve::{Probe, Readiness, Server, StopSignals};
use crate::settings::Settings;

/// Serves until told to stop.
pub(super) fn run(settings: &Settings) -> anyhow::Result<()> {
    log::start(settings);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start worker threads")?;
    runtime.block_on(serve(settings))
}

struct Fake;

#[async_trait]
impl Probe for Fake {
    async fn works(&self) -> bool {
        true
    }
}

async fn serve(settings: &Settings) -> anyhow::Result<()> {
    let signals = StopSignals::catch()?;
    let data = DataDirectory::open(&settings.data)?;
    let server = Server::bind(settings.listen).await?;
    let _ = data.secret()?;
    let _ = data.database();
    // Whoever started the server may have closed its output.
    let _ = writeln!(io::stdout().lock(), "listening on http://{}", server.address());
    let readiness = Arc::new(Readiness::new(Box::new(Fake)));
    server.run(Router::new(), settings, readiness, signals).await;
    Ok(())
}
