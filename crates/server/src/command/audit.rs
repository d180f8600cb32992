//! `crossauth audit`.

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use crossauth_core::Auth;
use crossauth_core::audit::{AuditEntry, LogVerification};
use crossauth_core::clock::Timestamp;
use crossauth_core::secret::ServerSecret;
use crossauth_core::storage::AuditFilter;
use crossauth_core::user::UserId;
use crossauth_settings::Settings;
use serde_json::json;

use super::format_time;
use crate::cli::audit::{AuditCommand, EraseUser, ExportEvents, Filter, ListEvents, VerifyLog};
use crate::data::DataDirectory;
use crate::stores::Stores;
use crate::wiring;

/// Events that are read at a time.
const PAGE: u32 = 1000;

/// Runs a command on the audit log. A server may be running on the same database. Returns whether
/// the log is in order.
pub(super) async fn run(settings: &Settings, command: AuditCommand) -> anyhow::Result<bool> {
    let data = DataDirectory::at(&settings.server.data);
    let stores = Stores::open_existing(settings, &data).await?;
    let secret = wiring::secret_for_command(settings, &data)?;
    let auth = wiring::auth(settings, secret, &stores.storage())?;
    let outcome = match command {
        AuditCommand::List(events) => list(&auth, &events).await.map(|()| true),
        AuditCommand::Export(events) => export(&auth, &events).await.map(|()| true),
        AuditCommand::Verify(log) => verify(&auth, &log).await,
        AuditCommand::Erase(user) => erase(&auth, user).await.map(|()| true),
    };
    stores.close().await;
    outcome
}

async fn list(auth: &Auth, events: &ListEvents) -> anyhow::Result<()> {
    let filter = filter(auth, &events.filter).await?;
    let listed = auth.audit.list(&filter, events.after.as_deref(), events.limit).await?;
    let mut stdout = io::stdout().lock();
    if listed.is_empty() {
        writeln!(io::stderr(), "there are no such events")?;
    } else if !events.json {
        writeln!(stdout, "{}", columns(["TIME", "ACT", "ACTOR", "ACCOUNT", "ADDRESS", "REQUEST"]))?;
    }
    for entry in &listed {
        if events.json {
            writeln!(stdout, "{}", as_json(entry))?;
        } else {
            writeln!(stdout, "{}", row(entry))?;
        }
    }
    if let Some(last) = listed.last().filter(|_| u32::try_from(listed.len()) == Ok(events.limit)) {
        writeln!(io::stderr(), "there may be more: --after {}", last.id)?;
    }
    Ok(())
}

async fn export(auth: &Auth, events: &ExportEvents) -> anyhow::Result<()> {
    let filter = filter(auth, &events.filter).await?;
    auth.audit.record_export(&filter, "jsonl").await?;
    let mut stdout = io::stdout().lock();
    let mut after = None::<String>;
    loop {
        let page = auth.audit.list(&filter, after.as_deref(), PAGE).await?;
        for entry in &page {
            writeln!(stdout, "{}", as_json(entry))?;
        }
        after = page.last().map(|entry| entry.id.clone());
        if u32::try_from(page.len()) != Ok(PAGE) {
            return Ok(());
        }
    }
}

/// The filter of the command line. An account is named by its username, or by its id if it was
/// deleted.
async fn filter(auth: &Auth, given: &Filter) -> anyhow::Result<AuditFilter> {
    let user = match &given.user {
        None => None,
        Some(name) => Some(auth.accounts.find_id(name).await?.unwrap_or_else(|| user_id(name))),
    };
    let time = |text: &Option<String>| text.as_deref().map(parse_time).transpose();
    Ok(AuditFilter {
        user,
        act: given.act.clone(),
        from: time(&given.from)?,
        until: time(&given.until)?,
        request_id: given.request.clone(),
    })
}

fn user_id(text: &str) -> UserId {
    text.parse().map_or_else(|_| UserId::Text(text.to_owned()), UserId::Integer)
}

