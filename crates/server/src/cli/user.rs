//! Commands for accounts.

use clap::{Args, Subcommand};

/// Commands for accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Create an account; asks for the password, or mails a link to choose one
    Add(AddUser),
    /// List accounts in the order of their usernames
    List(ListUsers),
    /// Show an account
    Show(ShowUser),
    /// Set a password and end the account's sessions; asks for the password
    SetPassword(SetPassword),
    /// Mail a link to choose a new password; a running server sends it
    SendReset(NamedUser),
    /// Set the e-mail address of an account; an empty one removes it
    SetEmail(SetEmail),
    /// Set application fields of an account; an empty value clears the field
    Set(SetFields),
    /// Make an account an administrator
    MakeAdmin(NamedUser),
    /// Make an administrator an ordinary user
    RevokeAdmin(NamedUser),
    /// Disable an account and end its sessions
    Disable(NamedUser),
    /// Re-enable a disabled account; its user must log in again
    Enable(NamedUser),
    /// Put an account into another state, such as passwordchangeneeded; ends its sessions
    SetState(SetState),
    /// Reset a lost second factor; its user must set up one at the next login
    ResetFactor(ResetFactor),
    /// List the sessions of an account
    Sessions(NamedUser),
    /// End one session of an account
    EndSession(NamedSession),
    /// End the sessions of an account
    EndSessions(NamedUser),
    /// List the devices on which the second factor is not asked for
    Devices(NamedUser),
    /// Forget one device of an account
    ForgetDevice(NamedDevice),
    /// Forget the devices of an account
    ForgetDevices(NamedUser),
    /// End all sessions, make links in e-mails invalid and forget known devices, of every account;
    /// for a database that was restored from a backup
    RevokeAll(RevokeAll),
    /// List the API keys of an account
    Keys(NamedUser),
    /// Create an API key for an account, and print it once
    CreateKey(CreateKey),
    /// Delete one API key of an account
    DeleteKey(NamedKey),
    /// Delete an account with all that belongs to it
    Delete(DeleteUser),
}

/// A new account.
#[derive(Debug, Args)]
pub(crate) struct AddUser {
    /// The username
    pub(crate) username: String,
    /// The e-mail address
    #[arg(long)]
    pub(crate) email: Option<String>,
    /// Make the account an administrator
    #[arg(long)]
    pub(crate) admin: bool,
    /// Set no password: mail a link to choose one, which a running server sends
    #[arg(long, conflicts_with = "password_stdin")]
    pub(crate) invite: bool,
    /// Demand this second factor, such as totp, at the first login
    #[arg(long, value_name = "NAME")]
    pub(crate) factor: Option<String>,
    /// Read the password from the first line of standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// A page of accounts.
#[derive(Debug, Args)]
pub(crate) struct ListUsers {
    /// Only accounts whose username or e-mail address begins with this
    #[arg(value_name = "TEXT")]
    pub(crate) search: Option<String>,
    /// Only accounts in this state, such as disabled
    #[arg(long)]
    pub(crate) state: Option<String>,
    /// Only administrators
    #[arg(long)]
    pub(crate) admin: bool,
    /// Start after this username, the last one of the previous page
    #[arg(long, value_name = "NAME", group = "position", allow_hyphen_values = true)]
    pub(crate) after: Option<String>,
    /// End before this username, the first one of the next page
    #[arg(long, value_name = "NAME", group = "position", allow_hyphen_values = true)]
    pub(crate) before: Option<String>,
    /// The last accounts
    #[arg(long, group = "position")]
    pub(crate) last: bool,
    /// Maximum number of accounts
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// An account and the source of its password.
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
    /// Username or e-mail address
    pub(crate) username: String,
}

/// An account and its new state.
#[derive(Debug, Args)]
pub(crate) struct SetState {
    /// Username or e-mail address
    pub(crate) username: String,
    /// The new state: active, disabled, passwordchangeneeded, passwordresetneeded,
    /// factor2resetneeded or passwordandfactor2resetneeded
    pub(crate) state: String,
}

/// An account and what becomes of its second factor.
#[derive(Debug, Args)]
pub(crate) struct ResetFactor {
    /// Username or e-mail address
    pub(crate) username: String,
    /// Remove the second factor: its user need not set up another one
    #[arg(long)]
    pub(crate) remove: bool,
}

/// What to revoke.
#[derive(Debug, Args)]
pub(crate) struct RevokeAll {
    /// Delete all API keys, too
    #[arg(long)]
    pub(crate) keys: bool,
}

/// A new API key.
#[derive(Debug, Args)]
pub(crate) struct CreateKey {
    /// Username or e-mail address
    pub(crate) username: String,
    /// Its name, unique among the keys of the account
    pub(crate) name: String,
    /// One of the scopes that the settings name; may be given more than once
    #[arg(long)]
    pub(crate) scope: Vec<String>,
    /// How many days it is valid [default: as long as allowed]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36500))]
    pub(crate) days: Option<u32>,
}

/// A session of an account.
#[derive(Debug, Args)]
pub(crate) struct NamedSession {
    /// Username or e-mail address
    pub(crate) username: String,
    /// The id of the session, as listed
    #[arg(allow_hyphen_values = true)]
    pub(crate) id: String,
}

/// A device of an account.
#[derive(Debug, Args)]
pub(crate) struct NamedDevice {
    /// Username or e-mail address
    pub(crate) username: String,
    /// The id of the device, as listed
    #[arg(allow_hyphen_values = true)]
    pub(crate) id: String,
}

/// An API key of an account.
#[derive(Debug, Args)]
pub(crate) struct NamedKey {
    /// Username or e-mail address
    pub(crate) username: String,
    /// The id of the key, as listed
    #[arg(allow_hyphen_values = true)]
    pub(crate) id: String,
}

/// An account and how to show it.
#[derive(Debug, Args)]
pub(crate) struct ShowUser {
    /// Username or e-mail address
    pub(crate) username: String,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// An account and its new address.
#[derive(Debug, Args)]
pub(crate) struct SetEmail {
    /// Username or e-mail address
    pub(crate) username: String,
    /// The new address
    pub(crate) email: String,
}

/// An account and new values of its fields.
#[derive(Debug, Args)]
pub(crate) struct SetFields {
    /// Username or e-mail address
    pub(crate) username: String,
    /// Names and new values
    #[arg(value_name = "FIELD=VALUE", required = true)]
    pub(crate) fields: Vec<String>,
}

/// An account to delete.
#[derive(Debug, Args)]
pub(crate) struct DeleteUser {
    /// Username or e-mail address
    pub(crate) username: String,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}
