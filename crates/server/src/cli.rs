//! The command line.

#[cfg(feature = "ldap")]
mod ldap;
mod migrate;
#[cfg(test)]
mod reference;
mod user;

pub(crate) mod audit;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use crossauth_settings::Inputs;

#[cfg(feature = "ldap")]
pub(crate) use ldap::{LdapCommand, LinkAccount, SyncAccounts, TestName};
pub(crate) use migrate::{ImportOptions, MigrateOptions};
pub(crate) use user::{
    AddUser, CreateKey, DeleteUser, ListUsers, NamedDevice, NamedKey, NamedSession, ResetFactor,
    RevokeAll, SetPassword, SetState, UserCommand,
};

/// A complete identity server: accounts, sessions, login pages.
///
/// Without a command, it serves. The first start creates the database and a secret, and prints a
/// one-time link that creates the first administrator.
#[derive(Debug, Parser)]
#[command(name = "crossauth", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// The command; `serve` if omitted.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Options of every command.
    #[command(flatten)]
    pub(crate) options: Options,
    /// Options of `serve`, if the command is omitted.
    #[command(flatten)]
    pub(crate) serve: ServeOptions,
}

const EXAMPLES: &str = "\
Examples:
  crossauth                                       serve on http://127.0.0.1:3000
  crossauth --config /etc/crossauth.toml          serve with the settings of a file
  crossauth config check                          report everything wrong with the settings
  crossauth config check --connect                try the configured servers, too
  crossauth doctor --mail you@example.com         check the running server from outside
  crossauth user add alice --email alice@example.com --admin
  echo \"$PASSWORD\" | crossauth user set-password alice --password-stdin

Every setting is also an environment variable: `listen` is CROSSAUTH_LISTEN, `log.level` is
CROSSAUTH_LOG_LEVEL. `crossauth config show` lists them all with their values.";

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        help = "Read settings from this TOML file [environment: CROSSAUTH_CONFIG]"
    )]
    config: Option<PathBuf>,
    /// Keep the database and the generated secret in this directory [default: crossauth-data]
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<String>,
    /// Set any setting other than a secret, for example log.level=debug
    #[arg(long, value_name = "KEY=VALUE", global = true)]
    set: Vec<String>,
}

/// Options of the server itself.
#[derive(Debug, Default, Args)]
pub(crate) struct ServeOptions {
    /// Listen on this address; port 0 selects a free port [default: 127.0.0.1:3000]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// The URL under which browsers reach the server
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Development mode: reload changed templates, do not wait at shutdown
    #[arg(long)]
    dev: bool,
}

impl Cli {
    /// Adds the settings from the command line. Unknown ones are reported when settings are loaded.
    pub(crate) fn add_to(&self, mut inputs: Inputs) -> Inputs {
        if let Some(path) = &self.options.config {
            inputs = inputs.file(path);
        }
        for text in &self.options.set {
            inputs = inputs.assignment(text);
        }
        if let Some(directory) = &self.options.data {
            inputs = inputs.argument("data", directory);
        }
        inputs = self.serve.add_to(inputs);
        match &self.command {
            Some(
                Command::Serve(options)
                | Command::Config(
                    ConfigCommand::Check(CheckOptions { serve: options, .. })
                    | ConfigCommand::Show(options),
                ),
            ) => options.add_to(inputs),
            Some(
                Command::Migrate(_)
                | Command::Doctor(_)
                | Command::User(_)
                | Command::Outbox(_)
                | Command::Audit(_)
                | Command::Config(ConfigCommand::Reference),
            )
            | None => inputs,
            #[cfg(feature = "ldap")]
            Some(Command::Ldap(_)) => inputs,
        }
    }
}

