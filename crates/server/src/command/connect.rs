//! Connects to the configured servers: the database, Redis, the directory, and the mail server.

use std::time::Duration;

use crossauth_settings::Settings;
use crossauth_storage_sql::OpenWarning;
use tokio::time::timeout;

use super::finding::Findings;
#[cfg(feature = "ldap")]
use super::ldap;
use crate::data::DataDirectory;
use crate::report::describe;
use crate::{database, stores};

/// Maximum time to connect to the mail server.
const MAIL_LIMIT: Duration = Duration::from_secs(30);

/// Connects to each configured server and to the database file. Writes nothing.
pub(super) async fn check(
    settings: &Settings,
    data: &DataDirectory,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    check_database(settings, data, findings).await?;
    if settings.sessions.url.is_some() {
        report_redis(settings, findings).await?;
    }
    #[cfg(feature = "ldap")]
    ldap::server::check(settings, findings).await?;
    check_mail(settings, findings).await
}

/// Reports the version of the servers of the database and of sessions, settings that make trouble,
/// missing rights, and the servers of the directory.
pub(super) async fn examine(settings: &Settings, findings: &mut Findings) -> anyhow::Result<()> {
    if settings.database.url.is_some() {
        report_database(settings, findings).await?;
    }
    if settings.sessions.url.is_some() {
        report_redis(settings, findings).await?;
    }
    #[cfg(feature = "ldap")]
    ldap::server::check(settings, findings).await?;
    Ok(())
}

async fn check_database(
    settings: &Settings,
    data: &DataDirectory,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let warnings = match database::inspect(settings, data).await {
        Ok(warnings) => warnings,
        Err(error) => return Ok(findings.problem(&with_hint(&describe(&error)))?),
    };
    if settings.database.url.is_some() {
        report_database(settings, findings).await?;
    }
    if !warnings.contains(&OpenWarning::Outdated) {
        findings.fine("database: its tables are those of this version")?;
    }
    for warning in &warnings {
        findings.warning(&format!("database: {warning}"))?;
    }
    Ok(())
}

async fn report_database(settings: &Settings, findings: &mut Findings) -> anyhow::Result<()> {
    report("database", database::examine(settings).await, findings)
}

async fn report_redis(settings: &Settings, findings: &mut Findings) -> anyhow::Result<()> {
    report("sessions", stores::examine(settings).await, findings)
}

/// Reports what was found about a server under the name of its settings.
fn report(
    section: &str,
    found: anyhow::Result<Option<database::Report>>,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let found = match found {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(()),
        Err(error) => return Ok(findings.problem(&with_hint(&describe(&error)))?),
    };
    let server = found.server.as_deref().unwrap_or("the server");
    findings.fine(&format!("{section}: {server} accepts the connection"))?;
    for problem in &found.problems {
        findings.problem(&format!("{section}: {problem}"))?;
    }
    for warning in &found.warnings {
        findings.warning(&format!("{section}: {warning}"))?;
    }
    Ok(())
}

async fn check_mail(settings: &Settings, findings: &mut Findings) -> anyhow::Result<()> {
    let Some(server) = settings.mail_server().map_err(anyhow::Error::from_boxed)? else {
        return Ok(());
    };
    match timeout(MAIL_LIMIT, server.check()).await {
        Ok(Ok(())) => findings.fine("mail: the server accepts the connection and the account")?,
        Ok(Err(error)) => findings.problem(&with_hint(&format!("mail: {error}")))?,
        Err(_) => findings.problem("mail: the server does not respond: check mail.smtp_host")?,
    }
    Ok(())
}

/// Parts of error messages, in lower case, and what to do about them. The first that fits counts.
const HINTS: [(&[&str], &str); 7] = [
    (
        &["connection refused", "no such file or directory"],
        "does the server run, and listen at this address?",
    ),
    (
        &["failed to lookup address", "name or service not known", "dns error"],
        "check the name of the host",
    ),
    (
        &["28p01)", "28000)", "(error 1045,", "wrongpass", "noauth", "refuses the account"],
        "check the user and the password",
    ),
    (&["3d000)", "(error 1049,"], "create the database, or correct its name in database.url"),
    (
        &["certificate", "unknownissuer", "invalidcertificate", "notvalidforname"],
        "the certificate must be valid for the host in the URL and issued by an authority that is \
         trusted: set ca_file to that authority's certificate",
    ),
    (
        &["42501)", "(error 1044,", "noperm"],
        "give the user the rights that the installation guide names",
    ),
    (
        &["does not respond", "timed out", "timeout"],
        "check the address, and whether a firewall is in between",
    ),
];

/// A problem with what to do about it, if that is known.
fn with_hint(problem: &str) -> String {
    let lower = problem.to_ascii_lowercase();
    let fits = |(parts, _): &&(&[&str], &str)| parts.iter().any(|part| lower.contains(part));
    match HINTS.iter().find(fits) {
        Some((_, hint)) => format!("{problem}: {hint}"),
        None => problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_say_what_to_do() {
        for (problem, hint) in [
            (
                "error connecting to server: Connection refused (os error 111)",
                "does the server run",
            ),
            ("password authentication failed (SQLSTATE 28P01)", "the user and the password"),
            ("Access denied for user (error 1045, SQLSTATE 28000)", "the user and the password"),
            ("database \"x\" does not exist (SQLSTATE 3D000)", "create the database"),
            ("Unknown database 'x' (error 1049, SQLSTATE 42000)", "create the database"),
            ("invalid peer certificate: UnknownIssuer", "set ca_file"),
            ("the database server does not respond", "firewall"),
        ] {
            assert!(with_hint(problem).contains(hint), "{}", with_hint(problem));
        }
        assert_eq!(with_hint("something else"), "something else");
    }
}
