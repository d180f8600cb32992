//! `crossauth doctor`: checks what operators get wrong, beside a server that runs.
//!
//! Reads the same settings as the server. Changes nothing but for an account that logs in through
//! the public URL and is deleted afterwards.

pub(super) mod clock;
mod disk;
mod file;
mod mail;
mod site;

use std::process::ExitCode;

use crossauth_settings::Configuration;
use crossauth_storage_sql::OpenWarning;

use super::check::{self, Servers};
use super::{connect, finding};
use crate::cli::DoctorOptions;
use crate::data::DataDirectory;
use crate::database;
use crate::report::describe;
use crate::stores::Stores;
use crate::wiring;
use finding::Findings;

/// Prints what is right and what is wrong. Fails if a problem was found.
pub(super) async fn run(
    configuration: &Configuration,
    options: DoctorOptions,
) -> anyhow::Result<ExitCode> {
    let settings = &configuration.settings;
    let data = DataDirectory::at(&settings.server.data);
    let mut findings = Findings::default();
    let problems = check::run(settings, Servers::Ask).await;
    if problems.is_empty() {
        findings.fine("the settings are valid, and the server can start with them")?;
    }
    for problem in &problems {
        findings.problem(&describe(problem))?;
    }
    for warning in configuration.warnings() {
        findings.warning(&warning.to_string())?;
    }
    file::check(configuration, &data, &mut findings)?;
    disk::check(settings, &data, &mut findings)?;
    let schema = database::inspect(settings, &data).await.unwrap_or_default();
    for warning in &schema {
        findings.warning(&format!("database: {warning}"))?;
    }
    if problems.is_empty() && !schema.contains(&OpenWarning::Outdated) {
        findings.fine("the tables of the database are those of this version")?;
        connect::examine(settings, &mut findings).await?;
        let stores = Stores::open_existing(settings, &data).await?;
        let checked = with_stores(configuration, &data, &stores, options, &mut findings).await;
        stores.close().await;
        checked?;
    } else {
        findings.warning("clock, mail and public URL were not checked: mend the above first")?;
    }
    Ok(findings.exit_code())
}

/// The checks that need the stores of the server.
async fn with_stores(
    configuration: &Configuration,
    data: &DataDirectory,
    stores: &Stores,
    options: DoctorOptions,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let settings = &configuration.settings;
    match stores.ping().await {
        Ok(()) => findings.fine("the database takes writes")?,
        Err(error) => findings.problem(&format!("the database takes no writes: {error}"))?,
    }
    let storage = stores.storage();
    clock::check(&storage, findings).await?;
    let secret = wiring::secret_for_command(settings, data)?;
    let site = wiring::site(settings, &secret, storage, settings.server.listen)?;
    mail::check(settings, &site, options.mail.as_deref(), findings).await?;
    site::check(settings, &site, options.no_login, findings).await
}
