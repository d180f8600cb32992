//! Sessions of accounts.

use std::io::{self, Write as _};

use crossauth_core::Auth;
use crossauth_core::session::ListedSession;

use super::{find_any, report};
use crate::cli::NamedSession;
use crate::command::format_time;

/// `crossauth user sessions`
pub(super) async fn list(auth: &Auth, name: &str) -> anyhow::Result<()> {
    let account = find_any(auth, name).await?;
    let sessions = auth.sessions.list_of(&account.id).await?;
    if sessions.is_empty() {
        writeln!(io::stderr(), "{} has no sessions", account.name.escape_debug())?;
        return Ok(());
    }
    let mut stdout = io::stdout().lock();
    writeln!(
        stdout,
        "{}",
        columns(["CREATED", "LAST USED", "EXPIRES", "ADDRESS", "ID", "DEVICE"])
    )?;
    for session in sessions {
        let ListedSession { id, created, last_active, expires, device, address, .. } = session;
        let times = [Some(created), Some(last_active), expires].map(format_time);
        let address = address.map_or_else(|| "-".to_owned(), |address| address.to_string());
        let device = device.unwrap_or_else(|| "-".to_owned()).escape_debug().to_string();
        let [created, last, expires] = &times;
        writeln!(stdout, "{}", columns([created, last, expires, &address, &id, &device]))?;
    }
    Ok(())
}

fn columns([created, last, expires, address, id, device]: [&str; 6]) -> String {
    format!("{created:<22} {last:<22} {expires:<22} {address:<16} {id:<44} {device}")
}

/// `crossauth user end-session`
pub(super) async fn end(auth: &Auth, session: &NamedSession) -> anyhow::Result<()> {
    let account = find_any(auth, &session.username).await?;
    let ended = auth.sessions.end_listed_of(&account.id, session.id.trim()).await?;
    let name = account.name.escape_debug();
    anyhow::ensure!(
        ended,
        "{name} has no session with this id; crossauth user sessions lists them"
    );
    report(&account.name, "has one session less")
}

/// `crossauth user end-sessions`
pub(super) async fn end_all(auth: &Auth, name: &str) -> anyhow::Result<()> {
    let account = find_any(auth, name).await?;
    auth.accounts.end_sessions(&account.id, None).await?;
    report(&account.name, "has no sessions any more")
}
