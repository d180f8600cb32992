//! `crossauth migrate --from`: imports a database of upstream.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Read as _, Seek as _, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use crossauth_core::Auth;
use crossauth_core::audit::Act;
use crossauth_core::clock::{Clock as _, SystemClock};
use crossauth_core::user::UserSecrets;
use crossauth_settings::{Inputs, Program, Settings};
use crossauth_storage_sql::import::{Finding, Import, Source, Summary};
use serde_json::json;

use super::EXIT_CHANGES;
use super::progress::Meter;
use crate::cli::ImportOptions;
use crate::data::DataDirectory;
use crate::database::{self, Database};
use crate::report::{self, printable};
use crate::stores::Stores;
use crate::wiring;

/// Findings that are read at a time.
const PAGE: u32 = 1000;
/// Findings that are printed; a file has them all.
const PRINTED: usize = 20;

/// Imports the database at `address`.
pub(super) async fn run(
    settings: &Settings,
    options: &ImportOptions,
    address: &str,
) -> anyhow::Result<ExitCode> {
    let source = database::source(&source_settings(options, address)?).await?;
    let data = DataDirectory::at(&settings.server.data);
    let mut file = options.report.as_deref().map(create).transpose()?;
    let (database, summary) = if options.dry_run {
        dry_run(settings, &data, &source).await?
    } else {
        import(settings, &data, &source).await?
    };
    let printed = print_findings(&database, file.as_mut()).await;
    database.close().await;
    printed?;
    if let Some(file) = &mut file {
        writeln!(file, "{}", json!({ "summary": numbers(&summary) }))?;
        file.flush()?;
    }
    print(&summary, options.dry_run)?;
    Ok(if summary.is_complete() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_CHANGES) })
}

/// The URL of the database to import, if one is given.
pub(super) fn address(options: &ImportOptions) -> anyhow::Result<Option<String>> {
    let Some(path) = &options.from_file else { return Ok(options.from.clone()) };
    let text = fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Some(text.lines().next().unwrap_or_default().trim().to_owned()))
}

/// Settings of which the section `database` is that of the source.
fn source_settings(options: &ImportOptions, address: &str) -> anyhow::Result<Settings> {
    let path = address.strip_prefix("sqlite://").or(address.strip_prefix("sqlite:"));
    let is_file = !address.contains("://") && !address.contains("host=");
    let place = match path.or(is_file.then_some(address)) {
        Some(path) => ("CROSSAUTH_DATABASE_PATH", path),
        None => ("CROSSAUTH_DATABASE_URL", address),
    };
    let variables = [
        Some(place),
        options.preset.as_deref().map(|preset| ("CROSSAUTH_DATABASE_TABLES", preset)),
        options.time_zone.as_deref().map(|zone| ("CROSSAUTH_DATABASE_TIME_ZONE", zone)),
    ];
    let inputs = Inputs::new(Program::Server).environment(variables.into_iter().flatten());
    let inputs = options
        .source
        .iter()
        .fold(inputs, |inputs, assignment| inputs.assignment(&format!("database.{assignment}")));
    let configuration = inputs.load().context("invalid options for the database to import")?;
    Ok(configuration.settings)
}

async fn import(
    settings: &Settings,
    data: &DataDirectory,
    source: &Source,
) -> anyhow::Result<(Database, Summary)> {
    anyhow::ensure!(
        settings.site.secret.is_some() || data.existing_secret()?.is_some(),
        "set `secret` to that of the imported application: its cookies and API keys are signed with it"
    );
    let stores = Stores::open(settings, data).await?;
    let auth = wiring::auth(settings, wiring::secret(settings, data)?, &stores.storage())?;
    let import = import_of(source, &auth);
    let seal = |secrets: UserSecrets| auth.seal_imported(secrets);
    let import = match stores.sessions() {
        Some(keys) => import.sessions(keys),
        None => import,
    };
    let mut meter = Meter::default();
    let imported = stores.database().import(import.seal(&seal), &mut |it| meter.show(it)).await;
    meter.finish();
    match imported {
        Ok(summary) => Ok((stores.database().clone(), summary)),
        Err(error) => {
            stores.close().await;
            Err(error)
        }
    }
}

