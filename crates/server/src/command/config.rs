//! `crossauth config`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use crossauth_settings::{Configuration, Settings, reference_page};

use super::check::{self, Servers};
use super::finding::Findings;
use super::{EXIT_CONFIG, UNREAD_FILE, connect, report, unread_file};
use crate::data::DataDirectory;
use crate::report::describe;

/// Reports every problem that would prevent the server from starting. The settings themselves were
/// checked when they were loaded. Connects to servers only if `connect` is set.
pub(super) async fn check(settings: &Settings, connect: bool) -> anyhow::Result<ExitCode> {
    let problems = check::run(settings, Servers::Leave).await;
    let problems: Vec<String> = problems.iter().map(describe).collect();
    if !problems.is_empty() {
        return Ok(report(problems.iter().map(String::as_str)));
    }
    if connect {
        let mut findings = Findings::default();
        let data = DataDirectory::at(&settings.server.data);
        connect::check(settings, &data, &mut findings).await?;
        if findings.has_problem() {
            return Ok(ExitCode::from(EXIT_CONFIG));
        }
    }
    writeln!(io::stdout(), "the configuration is valid{}", untried(settings, connect))?;
    Ok(ExitCode::SUCCESS)
}

/// A note if there are servers to which the check did not connect.
fn untried(settings: &Settings, connect: bool) -> &'static str {
    let has_server = settings.database.url.is_some() || settings.sessions.url.is_some();
    if has_server && !connect { "; --connect tries the servers, too" } else { "" }
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
