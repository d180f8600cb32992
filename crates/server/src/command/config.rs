//! `crossauth config`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use crossauth_settings::{Configuration, reference_page};

use crate::cli::ConfigCommand;

/// Shows the settings, which were found to be right when they were loaded.
pub(super) fn run(command: ConfigCommand, configuration: &Configuration) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match command {
        ConfigCommand::Check => writeln!(stdout, "the settings are right"),
        ConfigCommand::Show => {
            configuration.lines().try_for_each(|line| writeln!(stdout, "{line}"))
        }
        ConfigCommand::Reference => stdout.write_all(reference_page().as_bytes()),
    }
}

/// Prints the reference page, for which no setting needs to be right.
pub(super) fn reference() -> anyhow::Result<ExitCode> {
    io::stdout().lock().write_all(reference_page().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
