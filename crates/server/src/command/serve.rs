//! `crossauth serve`.

use std::io::{self, Write as _};
use std::sync::Arc;

use crossauth_axum::Crossauth;
use crossauth_settings::Settings;

use crate::data::DataDirectory;
use crate::database::Database;
use crate::serve::{Application, Readiness, Server, StopSignals};
use crate::wiring;

/// Serves until told to stop.
pub(super) async fn run(settings: &Settings) -> anyhow::Result<()> {
    let signals = StopSignals::catch()?;
    // Before any file is made: the port may be taken by the server whose files they are.
    let server = Server::bind(settings.server.listen).await?;
    let data = DataDirectory::at(&settings.server.data);
    let secret = wiring::secret(settings, &data)?;
    let database = Database::open(settings, &data).await?;
    let site = wiring::site(settings, &secret, database.storage(), server.address())?;
    announce(&server, &site).await;
    let tasks = tokio::spawn(site.tasks());
    let readiness = Arc::new(Readiness::new(Box::new(database.clone())));
    let application = Application { site: site.site(), crossauth: site, readiness };
    server.run(application, settings, signals).await;
    tasks.abort();
    database.close().await;
    Ok(())
}

/// Says where the server is, and how to make the first administrator if there is none.
///
/// Without a link, as on a full disk, it serves those who have sessions all the same.
async fn announce(server: &Server, site: &Crossauth) {
    let link = site.first_admin_link().await.unwrap_or_else(|error| {
        let link = "there is no link that creates the first administrator; start the server again";
        tracing::error!(%error, "{link}");
        None
    });
    let mut stdout = io::stdout().lock();
    // Whoever started the server may have closed its output; it serves all the same.
    let _ = writeln!(stdout, "listening on http://{}", server.address());
    if let Some(link) = link {
        let _ = writeln!(stdout, "create the first administrator at {link}");
    }
    let _ = stdout.flush();
}
