//! Devices on which the second factor is not asked for.

use std::io::{self, Write as _};

use crossauth_core::Auth;

use super::{find_any, report};
use crate::cli::NamedDevice;
use crate::command::format_time;

/// `crossauth user devices`
pub(super) async fn list(auth: &Auth, name: &str) -> anyhow::Result<()> {
    let account = find_any(auth, name).await?;
    let devices = auth.devices.list(&account.id).await?;
    if devices.is_empty() {
        writeln!(io::stderr(), "{} has no known devices", account.name.escape_debug())?;
        return Ok(());
    }
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", columns(["CREATED", "LAST USED", "EXPIRES", "ID", "NAME"]))?;
    for device in devices {
        let times = [Some(device.created), device.last_used, Some(device.expires)].map(format_time);
        let [created, last, expires] = &times;
        let name = device.name.unwrap_or_else(|| "-".to_owned()).escape_debug().to_string();
        writeln!(stdout, "{}", columns([created, last, expires, &device.id, &name]))?;
    }
    Ok(())
}

fn columns([created, last, expires, id, name]: [&str; 5]) -> String {
    format!("{created:<22} {last:<22} {expires:<22} {id:<44} {name}")
}

/// `crossauth user forget-device`
pub(super) async fn forget(auth: &Auth, device: &NamedDevice) -> anyhow::Result<()> {
    let account = find_any(auth, &device.username).await?;
    let forgotten = auth.devices.forget(&account.id, device.id.trim()).await?;
    let name = account.name.escape_debug();
    anyhow::ensure!(
        forgotten,
        "{name} has no device with this id; crossauth user devices lists them"
    );
    report(&account.name, "has one known device less")
}

/// `crossauth user forget-devices`
pub(super) async fn forget_all(auth: &Auth, name: &str) -> anyhow::Result<()> {
    let account = find_any(auth, name).await?;
    auth.accounts.forget_devices(&account.id).await?;
    report(&account.name, "has no known devices any more")
}
