//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use crossauth_settings::Inputs;

/// A complete identity server: accounts, sessions, login pages.
///
/// Started without a command it serves, makes what it needs on first start, and prints a one-time
/// link that creates the first administrator.
#[derive(Debug, Parser)]
#[command(name = "crossauth", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// What to do; `serve` if nothing is said.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Which settings hold.
    #[command(flatten)]
    pub(crate) options: Options,
}

const EXAMPLES: &str = "\
Examples:
  crossauth                                       serve on http://127.0.0.1:3000
  crossauth --config /etc/crossauth.toml          serve as the file says
  crossauth config check                          report everything wrong with the settings
  crossauth user add alice --email alice@example.com --admin
  echo \"$PASSWORD\" | crossauth user set-password alice --password-stdin

Every setting is also a variable of the environment: `listen` is CROSSAUTH_LISTEN, `log.level` is
CROSSAUTH_LOG_LEVEL. `crossauth config show` lists them all with their values.";

/// Options that every command takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Read settings from this TOML file [environment: `CROSSAUTH_CONFIG`]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Keep the database and the generated secret in this directory [default: crossauth-data]
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<String>,
    /// Listen on this address; port 0 takes any free one [default: 127.0.0.1:3000]
    #[arg(long, value_name = "ADDR", global = true)]
    listen: Option<String>,
    /// The address under which browsers reach the server
    #[arg(long, value_name = "URL", global = true)]
    base_url: Option<String>,
    /// Development: read changed templates again, do not wait at shutdown
    #[arg(long, global = true)]
    dev: bool,
    /// Set any setting that is no secret, such as `log.level=debug`
    #[arg(long, value_name = "KEY=VALUE", global = true)]
    set: Vec<String>,
}

impl Options {
    /// Adds the settings that were given. Whether they exist is for the settings to say.
    pub(crate) fn add_to(&self, mut inputs: Inputs) -> Inputs {
        if let Some(path) = &self.config {
            inputs = inputs.file(path);
        }
        for text in &self.set {
            inputs = inputs.assignment(text);
        }
        let named = [
            ("data", self.data.as_deref()),
            ("listen", self.listen.as_deref()),
            ("base_url", self.base_url.as_deref()),
            ("dev", self.dev.then_some("true")),
        ];
        let named = named.into_iter().filter_map(|(key, value)| Some((key, value?)));
        named.fold(inputs, |inputs, (key, value)| inputs.argument(key, value))
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve until told to stop (the default)
    Serve,
    /// Bring the database up to date and stop
    Migrate,
    /// Look at the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Manage accounts
    #[command(subcommand)]
    User(UserCommand),
}

/// What to do with the settings.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Report everything that is wrong, and exit with 2 if anything is
    Check,
    /// Print the settings in effect and where each comes from; secrets are hidden
    Show,
    /// Print the reference page of all settings
    #[command(hide = true)]
    Reference,
}

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Create an account; the password is asked for
    Add(AddUser),
    /// List accounts in the order of their names
    List(ListUsers),
    /// Set a password and end the account's sessions; the password is asked for
    SetPassword(SetPassword),
    /// Keep an account from being used, and end its sessions
    Disable(NamedUser),
    /// Open a shut account: it is active then, whatever it was before; its user logs in anew
    Enable(NamedUser),
}

/// A new account.
#[derive(Debug, Args)]
pub(crate) struct AddUser {
    /// The name to log in with
    pub(crate) username: String,
    /// The address for mails
    #[arg(long)]
    pub(crate) email: Option<String>,
    /// Let the account administer others
    #[arg(long)]
    pub(crate) admin: bool,
    /// Read the password from the first line of standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// A page of accounts.
#[derive(Debug, Args)]
pub(crate) struct ListUsers {
    /// Begin after this name, the last of the page before
    #[arg(long, value_name = "NAME")]
    pub(crate) after: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// An account and where its password comes from.
#[derive(Debug, Args)]
pub(crate) struct SetPassword {
    /// The account
    pub(crate) username: String,
    /// Read the password from the first line of standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// An account.
#[derive(Debug, Args)]
pub(crate) struct NamedUser {
    /// The account
    pub(crate) username: String,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
