//! `crossauth serve`.

use std::io::{self, Write as _};
use std::sync::Arc;

use crossauth_axum::Crossauth;
use crossauth_settings::Settings;

use crate::data::DataDirectory;
use crate::database;
use crate::metrics::MetricsListener;
use crate::serve::{Application, Readiness, Server, StopSignals};
use crate::stores::Stores;
use crate::wiring;

/// Serves until stopped by a signal.
pub(super) async fn run(settings: &Settings) -> anyhow::Result<()> {
    let signals = StopSignals::catch()?;
    // Before any file is created: if the port is in use, the files may belong to that server.
    let server = Server::bind(settings.server.listen).await?;
    let metrics = match settings.metrics.listen {
        Some(address) => Some(MetricsListener::bind(address).await?),
        None => None,
    };
    let data = DataDirectory::at(&settings.server.data);
    let secret = wiring::secret(settings, &data)?;
    let stores = Stores::open(settings, &data).await?;
    stores.database().check_import().await?;
    let site = wiring::site(settings, &secret, stores.storage(), server.address())?;
    announce(&server, &site).await;
    let tasks = tokio::spawn(site.tasks());
    let readiness = Arc::new(Readiness::new(Box::new(stores.clone())));
    let application = Application {
        site: site.site(),
        crossauth: site,
        readiness,
        metrics,
        database: database::file(settings, &data),
    };
    server.run(application, settings, signals).await;
    tasks.abort();
    stores.close().await;
    Ok(())
}

/// Prints the address, and the set-up link if there is no administrator.
///
/// If no link can be issued, as on a full disk, it still serves existing users.
async fn announce(server: &Server, site: &Crossauth) {
    let link = site.first_admin_link().await.unwrap_or_else(|error| {
        let link = "there is no link that creates the first administrator; start the server again";
        tracing::error!(%error, "{link}");
        None
    });
    let mut stdout = io::stdout().lock();
    // Standard output may be closed; that does not prevent serving.
    let _ = writeln!(stdout, "listening on http://{}", server.address());
    if let Some(link) = link {
        let _ = writeln!(stdout, "create the first administrator at {link}");
    }
    let _ = stdout.flush();
}
