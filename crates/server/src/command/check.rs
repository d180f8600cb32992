//! `crossauth config check`: the checks of a start, without starting or creating anything.

use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use anyhow::Context as _;
use crossauth_settings::Settings;
use rustix::fs::{Access, access};

use crate::data::DataDirectory;
use crate::metrics::METRICS_OPTION;
use crate::serve::cannot_listen;
use crate::{stores, wiring};

/// Whether to connect to the servers of the database and of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Servers {
    /// Connect.
    Ask,
    /// Check only how they are configured.
    Leave,
}

/// Every problem that would prevent the server from starting.
pub(super) async fn run(settings: &Settings, servers: Servers) -> Vec<anyhow::Error> {
    let data = DataDirectory::at(&settings.server.data);
    let checks = [
        wiring::dry_run(settings),
        check_address(settings.server.listen, "--listen"),
        check_metrics_address(settings),
        check_secret(settings, &data),
        check_stores(settings, &data, servers).await,
        check_data_directory(settings, &data),
    ];
    checks.into_iter().filter_map(Result::err).collect()
}

/// An address in use is not a problem: the server may be running on it.
fn check_address(address: SocketAddr, option: &str) -> anyhow::Result<()> {
    match TcpListener::bind(address) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => Ok(()),
        Err(error) => Err(cannot_listen(address, option, error)),
        Ok(_) => Ok(()),
    }
}

fn check_metrics_address(settings: &Settings) -> anyhow::Result<()> {
    settings.metrics.listen.map_or(Ok(()), |address| check_address(address, METRICS_OPTION))
}

async fn check_stores(
    settings: &Settings,
    data: &DataDirectory,
    servers: Servers,
) -> anyhow::Result<()> {
    match servers {
        Servers::Ask => stores::inspect(settings, data).await,
        Servers::Leave => stores::check(settings, data).await,
    }
}

fn check_secret(settings: &Settings, data: &DataDirectory) -> anyhow::Result<()> {
    if settings.site.secret.is_none() {
        data.existing_secret()?;
    }
    Ok(())
}

/// Checks that the files in the data directory can be written.
fn check_data_directory(settings: &Settings, data: &DataDirectory) -> anyhow::Result<()> {
    let secret_missing = settings.site.secret.is_none() && !data.has_secret();
    if (settings.database.path.is_some() || settings.database.url.is_some()) && !secret_missing {
        return Ok(());
    }
    let path = std::path::absolute(&settings.server.data)?;
    let shown = settings.server.data.display();
    let existing = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    anyhow::ensure!(
        fs::metadata(existing).is_ok_and(|metadata| metadata.is_dir()),
        "cannot create the data directory {shown}: {} is not a directory",
        existing.display()
    );
    access(existing, Access::WRITE_OK | Access::EXEC_OK)
        .with_context(|| format!("cannot write to the data directory {shown}"))
}
