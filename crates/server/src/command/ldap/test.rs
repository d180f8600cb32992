//! `crossauth ldap test`.

use std::io;
use std::process::ExitCode;

use anyhow::Context as _;
use crossauth_core::Auth;
use crossauth_core::directory::{
    Directory as _, DirectoryError, Entry, EntryRef, EntryRefusal, Verified,
};
use crossauth_settings::Settings;
use crossauth_storage_ldap::{Examination, Finding, FoundEntry, LdapDirectory};

use super::{NO_DIRECTORY, account, server};
use crate::cli::TestName;
use crate::command::finding::Findings;
use crate::command::password::{self, Origin};

/// Prints what each step of a login finds. Fails if the user could not log in.
pub(super) async fn run(
    settings: &Settings,
    auth: &Auth,
    options: &TestName,
) -> anyhow::Result<ExitCode> {
    let directory = settings.ldap_directory().map_err(anyhow::Error::from_boxed)?;
    let directory = directory.context(NO_DIRECTORY)?;
    let mut findings = Findings::default();
    let Examination { servers, finding, .. } = directory.examine(&options.name).await;
    server::report(settings, &servers, &mut findings)?;
    let mut entry = report(&finding, &options.name, &mut findings)?;
    if options.password || options.password_stdin {
        let verified = verify(&directory, options).await?;
        report_password(&verified, &mut findings)?;
        if let (None, Ok(Verified::Match(read))) = (&entry, verified) {
            describe(&read, &mut findings)?;
            entry = Some(*read);
        }
    }
    if let Some(entry) = entry {
        account::report(auth, &entry, &mut findings).await?;
    }
    Ok(findings.exit_code())
}

/// Reports what the name has in the directory, and returns the account that it becomes.
fn report(finding: &Finding, name: &str, findings: &mut Findings) -> io::Result<Option<Entry>> {
    match finding {
        Finding::Failed(error) => findings.problem(&format!("search: {}", server::problem(error)))?,
        Finding::Unread(dn) => findings.warning(&format!(
            "entry: {dn}, if it exists: without ldap.bind_dn, only its password tells; use --password"
        ))?,
        Finding::NotFound => {
            findings.problem(&format!(
                "entry: none has the name {name:?}: check the name, ldap.user_search_base, \
                 ldap.username_attribute and ldap.filter"
            ))?;
        }
        Finding::Ambiguous(names) => findings.problem(&format!(
            "entry: several have the name {name:?}, so none of them can log in: {}",
            names.join("; ")
        ))?,
        Finding::Found(found) => return report_entry(found, findings),
        _ => {}
    }
    Ok(None)
}

fn report_entry(found: &FoundEntry, findings: &mut Findings) -> io::Result<Option<Entry>> {
    findings.fine(&format!("entry: {}", found.dn))?;
    if let Some(id) = &found.id {
        findings.fine(&format!("id: {id}"))?;
    }
    for (attribute, values) in &found.attributes {
        findings.fine(&format!("attribute {attribute}: {}", values.join("; ")))?;
    }
    for group in &found.groups {
        findings.fine(&format!("group: {group}"))?;
    }
    if let (Some(refusal), Ok(_)) = (found.refusal, &found.account) {
        let attribute = found.disabled.map(|name| format!(" ({name})")).unwrap_or_default();
        findings.problem(&format!("refused: {refusal}{attribute}"))?;
    }
    match &found.account {
        Ok(entry) => {
            describe(entry, findings)?;
            Ok(Some(entry.clone()))
        }
        Err(reason) => {
            findings.problem(&format!("refused: it becomes no account: {reason}"))?;
            Ok(None)
        }
    }
}

/// What an entry becomes.
fn describe(entry: &Entry, findings: &mut Findings) -> io::Result<()> {
    findings.fine(&format!("username: {}", entry.username))?;
    let email = entry.email.as_deref().unwrap_or("none in the entry");
    findings.fine(&format!("e-mail address: {email}"))?;
    for (field, value) in &entry.fields {
        findings.fine(&format!("field {field}: {value}"))?;
    }
    match entry.admin {
        Some(true) => findings.fine("administrator: yes, by a group"),
        Some(false) => findings.fine("administrator: no, in none of the groups for that"),
        None => Ok(()),
    }
}

async fn verify(
    directory: &LdapDirectory,
    options: &TestName,
) -> anyhow::Result<Result<Verified, DirectoryError>> {
    let origin = if options.password { Origin::PromptOnce } else { Origin::StandardInput };
    let password = password::read(origin).await?;
    Ok(directory.verify(EntryRef::named(&options.name), &password).await)
}

fn report_password(
    verified: &Result<Verified, DirectoryError>,
    findings: &mut Findings,
) -> io::Result<()> {
    let because = |refusal: &Option<EntryRefusal>| {
        refusal.map(|refusal| format!(": {refusal}")).unwrap_or_default()
    };
    match verified {
        Ok(Verified::Match(_)) => findings.fine("password: correct"),
        Ok(Verified::MustChange(_)) => {
            findings.warning("password: correct, and must be changed at the login")
        }
        Ok(Verified::Refused(refusal)) => {
            findings.problem(&format!("password: correct, but the login is refused: {refusal}"))
        }
        Ok(Verified::Mismatch(refusal)) => {
            findings.problem(&format!("password: wrong{}", because(refusal)))
        }
        Err(error) => findings.problem(&format!("password: {error}")),
    }
}
