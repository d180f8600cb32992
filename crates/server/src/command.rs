//! What each command of the command line does.

mod config;
mod password;
mod serve;
mod user;

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use crossauth_settings::{Configuration, Inputs, Problems, Program, Settings};
use tokio::runtime::Builder;

use crate::cli::{Cli, Command, ConfigCommand, Options};
use crate::data::DataDirectory;
use crate::database::Database;
use crate::log;
use crate::wiring;

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
    let settings = &configuration.settings;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Config(command) => {
            if matches!(command, ConfigCommand::Check) {
                // Warnings about templates are logged.
                log::start(settings);
            }
            if let (ConfigCommand::Check, Err(error)) = (&command, wiring::dry_run(settings)) {
                writeln!(io::stderr(), "crossauth: {error:#}")?;
                return Ok(ExitCode::from(MISCONFIGURED));
            }
            config::run(command, &configuration)?;
        }
        Command::Serve => {
            log::start(settings);
            wait_for(Builder::new_multi_thread(), serve::run(settings))?;
        }
        Command::Migrate => {
            log::start(settings);
            wait_for(Builder::new_current_thread(), migrate(settings))?;
        }
        Command::User(command) => {
            log::start(settings);
            wait_for(Builder::new_current_thread(), user::run(settings, command))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Waits with the threads that a command needs: a server many, the others none.
fn wait_for(
    mut threads: Builder,
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    threads.enable_all().build().context("cannot start threads")?.block_on(work)
}

async fn migrate(settings: &Settings) -> anyhow::Result<()> {
    let data = DataDirectory::open(&settings.server.data)?;
    Database::open(settings, &data).await?.close().await;
    writeln!(io::stdout(), "the database is up to date")?;
    Ok(())
}

fn load(options: &Options) -> Result<Configuration, Problems> {
    options.add_to(Inputs::new(Program::Server).process_environment()).load()
}

fn report(problems: &Problems) -> ExitCode {
    let mut stderr = io::stderr().lock();
    for line in problems.to_string().lines() {
        // When standard error is closed, the exit code still tells.
        let _ = writeln!(stderr, "crossauth: {line}");
    }
    ExitCode::from(MISCONFIGURED)
}