fn parse_time(text: &str) -> anyhow::Result<Timestamp> {
    let time = Timestamp::parse_rfc3339(text);
    time.with_context(|| format!("{text:?} is not a time such as 2026-01-31T00:00:00Z"))
}

async fn verify(auth: &Auth, log: &VerifyLog) -> anyhow::Result<bool> {
    let expected = log.expect.as_deref().map(parse_end).transpose()?;
    let previous: Vec<_> =
        log.previous_secret.iter().map(|path| read_secret(path)).collect::<Result<_, _>>()?;
    let verified = auth.audit.verify(&previous, expected).await?;
    let LogVerification { events, erased, deleted, is_waiting, end, problems, .. } = verified;
    for problem in &problems {
        writeln!(io::stderr(), "{problem}")?;
    }
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "verified events: {events}")?;
    writeln!(stdout, "of these, with erased personal data: {erased}")?;
    writeln!(stdout, "deleted because of their age: {deleted}")?;
    if is_waiting {
        writeln!(stdout, "the newest events are not in the chain yet, and were not verified")?;
    }
    writeln!(stdout, "end of the chain: {}:{}", end.0, end.1)?;
    let outcome = if problems.is_empty() { "in order" } else { "NOT in order" };
    writeln!(stdout, "the audit log is {outcome}")?;
    Ok(problems.is_empty())
}

/// Number and hash of an event.
fn parse_end(text: &str) -> anyhow::Result<(u64, &str)> {
    let parts = text.split_once(':');
    let parsed = parts.and_then(|(number, hash)| Some((number.parse().ok()?, hash)));
    parsed.with_context(|| format!("{text:?} is not an end of the chain: NUMBER:HASH"))
}

fn read_secret(path: &Path) -> anyhow::Result<ServerSecret> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(ServerSecret::new(text)?)
}

async fn erase(auth: &Auth, erased: EraseUser) -> anyhow::Result<()> {
    let id = user_id(&erased.id);
    let existing = auth.accounts.find(&id).await?;
    anyhow::ensure!(existing.is_none(), "the account exists: delete it first");
    let events = auth.audit.erase(&id).await?;
    writeln!(io::stdout(), "events with personal data that was erased: {events}")?;
    Ok(())
}

fn as_json(entry: &AuditEntry) -> serde_json::Value {
    json!({
        "id": entry.id,
        "time": format_time(Some(entry.created)),
        "act": entry.act.as_str(),
        "actor": entry.actor.kind(),
        "actorId": entry.actor.user(),
        "actorName": entry.actor.name(),
        "origin": entry.origin.data(),
        "userid": entry.userid,
        "about": entry.about.data(),
        "requestId": entry.request_id,
        "detail": entry.detail,
    })
}

/// Formats a line of the list. Control characters are escaped.
fn row(entry: &AuditEntry) -> String {
    let actor = entry.origin.get("username");
    let actor = actor.or_else(|| entry.actor.name().map(str::to_owned));
    let actor = actor.or_else(|| entry.actor.user().map(ToString::to_string));
    let actor = actor.unwrap_or_else(|| entry.actor.kind().to_owned());
    let account = entry.about.get("username");
    let account = account.or_else(|| entry.userid.as_ref().map(ToString::to_string));
    let cells = [
        format_time(Some(entry.created)),
        entry.act.to_string(),
        actor,
        account.unwrap_or_else(|| "-".into()),
        entry.origin.get("address").unwrap_or_else(|| "-".into()),
        entry.request_id.clone().unwrap_or_else(|| "-".into()),
    ];
    let cells = cells.map(|cell| cell.escape_debug().to_string());
    columns(cells.each_ref().map(String::as_str))
}

fn columns([time, act, actor, account, address, request]: [&str; 6]) -> String {
    format!("{time:<22} {act:<28} {actor:<20} {account:<20} {address:<26} {request}")
}
