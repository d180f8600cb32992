//! API keys of accounts.

use std::io::{self, Write as _};
use std::time::Duration;

use crossauth_core::Auth;

use super::{find, find_any, report};
use crate::cli::{CreateKey, NamedKey};
use crate::command::format_time;

/// `crossauth user keys`
pub(super) async fn list(auth: &Auth, name: &str) -> anyhow::Result<()> {
    let account = find_any(auth, name).await?;
    let keys = auth.api_keys.list(Some(&account.id)).await?;
    if keys.is_empty() {
        writeln!(io::stderr(), "{} has no API keys", account.name.escape_debug())?;
        return Ok(());
    }
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", columns(["CREATED", "LAST USED", "EXPIRES", "ID", "NAME", "SCOPE"]))?;
    for key in keys {
        let times = [Some(key.created), key.last_used, key.expires].map(format_time);
        let [created, last, expires] = &times;
        let text = |text: &str| text.escape_debug().to_string();
        let (name, scope) = (text(&key.name), text(&key.scope.join(" ")));
        writeln!(stdout, "{}", columns([created, last, expires, &key.id, &name, &scope]))?;
    }
    Ok(())
}

fn columns([created, last, expires, id, name, scope]: [&str; 6]) -> String {
    format!("{created:<22} {last:<22} {expires:<22} {id:<44} {name:<20} {scope}")
}

/// `crossauth user create-key`: prints the key alone on standard output.
pub(super) async fn create(auth: &Auth, new: CreateKey) -> anyhow::Result<()> {
    let user = find(auth, &new.username).await?;
    let lifetime = new.days.map(|days| Duration::from_secs(u64::from(days) * 24 * 60 * 60));
    let issued = auth.api_keys.create_for(&user, &new.name, lifetime, new.scope).await?;
    writeln!(io::stdout(), "{}", issued.token)?;
    let name = user.username.escape_debug();
    writeln!(io::stderr(), "{name} has a new API key, which is not shown again")?;
    Ok(())
}

/// `crossauth user delete-key`
pub(super) async fn delete(auth: &Auth, key: &NamedKey) -> anyhow::Result<()> {
    let account = find_any(auth, &key.username).await?;
    let deleted = auth.api_keys.delete(Some(&account.id), key.id.trim()).await?;
    let name = account.name.escape_debug();
    anyhow::ensure!(
        deleted.is_some(),
        "{name} has no API key with this id; crossauth user keys lists them"
    );
    report(&account.name, "has one API key less")
}
