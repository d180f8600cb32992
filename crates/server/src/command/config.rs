//! `crossauth config`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use crossauth_settings::{Configuration, Settings, reference_page};

use super::{UNREAD_FILE, check, report, unread_file};
use crate::report::describe;

/// Reports every problem that would prevent the server from starting. The settings themselves were
/// checked when they were loaded.
pub(super) async fn check(settings: &Settings) -> anyhow::Result<ExitCode> {
    let problems: Vec<String> = check::run(settings).await.iter().map(describe).collect();
    if !problems.is_empty() {
        return Ok(report(problems.iter().map(String::as_str)));
    }
    writeln!(io::stdout(), "the configuration is valid")?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the settings in effect and their sources.
pub(super) fn show(configuration: &Configuration) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    if unread_file(configuration) {
        writeln!(stdout, "# {UNREAD_FILE}")?;
    }
    for warning in configuration.warnings() {
        writeln!(stdout, "# warning: {warning}")?;
    }
    for line in configuration.lines() {
        writeln!(stdout, "{line}")?;
    }
    for variable in configuration.ignored() {
        writeln!(stdout, "# {variable} is ignored: set by an orchestrator or an image")?;
    }
    Ok(())
}

/// Prints the reference page; works even if settings are invalid.
pub(super) fn reference() -> anyhow::Result<ExitCode> {
    io::stdout().lock().write_all(reference_page().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
