//! What is found about the servers of the directory.

use std::io;
use std::time::Duration;

use crossauth_core::clock::{Clock as _, SystemClock, Timestamp};
use crossauth_core::directory::{DirectoryError, DirectoryErrorKind};
use crossauth_settings::Settings;
use crossauth_settings::section::LdapPasswordChange;
use crossauth_storage_ldap::{Examination, Finding, ServerExamination};

use crate::command::doctor::clock::TOLERANCE;
use crate::command::finding::Findings;
use crate::command::format_time;

/// How long before the certificate of a server expires there is a warning.
const EXPIRES_SOON: Duration = Duration::from_hours(14 * 24);

/// A name that no user has, to try the search.
const NO_USER: &str = "crossauth-config-check";

/// Connects to each server of the directory, if there is one, searches for a user who does not exist,
/// and reports the outcome.
pub(in crate::command) async fn check(
    settings: &Settings,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let directory = settings.ldap_directory().map_err(anyhow::Error::from_boxed)?;
    let Some(directory) = directory else { return Ok(()) };
    let Examination { servers, finding, .. } = directory.examine(NO_USER).await;
    report(settings, &servers, findings)?;
    let is_usable = servers.iter().any(|server| server.problem.is_none());
    match finding {
        Finding::Failed(error) if is_usable => findings.problem(&problem(&error))?,
        Finding::NotFound => {
            let base = settings.ldap.base.as_deref().unwrap_or_default();
            findings.fine(&format!("ldap: users are searched for below {base}"))?;
        }
        Finding::Failed(_) | Finding::Unread(_) | Finding::Ambiguous(_) | Finding::Found(_) | _ => {
        }
    }
    Ok(())
}

/// Reports what was found about each server.
pub(super) fn report(
    settings: &Settings,
    servers: &[ServerExamination],
    findings: &mut Findings,
) -> io::Result<()> {
    let has_another = servers.iter().any(|server| server.problem.is_none());
    for server in servers {
        match &server.problem {
            // As intended with several servers.
            Some(error) if has_another && is_outage(error) => {
                findings.warning(&format!("ldap: {error}"))?;
            }
            Some(error) => findings.problem(&problem(error))?,
            None => describe(settings, server, SystemClock.now(), findings)?,
        }
    }
    Ok(())
}

fn is_outage(error: &DirectoryError) -> bool {
    matches!(error.kind, DirectoryErrorKind::Unreachable | DirectoryErrorKind::TimedOut)
}

/// A problem with what to do about it.
pub(super) fn problem(error: &DirectoryError) -> String {
    let hint = match error.kind {
        DirectoryErrorKind::Unreachable => "does the server run, and listen at this address?",
        DirectoryErrorKind::TimedOut => "check the address, and whether a firewall is in between",
        DirectoryErrorKind::Certificate => {
            "the certificate must be valid for the host in the URL and issued by an authority that \
             is trusted: set ldap.ca_file to that authority's certificate"
        }
        DirectoryErrorKind::ServiceAccount => "check ldap.bind_dn and ldap.bind_password",
        DirectoryErrorKind::Configuration => {
            "check ldap.user_search_base, ldap.group_base and ldap.filter"
        }
        DirectoryErrorKind::Protocol => "see the log of the server",
        DirectoryErrorKind::TooLarge => {
            "remove values or groups of the entry, or set ldap.group_base"
        }
        DirectoryErrorKind::Busy => "try again",
        _ => return format!("ldap: {error}"),
    };
    format!("ldap: {error}: {hint}")
}

fn describe(
    settings: &Settings,
    server: &ServerExamination,
    now: Timestamp,
    findings: &mut Findings,
) -> io::Result<()> {
    let url = &server.url;
    let product = server.product.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
    let tls = server.tls.as_deref().unwrap_or("without TLS");
    let account = match &settings.ldap.bind_dn {
        Some(dn) => format!("the account {dn}"),
        None => "an anonymous connection".to_owned(),
    };
    findings.fine(&format!("ldap: {url}{product} accepts {account}, {tls}"))?;
    if let Some(expiry) = server.certificate_expiry.filter(|expiry| *expiry < now + EXPIRES_SOON) {
        let at = format_time(Some(expiry));
        findings.warning(&format!("ldap: the certificate of {url} expires at {at}: renew it"))?;
    }
    let differs = server.time.map(|time| time.since(now).max(now.since(time)));
    if let Some(difference) = differs.filter(|difference| *difference > TOLERANCE) {
        let seconds = difference.as_secs();
        findings.problem(&format!(
            "ldap: the clock of this machine and that of {url} differ by {seconds} s: synchronize both"
        ))?;
    }
    let is_rfc3062 = settings.ldap.password_change == LdapPasswordChange::Rfc3062;
    if is_rfc3062 && !server.changes_passwords {
        findings.warning(&format!(
            "ldap: {url} does not list the operation of ldap.password_change = \"rfc3062\": \
             without it, users cannot change their password here"
        ))?;
    }
    Ok(())
}
