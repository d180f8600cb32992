//! `crossauth ldap`.

mod account;
pub(super) mod server;
mod sync;
mod test;

use std::process::ExitCode;

use anyhow::Context as _;
use crossauth_core::Auth;
use crossauth_core::directory::{DirectoryAccounts, EntryRef, LinkingError};
use crossauth_settings::Settings;

use super::user::{find, report};
use crate::cli::{LdapCommand, LinkAccount};
use crate::data::DataDirectory;
use crate::stores::Stores;
use crate::wiring;

const NO_DIRECTORY: &str = "there is no directory: set ldap.url";

/// Runs a command on the directory. A server may be running on the same database.
pub(super) async fn run(settings: &Settings, command: LdapCommand) -> anyhow::Result<ExitCode> {
    // Before anything is opened.
    anyhow::ensure!(!settings.ldap.urls.is_empty(), NO_DIRECTORY);
    let data = DataDirectory::at(&settings.server.data);
    let stores = if matches!(command, LdapCommand::Add(_)) {
        Stores::open(settings, &data).await?
    } else {
        Stores::open_existing(settings, &data).await?
    };
    if matches!(command, LdapCommand::Add(_)) {
        // As for every account that is added.
        stores.database().check_import().await?;
    }
    let secret = wiring::secret_for_command(settings, &data)?;
    let auth = wiring::auth(settings, secret, &stores.storage())?;
    let outcome = execute(settings, &auth, command).await;
    stores.close().await;
    outcome
}

async fn execute(
    settings: &Settings,
    auth: &Auth,
    command: LdapCommand,
) -> anyhow::Result<ExitCode> {
    let directory = auth.directory.as_ref().context(NO_DIRECTORY)?;
    match command {
        LdapCommand::Test(name) => return test::run(settings, auth, &name).await,
        LdapCommand::Sync(options) => return sync::run(directory, &options).await,
        LdapCommand::Add(entry) => add(directory, &entry.name).await?,
        LdapCommand::Link(account) => link(auth, directory, &account).await?,
        LdapCommand::Unlink(account) => unlink(auth, directory, &account.username).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn add(directory: &DirectoryAccounts, name: &str) -> anyhow::Result<()> {
    let user = directory.create(EntryRef::named(name)).await;
    let user = user.map_err(with_hint).context("no account was created")?;
    report(&user.username, "is created, and can log in")
}

async fn link(
    auth: &Auth,
    directory: &DirectoryAccounts,
    account: &LinkAccount,
) -> anyhow::Result<()> {
    let user = find(auth, &account.username).await?;
    let user = directory.link(&user, account.entry.as_deref()).await;
    let user = user.map_err(with_hint).context("the account was not linked")?;
    report(&user.username, "is linked to its entry; its sessions have ended")
}

fn with_hint(error: LinkingError) -> anyhow::Error {
    let hint = match error {
        LinkingError::NoSuchEntry => {
            "`crossauth ldap test` says which entry has a name, and why it may not log in"
        }
        LinkingError::OtherName { .. } | LinkingError::OtherEntry { .. } => {
            "if it is the same person, give the id of the entry: --entry ID"
        }
        LinkingError::NoSuchUser
        | LinkingError::Taken
        | LinkingError::NotLinked
        | LinkingError::Changed
        | LinkingError::Account(_)
        | LinkingError::Directory(_)
        | LinkingError::Storage(_) => return error.into(),
    };
    anyhow::Error::from(error).context(hint)
}

async fn unlink(auth: &Auth, directory: &DirectoryAccounts, name: &str) -> anyhow::Result<()> {
    let user = find(auth, name).await?;
    let user = directory.unlink(&user).await.context("the account was not unlinked")?;
    report(&user.username, "is a local account without a password; its sessions have ended")
}
