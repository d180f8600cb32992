//! The account of an entry.

use crossauth_core::Auth;
use crossauth_core::directory::{DirectoryAccounts, Entry, FirstLogin};
use crossauth_core::user::{User, UserState};

use crate::command::finding::Findings;

/// Reports whether the entry has an account, or gets one at the login.
pub(super) async fn report(
    auth: &Auth,
    entry: &Entry,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let Some(directory) = &auth.directory else { return Ok(()) };
    match directory.find(entry).await? {
        Some(user) if auth.is_of_directory(&user.factor1) => {
            report_link(directory, &user, entry, findings).await
        }
        Some(user) => Ok(findings.problem(&format!(
            "refused: the account {} is a local one; if it is the same person: crossauth ldap link {}",
            user.username, user.username
        ))?),
        None => report_missing(directory, entry, findings),
    }
}

async fn report_link(
    directory: &DirectoryAccounts,
    user: &User,
    entry: &Entry,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let name = &user.username;
    if let Some(reason) = directory.refusal_of_name(user, entry).await? {
        findings.problem(&format!(
            "refused: the account {name} is linked by its name, and {reason}; if it is the same person: \
             crossauth ldap link {name} --entry {}",
            entry.id
        ))?;
        return Ok(());
    }
    match directory.entry_of(user).await? {
        None => findings.fine(&format!("account: {name}, linked by its name"))?,
        Some(id) if id == entry.id => findings.fine(&format!("account: {name}, linked to it"))?,
        Some(id) => findings.problem(&format!(
            "refused: the account {name} is linked to another entry, with the id {id}"
        ))?,
    }
    if user.state == UserState::Disabled {
        findings.problem(&format!("refused: the account {name} is disabled"))?;
    }
    Ok(())
}

fn report_missing(
    directory: &DirectoryAccounts,
    entry: &Entry,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    if let Err(error) = directory.check(entry) {
        findings.problem(&format!("refused: no account can be created: {error}"))?;
        return Ok(());
    }
    match directory.first_login() {
        FirstLogin::CreatesAccount => findings.fine("account: created at the first login")?,
        FirstLogin::NeedsAccount => findings.problem(&format!(
            "refused: there is no account {}; crossauth ldap add creates it",
            entry.username
        ))?,
    }
    Ok(())
}
