//! The commands of the command line.

mod audit;
mod check;
mod config;
mod connect;
mod doctor;
mod finding;
#[cfg(feature = "ldap")]
mod ldap;
mod migrate;
mod outbox;
mod password;
mod serve;
mod user;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use crossauth_core::caller::{Actor, Caller};
use crossauth_core::clock::Timestamp;
use crossauth_settings::{Configuration, Inputs, Problems, Program};
use tokio::runtime::Builder;

use crate::cli::{Cli, Command, ConfigCommand};
use crate::data::operator;
use crate::log;
use crate::process;
use crate::report::printable;

/// Exit code for wrong usage or configuration.
const EXIT_CONFIG: u8 = 2;

/// Runs the command and returns the exit code.
pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if let Some(Command::Config(ConfigCommand::Reference)) = cli.command {
        return config::reference();
    }
    let configuration = match load(&cli) {
        Ok(configuration) => configuration,
        Err(problems) => return Ok(report(problems.to_string().lines())),
    };
    let settings = &configuration.settings;
    let command = cli.command.unwrap_or_default();
    if matches!(command, Command::Serve(_)) {
        process::check_limits(settings)?;
    }
    // What the doctor finds is its output.
    let logs = !matches!(command, Command::Config(ConfigCommand::Show(_)) | Command::Doctor(_));
    // Flushes the log when dropped.
    let _log = logs.then(|| log::start(settings)).transpose()?;
    if logs {
        log_ignored_variables(&configuration);
    }
    match command {
        Command::Config(ConfigCommand::Check(options)) => {
            let check = config::check(settings, options.connect);
            return wait_for(Builder::new_current_thread(), check);
        }
        Command::Config(ConfigCommand::Show(_)) => config::show(&configuration)?,
        Command::Config(ConfigCommand::Reference) => return config::reference(),
        Command::Doctor(options) => {
            return by_operator(doctor::run(&configuration, options));
        }
        Command::Serve(_) => wait_for(Builder::new_multi_thread(), serve::run(settings))?,
        Command::Migrate(options) => {
            return by_operator(migrate::run(settings, &options));
        }
        Command::Outbox(command) => by_operator(outbox::run(settings, command))?,
        Command::User(command) => by_operator(user::run(settings, command))?,
        #[cfg(feature = "ldap")]
        Command::Ldap(command) => {
            return by_operator(ldap::run(settings, command));
        }
        Command::Audit(command) => {
            if !by_operator(audit::run(settings, command))? {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn log_ignored_variables(configuration: &Configuration) {
    for variable in configuration.ignored() {
        tracing::debug!(variable, "ignored: set by an orchestrator or an image");
    }
    for warning in configuration.warnings() {
        tracing::warn!("{warning}");
    }
    if unread_file(configuration) {
        tracing::warn!("{UNREAD_FILE}");
    }
}

/// A file in the working directory that users may expect to be read.
const FILE: &str = "crossauth.toml";

const UNREAD_FILE: &str = "./crossauth.toml is not read: use --config crossauth.toml to read it";

/// Whether there is a settings file that was not specified.
fn unread_file(configuration: &Configuration) -> bool {
    configuration.file().is_none() && Path::new(FILE).is_file()
}

/// Runs `work` on a runtime: multi-threaded for the server, single-threaded for other commands.
fn wait_for<T>(
    mut threads: Builder,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    threads.enable_all().build().context("cannot start threads")?.block_on(work)
}

/// Runs a command of the person at the command line, whom the audit log names.
fn by_operator<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let operator = Caller::new(Actor::Operator { name: operator() });
    wait_for(Builder::new_current_thread(), operator.run(work))
}

/// Formats a time in UTC.
fn format_time(time: Option<Timestamp>) -> String {
    time.and_then(Timestamp::to_rfc3339).unwrap_or_else(|| "-".to_owned())
}

fn load(cli: &Cli) -> Result<Configuration, Problems> {
    cli.add_to(Inputs::new(Program::Server).process_environment()).load()
}

fn report<'a>(problems: impl Iterator<Item = &'a str>) -> ExitCode {
    let mut stderr = io::stderr().lock();
    for problem in problems {
        // If standard error is closed, the exit code still reports the failure.
        let _ = writeln!(stderr, "crossauth: {}", printable(problem));
    }
    ExitCode::from(EXIT_CONFIG)
}
