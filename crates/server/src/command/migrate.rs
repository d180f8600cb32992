//! `crossauth migrate`.

mod import;
mod progress;

use std::io::{self, Write as _};
use std::process::ExitCode;

use crossauth_settings::Settings;
use crossauth_storage_sql::MigrationPlan;

use crate::cli::MigrateOptions;
use crate::data::DataDirectory;
use crate::report::printable;
use crate::stores::{self, Stores};

/// Exit code of a check that finds something to change, and of an import that cannot take everything.
const EXIT_CHANGES: u8 = 3;

const UP_TO_DATE: &str = "the database is up to date";

/// Migrates the database, says what that would change, or imports another one.
pub(super) async fn run(settings: &Settings, options: &MigrateOptions) -> anyhow::Result<ExitCode> {
    let data = DataDirectory::at(&settings.server.data);
    if options.check {
        return report(&stores::plan(settings, &data).await?);
    }
    if let Some(address) = import::address(&options.import)? {
        return import::run(settings, &options.import, &address).await;
    }
    Stores::open(settings, &data).await?.close().await;
    writeln!(io::stdout(), "{UP_TO_DATE}")?;
    Ok(ExitCode::SUCCESS)
}

fn report(plan: &MigrationPlan) -> anyhow::Result<ExitCode> {
    let mut stdout = io::stdout().lock();
    if plan.is_empty() {
        writeln!(stdout, "{UP_TO_DATE}")?;
        return Ok(ExitCode::SUCCESS);
    }
    for group in &plan.groups {
        writeln!(stdout, "{}: from version {} to {}", group.name, group.from, group.to)?;
        for statement in &group.statements {
            writeln!(stdout, "  {};", printable(statement))?;
        }
    }
    writeln!(stdout, "nothing was changed; `crossauth migrate` and the next start do this")?;
    Ok(ExitCode::from(EXIT_CHANGES))
}
