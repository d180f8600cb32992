//! `crossauth ldap sync`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use crossauth_core::directory::{
    AccountSync, DirectoryAccounts, SyncAction, SyncError, SyncMode, SyncReport,
};
use serde_json::json;

use crate::cli::SyncAccounts;
use crate::report;

/// Compares accounts with their entries and prints those that differ.
pub(super) async fn run(
    directory: &DirectoryAccounts,
    options: &SyncAccounts,
) -> anyhow::Result<ExitCode> {
    let mode = match (options.dry_run, options.force) {
        (true, _) => SyncMode::DryRun,
        (false, true) => SyncMode::Forced,
        (false, false) => SyncMode::Apply,
    };
    match directory.sync(mode).await {
        Ok(report) => {
            print(&report, options)?;
            Ok(if report.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Err(SyncError::TooMany { disabled, enabled, report }) => {
            print(&report, &SyncAccounts { dry_run: true, ..*options })?;
            anyhow::bail!(
                "{disabled} of {enabled} accounts would be disabled, so nothing was changed: check \
                 the search base and the groups, or use --force if it is right"
            )
        }
        Err(SyncError::TooManyAdmins { demoted, admins, report }) => {
            print(&report, &SyncAccounts { dry_run: true, ..*options })?;
            anyhow::bail!(
                "{demoted} of {admins} administrators would be ordinary users, so nothing was \
                 changed: check the groups, or use --force if it is right"
            )
        }
        Err(error @ (SyncError::Directory(_) | SyncError::Storage(_))) => Err(error.into()),
    }
}

fn print(report: &SyncReport, options: &SyncAccounts) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    for account in &report.differing {
        if options.json {
            writeln!(stdout, "{}", as_json(account)?)?;
        } else {
            writeln!(stdout, "{}", line(account))?;
        }
    }
    let differing = report.differences();
    let SyncReport { compared, not_compared, failed, .. } = *report;
    writeln!(io::stderr(), "accounts compared: {compared}, with differences: {differing}")?;
    if not_compared > 0 {
        writeln!(
            io::stderr(),
            "accounts of which the directory gives no usable answer: {not_compared}"
        )?;
    }
    if failed > 0 {
        writeln!(io::stderr(), "accounts that cannot be read or changed in the storage: {failed}")?;
    }
    if options.dry_run {
        writeln!(io::stderr(), "nothing was changed")?;
    }
    Ok(())
}

fn line(account: &AccountSync) -> String {
    let (action, details) = action(account);
    let fields =
        if details.is_empty() { String::new() } else { format!(": {}", details.join(", ")) };
    report::printable(&format!("{action:<14} {}{fields}", account.username))
}

fn as_json(account: &AccountSync) -> io::Result<String> {
    let (action, details) = action(account);
    let is_reason = matches!(account.action, SyncAction::Unusable(_) | SyncAction::Failed(_));
    let (fields, reason) = if is_reason { (&[][..], details.first()) } else { (details, None) };
    let shown = json!({
        "id": account.id,
        "username": account.username,
        "action": action,
        "fields": fields,
        "reason": reason,
    });
    Ok(report::json(&shown)?)
}

/// What is done with an account, and the names of what changes, or the reason why nothing is.
fn action(account: &AccountSync) -> (&'static str, &[String]) {
    match &account.action {
        SyncAction::Change(fields) => ("change", fields),
        SyncAction::Disable => ("disable", &[]),
        SyncAction::Enable(fields) => ("enable", fields),
        SyncAction::KeepLastAdmin => ("keep-last-admin", &[]),
        SyncAction::Skip => ("skip", &[]),
        SyncAction::Unusable(reason) => ("not-compared", std::slice::from_ref(reason)),
        SyncAction::Failed(reason) => ("failed", std::slice::from_ref(reason)),
        _ => ("other", &[]),
    }
}