impl ServeOptions {
    fn add_to(&self, inputs: Inputs) -> Inputs {
        let given = [
            ("listen", self.listen.as_deref()),
            ("base_url", self.base_url.as_deref()),
            ("dev", self.dev.then_some("true")),
        ];
        let given = given.into_iter().filter_map(|(key, value)| Some((key, value?)));
        given.fold(inputs, |inputs, (key, value)| inputs.argument(key, value))
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve until stopped (the default)
    Serve(ServeOptions),
    /// Migrate the database to the current schema, or import one of upstream, and exit
    Migrate(MigrateOptions),
    /// Check or show the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check what operators get wrong: the public URL, cookies, the clock, files, disk, mail, LDAP
    Doctor(DoctorOptions),
    /// Manage accounts
    #[command(subcommand)]
    User(UserCommand),
    /// Try an LDAP directory, and manage the accounts of its users
    #[cfg(feature = "ldap")]
    #[command(subcommand)]
    Ldap(LdapCommand),
    /// Show and retry messages to users that were not sent
    #[command(subcommand)]
    Outbox(OutboxCommand),
    /// Show and verify the audit log
    #[command(subcommand)]
    Audit(audit::AuditCommand),
}

impl Default for Command {
    fn default() -> Self {
        Self::Serve(ServeOptions::default())
    }
}

/// What to check beyond the settings.
#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    /// Send a test message to this address
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) mail: Option<String>,
    /// Do not log in through the public URL, for which an account is created and deleted
    #[arg(long)]
    pub(crate) no_login: bool,
}

/// Commands for settings.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Report every problem that would prevent the server from starting; exit with 2 if there is
    /// one
    Check(CheckOptions),
    /// Print the settings in effect and their sources; secrets are hidden
    Show(ServeOptions),
    /// Print the reference page of all settings
    #[command(hide = true)]
    Reference,
}

/// What to check.
#[derive(Debug, Args)]
pub(crate) struct CheckOptions {
    /// Connect to the database, Redis, the LDAP directory and the mail server, and check versions,
    /// tables, rights and settings there; writes nothing
    #[arg(long)]
    pub(crate) connect: bool,
    /// The options of `serve`.
    #[command(flatten)]
    pub(crate) serve: ServeOptions,
}

/// Commands for messages.
#[derive(Debug, Subcommand)]
pub(crate) enum OutboxCommand {
    /// List messages that wait to be sent, the newest first; not what they say
    List(ListMessages),
    /// Send messages again that wait or were given up; a running server sends them
    Retry(RetryMessages),
}

/// Messages to list.
#[derive(Debug, Args)]
pub(crate) struct ListMessages {
    /// List the messages whose sending was given up instead; they are kept for 30 days
    #[arg(long)]
    pub(crate) dead: bool,
    /// Maximum number of messages
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Messages to send again.
#[derive(Debug, Args)]
pub(crate) struct RetryMessages {
    /// Their ids, as listed
    #[arg(value_name = "ID", required_unless_present_any = ["waiting", "dead"])]
    pub(crate) ids: Vec<String>,
    /// All that wait
    #[arg(long)]
    pub(crate) waiting: bool,
    /// All whose sending was given up
    #[arg(long)]
    pub(crate) dead: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn definition_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn id_that_begins_with_a_hyphen_is_taken_as_listed() {
        let command = Cli::command();
        let ids = ids_of(&command);
        assert!(ids.len() >= 6, "{ids:?}");
        for (id, is_hyphen_taken) in ids {
            assert!(is_hyphen_taken, "{id}");
        }
    }

    /// The arguments of a command and of those below it that are one id, and whether it may begin
    /// with a hyphen. Where there are several ids, an option after them would be taken as another
    /// one; those of messages never begin with a hyphen.
    fn ids_of(command: &clap::Command) -> Vec<(String, bool)> {
        let arguments = command.get_arguments().filter(|argument| {
            let mut names = argument.get_value_names().into_iter().flatten();
            matches!(argument.get_action(), clap::ArgAction::Set)
                && names.any(|name| name.as_str() == "ID")
        });
        let own = arguments.map(|argument| {
            let name = format!("{} {}", command.get_name(), argument.get_id());
            (name, argument.is_allow_hyphen_values_set())
        });
        own.chain(command.get_subcommands().flat_map(ids_of)).collect()
    }
}
