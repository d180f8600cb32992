//! `crossauth outbox`.

use std::io::{self, Write as _};

use crossauth_core::outbox::Outbox;
use crossauth_core::storage::{ListedMessage, MessageState};
use crossauth_settings::Settings;
use serde_json::json;

use super::format_time;
use crate::cli::{ListMessages, OutboxCommand, RetryMessages};
use crate::data::DataDirectory;
use crate::stores::Stores;
use crate::wiring;

/// Messages that are read at a time.
const PAGE: u32 = 1000;

/// Runs a command on messages. A server may be running on the same database.
pub(super) async fn run(settings: &Settings, command: OutboxCommand) -> anyhow::Result<()> {
    let data = DataDirectory::at(&settings.server.data);
    let stores = Stores::open_existing(settings, &data).await?;
    let secret = wiring::secret_for_command(settings, &data)?;
    let auth = wiring::auth(settings, secret, &stores.storage())?;
    let outcome = match command {
        OutboxCommand::List(page) => list(&auth.outbox, &page).await,
        OutboxCommand::Retry(messages) => retry(&auth.outbox, messages).await,
    };
    stores.close().await;
    outcome
}

async fn list(outbox: &Outbox, page: &ListMessages) -> anyhow::Result<()> {
    let state = if page.dead { MessageState::Dead } else { MessageState::Waiting };
    let messages = outbox.list(state, None, page.limit).await?;
    let mut stdout = io::stdout().lock();
    if messages.is_empty() {
        let which = if page.dead { "was given up" } else { "waits to be sent" };
        writeln!(io::stderr(), "no message {which}")?;
    } else if !page.json {
        let heads = ["ID", "KIND", "CREATED", "NEXT", "TRIES", "ERROR"].map(str::to_owned);
        writeln!(stdout, "{}", columns(&heads))?;
    }
    for message in &messages {
        if page.json {
            writeln!(stdout, "{}", as_json(message))?;
        } else {
            writeln!(stdout, "{}", row(message))?;
        }
    }
    Ok(())
}

fn as_json(message: &ListedMessage) -> serde_json::Value {
    json!({
        "id": message.id,
        "kind": message.kind.as_str(),
        "userid": message.userid,
        "created": format_time(Some(message.created)),
        "due": message.died.is_none().then(|| format_time(Some(message.due))),
        "givenUp": message.died.map(|at| format_time(Some(at))),
        "attempts": message.attempts,
        "error": message.error,
    })
}

/// Formats a line of the list. Control characters are escaped.
fn row(message: &ListedMessage) -> String {
    let next = message.died.is_none().then_some(message.due);
    let error = message.error.as_deref().unwrap_or("-");
    columns(&[
        message.id.escape_debug().to_string(),
        message.kind.as_str().escape_debug().to_string(),
        format_time(Some(message.created)),
        format_time(next),
        message.attempts.to_string(),
        error.escape_debug().to_string(),
    ])
}

fn columns([id, kind, created, next, attempts, error]: &[String; 6]) -> String {
    format!("{id:<24} {kind:<22} {created:<22} {next:<22} {attempts:>5} {error}")
}

async fn retry(outbox: &Outbox, messages: RetryMessages) -> anyhow::Result<()> {
    let mut count = 0_usize;
    for id in &messages.ids {
        anyhow::ensure!(
            outbox.retry(id).await?,
            "there is no message {id:?}: it may have been sent"
        );
        count += 1;
    }
    let all = [(messages.waiting, MessageState::Waiting), (messages.dead, MessageState::Dead)];
    for (_, state) in all.into_iter().filter(|(is_asked, _)| *is_asked) {
        for id in ids_of(outbox, state).await? {
            // One that was sent since then is not there any more.
            count += usize::from(outbox.retry(&id).await?);
        }
    }
    writeln!(io::stdout(), "messages to be sent by the server: {count}")?;
    Ok(())
}

/// The ids of all messages in a state.
async fn ids_of(outbox: &Outbox, state: MessageState) -> anyhow::Result<Vec<String>> {
    let mut messages = Vec::<ListedMessage>::new();
    loop {
        let after = messages.last().map(ListedMessage::position);
        let page = outbox.list(state, after, PAGE).await?;
        let is_last = u32::try_from(page.len()) != Ok(PAGE);
        messages.extend(page);
        if is_last {
            return Ok(messages.into_iter().map(|message| message.id).collect());
        }
    }
}
