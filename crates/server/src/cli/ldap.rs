//! Commands for the directory.

use clap::{Args, Subcommand};

/// Commands for the directory.
#[derive(Debug, Subcommand)]
pub(crate) enum LdapCommand {
    /// Say step by step what the directory has for a name and what becomes of it; changes nothing
    Test(TestName),
    /// Compare accounts with their entries, as a running server does at each interval
    Sync(SyncAccounts),
    /// Create the account of an entry, so that its user can log in
    Add(AddEntry),
    /// Link a local account to its entry: the password of the directory counts from now on
    Link(LinkAccount),
    /// Make an account of the directory a local one, which has no password until one is set
    Unlink(UnlinkAccount),
}

/// A login name.
#[derive(Debug, Args)]
pub(crate) struct TestName {
    /// The name with which the user logs in
    #[arg(allow_hyphen_values = true)]
    pub(crate) name: String,
    /// Ask for the password, and verify it; a wrong one counts in the directory
    #[arg(long)]
    pub(crate) password: bool,
    /// Read the password from the first line of standard input, and verify it
    #[arg(long, conflicts_with = "password")]
    pub(crate) password_stdin: bool,
}

/// How to compare.
#[derive(Debug, Args)]
pub(crate) struct SyncAccounts {
    /// Only print what would be changed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Also if more than half of the accounts would be disabled
    #[arg(long)]
    pub(crate) force: bool,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// An entry without an account.
#[derive(Debug, Args)]
pub(crate) struct AddEntry {
    /// The name with which the user logs in
    #[arg(allow_hyphen_values = true)]
    pub(crate) name: String,
}

/// A local account and its entry.
#[derive(Debug, Args)]
pub(crate) struct LinkAccount {
    /// Username or e-mail address
    pub(crate) username: String,
    /// The id of the entry, as `ldap test` prints it, if its name is not the username or the account is linked to another entry
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub(crate) entry: Option<String>,
}

/// An account of the directory.
#[derive(Debug, Args)]
pub(crate) struct UnlinkAccount {
    /// Username or e-mail address
    pub(crate) username: String,
}
