//! What each command of the command line does.

mod config;
mod serve;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::{Cli, Command, ConfigCommand, Options};
use crate::settings::{CONFIG_FILE, Configuration, Inputs, Problem};

/// Wrong usage or configuration.
const MISCONFIGURED: u8 = 2;

/// Does what the command line asks and says with what code to exit.
pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if let Some(Command::Config(ConfigCommand::Reference)) = cli.command {
        return config::reference();
    }
    let configuration = match load(&cli.options) {
        Ok(configuration) => configuration,
        Err(problems) => return Ok(report(&problems)),
    };
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(&configuration.settings)?,
        Command::Config(command) => config::run(command, &configuration)?,
        Command::Migrate | Command::User(_) => anyhow::bail!("not wired"),
    }
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::disallowed_methods, reason = "the server is who reads the environment")]
fn load(options: &Options) -> Result<Configuration, Vec<Problem>> {
    let named = std::env::var_os(CONFIG_FILE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let file = options.config.clone().or(named);
    Inputs {
        file: file.as_deref(),
        environment: std::env::vars_os().collect(),
        arguments: options.settings(),
    }
    .load()
}

fn report(problems: &[Problem]) -> ExitCode {
    let mut stderr = io::stderr().lock();
    for problem in problems {
        // When standard error is closed, the exit code still tells.
        let _ = writeln!(stderr, "crossauth: {problem}");
    }
    ExitCode::from(MISCONFIGURED)
}