/// Imports into a temporary database.
async fn dry_run(
    settings: &Settings,
    data: &DataDirectory,
    source: &Source,
) -> anyhow::Result<(Database, Summary)> {
    database::inspect(settings, data).await?;
    let database = Database::temporary().await?;
    let secret = wiring::secret_for_command(settings, data)?;
    let auth = wiring::auth(settings, secret, &database.storage())?;
    let seal = |secrets: UserSecrets| auth.seal_imported(secrets);
    let mut meter = Meter::default();
    let import = import_of(source, &auth).seal(&seal);
    let is_for_postgres = settings.database.url.as_ref().is_some_and(|url| !url.is_mysql());
    let import = if is_for_postgres { import.refuse_nul() } else { import };
    let summary = database.import(import, &mut |it| meter.show(it)).await;
    meter.finish();
    Ok((database, summary?))
}

fn import_of<'a>(source: &'a Source, auth: &Auth) -> Import<'a> {
    let event = auth.audit.event(Act::UsersImported).detail("source", source.name());
    Import::new(source, SystemClock.now(), event)
}

/// Creates the file of the report, or replaces an earlier report. It has names of users, so it is readable
/// by its owner only.
fn create(path: &Path) -> anyhow::Result<BufWriter<File>> {
    let mut options = OpenOptions::new();
    let opened = options.read(true).write(true).create(true).mode(0o600).open(path);
    let private = opened.and_then(|mut file| {
        // Not a device, such as standard output.
        if file.metadata()?.is_file() {
            let mut first = [0];
            if file.read(&mut first)? == 1 && first != *b"{" {
                return Err(io::Error::other("it exists and is no report"));
            }
            file.rewind()?;
            file.set_len(0)?;
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        Ok(file)
    });
    Ok(BufWriter::new(private.with_context(|| format!("cannot write {}", path.display()))?))
}

/// Prints the first findings, and writes all to the file.
async fn print_findings(
    database: &Database,
    mut file: Option<&mut BufWriter<File>>,
) -> anyhow::Result<()> {
    let (mut after, mut number) = (0, 0);
    loop {
        let page = database.import_findings(after, PAGE).await?;
        for (_, finding) in &page {
            if number < PRINTED {
                writeln!(io::stdout(), "{}", line(finding))?;
            }
            number += 1;
            if let Some(file) = &mut file {
                writeln!(file, "{}", report::json(finding)?)?;
            }
        }
        match page.last() {
            Some((last, _)) => after = *last,
            None => break,
        }
    }
    if number > PRINTED {
        let hint = if file.is_some() { "the report" } else { "--report FILE" };
        writeln!(io::stdout(), "and {} more, which {hint} has", number - PRINTED)?;
    }
    Ok(())
}

fn line(finding: &Finding) -> String {
    let Finding { part, id, username, taken, reason, .. } = finding;
    let id = id.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
    let name = username.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let taken = if *taken { "taken with a difference" } else { "not taken" };
    printable(&format!("{}{id}{name}: {taken}: {reason}", part.as_str()))
}

fn print(summary: &Summary, is_dry_run: bool) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    if summary.was_complete {
        writeln!(stdout, "the import was complete before; nothing was written")?;
    }
    for (part, count) in &summary.counts {
        let refused = count.read - count.taken;
        let (part, read, taken) = (part.as_str(), count.read, count.taken);
        writeln!(stdout, "{part}: {read} read, {taken} taken, {refused} not taken")?;
    }
    if is_dry_run {
        writeln!(stdout, "this was a dry run: nothing was written")?;
    }
    Ok(())
}

fn numbers(summary: &Summary) -> serde_json::Value {
    let count = |(part, count): &(_, crossauth_storage_sql::import::Count)| json!({ "part": part, "read": count.read, "taken": count.taken });
    summary.counts.iter().map(count).collect()
}
