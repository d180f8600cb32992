//! `crossauth user`.

use std::io::{self, Write as _};

use anyhow::Context as _;
use crossauth_core::Auth;
use crossauth_core::account::{AccountForm, Role};
use crossauth_core::user::User;
use crossauth_settings::Settings;
use serde_json::{Map, Value};

use super::password::{self, Origin};
use crate::cli::{AddUser, ListUsers, UserCommand};
use crate::data::DataDirectory;
use crate::database::Database;
use crate::wiring;

/// Does one thing to accounts, whether or not a server runs on the same database.
pub(super) async fn run(settings: &Settings, command: UserCommand) -> anyhow::Result<()> {
    let data = DataDirectory::at(&settings.server.data);
    let database = if matches!(command, UserCommand::Add(_)) {
        Database::open(settings, &data).await?
    } else {
        Database::open_existing(settings, &data).await?
    };
    let auth =
        wiring::auth(settings, wiring::secret_of_command(settings, &data)?, &database.storage())?;
    let outcome = execute(&auth, command).await;
    database.close().await;
    outcome
}

async fn execute(auth: &Auth, command: UserCommand) -> anyhow::Result<()> {
    match command {
        UserCommand::Add(new) => add(auth, new).await,
        UserCommand::List(page) => list(auth, &page).await,
        UserCommand::SetPassword(account) => {
            let password = password::read(origin(account.password_stdin)).await?;
            report(
                &auth.accounts.set_password(&account.username, password).await?,
                "has a new password",
            )
        }
        UserCommand::Disable(account) => {
            report(&auth.accounts.disable(&account.username).await?, "is disabled")
        }
        UserCommand::Enable(account) => {
            report(&auth.accounts.enable(&account.username).await?, "is enabled")
        }
    }
}

fn origin(from_stdin: bool) -> Origin {
    if from_stdin { Origin::StandardInput } else { Origin::Ask }
}

async fn add(auth: &Auth, new: AddUser) -> anyhow::Result<()> {
    let mut fields = Map::new();
    if let Some(email) = new.email {
        fields.insert("email".into(), Value::String(email));
    }
    let password = password::read(origin(new.password_stdin)).await?;
    let form = AccountForm { username: new.username, password, repeat: None, fields };
    let role = if new.admin { Role::Administrator } else { Role::User };
    let user = auth.accounts.create(form, role).await.context("the account was not made")?;
    report(&user, "is added")
}

async fn list(auth: &Auth, page: &ListUsers) -> anyhow::Result<()> {
    let users = auth.accounts.list(page.after.as_deref(), page.limit).await?;
    let mut stdout = io::stdout().lock();
    if users.is_empty() {
        let more = if page.after.is_some() { "more " } else { "" };
        writeln!(io::stderr(), "there are no {more}accounts")?;
    } else if !page.json {
        writeln!(stdout, "{}", columns("USERNAME", "EMAIL", "STATE", "ROLE"))?;
    }
    for user in &users {
        if page.json {
            writeln!(stdout, "{}", serde_json::to_string(user)?)?;
        } else {
            writeln!(stdout, "{}", row(user))?;
        }
    }
    if let Some(last) = users.last().filter(|_| u32::try_from(users.len()) == Ok(page.limit)) {
        let after = last.username_normalized.escape_debug();
        writeln!(io::stderr(), "there may be more: --after '{after}'")?;
    }
    Ok(())
}

/// Names may come from a database that others filled, so control characters are written out.
fn row(user: &User) -> String {
    let text = |text: &str| text.escape_debug().to_string();
    let email = text(user.email.as_deref().unwrap_or("-"));
    columns(&text(&user.username), &email, &text(user.state.as_str()), role(user))
}

fn role(user: &User) -> &'static str {
    if user.admin { "administrator" } else { "user" }
}

fn columns(username: &str, email: &str, state: &str, role: &str) -> String {
    format!("{username:<24} {email:<32} {state:<12} {role}")
}

fn report(user: &User, outcome: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{} {outcome}", user.username.escape_debug())?;
    Ok(())
}
