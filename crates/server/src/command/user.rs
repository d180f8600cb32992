//! `crossauth user`.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::Context as _;
use crossauth_core::Auth;
use crossauth_core::account::{AccountForm, AccountUpdate, Role};
use crossauth_core::clock::{Clock as _, SystemClock};
use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::storage::{
    KeyPosition, Storage, StorageErrorKind, UserPage, UserPosition, UserQuery,
};
use crossauth_core::user::{Patch, User, UserId, UserState};
use crossauth_settings::Settings;
use serde_json::{Map, Value};

use super::format_time;
use super::password::{self, Origin};
use crate::cli::{AddUser, DeleteUser, ListUsers, SetPassword, UserCommand};
use crate::data::DataDirectory;
use crate::database::Database;
use crate::wiring;

/// Runs a command on accounts. A server may be running on the same database.
pub(super) async fn run(settings: &Settings, command: UserCommand) -> anyhow::Result<()> {
    let data = DataDirectory::at(&settings.server.data);
    let database = if matches!(command, UserCommand::Add(_)) {
        Database::open(settings, &data).await?
    } else {
        Database::open_existing(settings, &data).await?
    };
    let secret = wiring::secret_for_command(settings, &data)?;
    let auth = wiring::auth(settings, secret, &database.storage())?;
    let outcome = execute(&auth, &database.storage(), command).await;
    database.close().await;
    outcome
}

async fn execute(auth: &Auth, storage: &Storage, command: UserCommand) -> anyhow::Result<()> {
    match command {
        UserCommand::Add(new) => add(auth, new).await,
        UserCommand::List(page) => list(auth, &page).await,
        UserCommand::Show(account) => show(&find(auth, &account.username).await?, account.json),
        UserCommand::SetPassword(account) => set_password(auth, account).await,
        UserCommand::SetEmail(account) => {
            let email = match account.email.trim() {
                "" => Patch::Clear,
                email => Patch::Set(email.to_owned()),
            };
            let update = AccountUpdate { email, ..AccountUpdate::default() };
            change(auth, &account.username, update, "has a new e-mail address").await
        }
        UserCommand::Set(account) => {
            let fields = fields(&account.fields)?;
            let update = AccountUpdate { fields, ..AccountUpdate::default() };
            change(auth, &account.username, update, "is changed").await
        }
        UserCommand::MakeAdmin(account) => {
            set_role(auth, &account.username, Role::Administrator).await
        }
        UserCommand::RevokeAdmin(account) => set_role(auth, &account.username, Role::User).await,
        UserCommand::Disable(account) => disable(auth, &account.username).await,
        UserCommand::Enable(account) => enable(auth, &account.username).await,
        UserCommand::Sessions(account) => sessions(auth, storage, &account.username).await,
        UserCommand::EndSessions(account) => {
            let account = find_any(auth, &account.username).await?;
            auth.accounts.end_sessions(&account.id, None).await?;
            report(&account.name, "has no sessions any more")
        }
        UserCommand::Delete(account) => delete(auth, &account).await,
    }
}

/// The account of this name or address, in any state.
async fn find(auth: &Auth, name: &str) -> anyhow::Result<User> {
    match auth.accounts.find(name).await {
        Err(error) if error.kind == StorageErrorKind::BadRow => {
            Err(error).context("only disable, sessions, end-sessions and delete are possible")
        }
        found => found?.with_context(|| no_account(name)),
    }
}

fn no_account(name: &str) -> String {
    format!("there is no account {name:?}")
}

/// An account whose row may be undecodable.
struct Account {
    id: UserId,
    /// The username; as it was given on the command line if the row cannot be decoded.
    name: String,
    /// `None` if the row cannot be decoded.
    state: Option<UserState>,
}

/// The account of this name or address, even if its row cannot be decoded.
async fn find_any(auth: &Auth, name: &str) -> anyhow::Result<Account> {
    let undecodable = match auth.accounts.find(name).await {
        Err(error) if error.kind == StorageErrorKind::BadRow => error,
        found => {
            let User { id, username, state, .. } = found?.with_context(|| no_account(name))?;
            return Ok(Account { id, name: username, state: Some(state) });
        }
    };
    writeln!(io::stderr(), "{undecodable}")?;
    let id = auth.accounts.find_id(name).await?.with_context(|| no_account(name))?;
    Ok(Account { id, name: name.to_owned(), state: None })
}

async fn set_password(auth: &Auth, account: SetPassword) -> anyhow::Result<()> {
    // Before the password is asked for.
    let user = find(auth, &account.username).await?;
    let password = password::read(origin(account.password_stdin)).await?;
    let user = auth.accounts.set_password(&user, password).await;
    report(&user.context("the password was not set")?.username, "has a new password")
}

async fn change(
    auth: &Auth,
    name: &str,
    update: AccountUpdate,
    outcome: &str,
) -> anyhow::Result<()> {
    let user = find(auth, name).await?;
    let user = auth.accounts.update(&user, update).await;
    report(&user.context("the account was not changed")?.username, outcome)
}

/// Application fields from `FIELD=VALUE`; without a value, the field is cleared.
fn fields(assignments: &[String]) -> anyhow::Result<Map<String, Value>> {
    let field = |text: &String| {
        let (name, value) = text.split_once('=').context("expected FIELD=VALUE")?;
        let value = if value.is_empty() { Value::Null } else { Value::String(value.to_owned()) };
        Ok((name.to_owned(), value))
    };
    assignments.iter().map(field).collect()
}

async fn set_role(auth: &Auth, name: &str, role: Role) -> anyhow::Result<()> {
    let (admin, outcome) = match role {
        Role::Administrator => (true, "is an administrator"),
        Role::User => (false, "is an ordinary user"),
    };
    let user = find(auth, name).await?;
    if user.admin == admin {
        return report(&user.username, &format!("{outcome} already"));
    }
    let update = AccountUpdate { role: Some(role), ..AccountUpdate::default() };
    let user = auth.accounts.update(&user, update).await;
    report(&user.context("the account was not changed")?.username, outcome)
}

async fn disable(auth: &Auth, name: &str) -> anyhow::Result<()> {
    let account = find_any(auth, name).await?;
    if account.state == Some(UserState::Disabled) {
        return report(&account.name, "is disabled already");
    }
    auth.accounts.disable(&account.id).await.context("the account was not disabled")?;
    report(&account.name, "is disabled")
}

async fn enable(auth: &Auth, name: &str) -> anyhow::Result<()> {
    let user = find(auth, name).await?;
    if user.state == UserState::Disabled {
        let user = auth.accounts.enable(&user).await;
        return report(&user.context("the account was not enabled")?.username, "is enabled");
    }
    if user.state == UserState::Active {
        return report(&user.username, "is enabled already");
    }
    anyhow::bail!("the account is not disabled: its state is {}", user.state.as_str())
}

async fn delete(auth: &Auth, command: &DeleteUser) -> anyhow::Result<()> {
    let account = find_any(auth, &command.username).await?;
    if !command.yes && !is_confirmed(&account.name)? {
        anyhow::bail!("nothing was deleted; confirm with the username, or give --yes");
    }
    auth.accounts.delete(&account.id).await.context("the account was not deleted")?;
    report(&account.name, "is deleted")
}

/// Whether the person at the terminal types the name of the account.
fn is_confirmed(username: &str) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    let name = username.escape_debug();
    write!(io::stderr(), "To delete {name} and all that belongs to it, type the username: ")?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim() == username)
}

/// Sessions that are read at a time.
const SESSIONS: u32 = 1000;

async fn sessions(auth: &Auth, storage: &Storage, name: &str) -> anyhow::Result<()> {
    let account = find_any(auth, name).await?;
    let (keys, now) = (&storage.keys, SystemClock.now());
    let (mut after, mut empty) = (None::<Key>, true);
    loop {
        let (owner, position) = (Some(&account.id), after.as_ref().map(KeyPosition::from));
        let page = keys.list_for_user(owner, KeyPrefix::Session, position, SESSIONS).await?;
        for key in page.iter().filter(|key| !key.is_expired(now)) {
            show_session(key, std::mem::take(&mut empty))?;
        }
        if u32::try_from(page.len()) != Ok(SESSIONS) {
            break;
        }
        after = page.into_iter().last();
    }
    if empty {
        writeln!(io::stderr(), "{} has no sessions", account.name.escape_debug())?;
    }
    Ok(())
}

fn show_session(key: &Key, with_head: bool) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    if with_head {
        writeln!(stdout, "{:<22} {:<22} EXPIRES", "CREATED", "LAST USED")?;
    }
    let (created, last) = (format_time(Some(key.created)), format_time(key.lastactive));
    writeln!(stdout, "{created:<22} {last:<22} {}", format_time(key.expires))
}

fn show(user: &User, json: bool) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    if json {
        writeln!(stdout, "{}", crate::report::json(user)?)?;
        return Ok(());
    }
    let (id, created) = (user.id.to_string(), format_time(user.created));
    let facts = [
        ("username", user.username.as_str()),
        ("id", &id),
        ("email", user.email.as_deref().unwrap_or("-")),
        ("state", user.state.as_str()),
        ("role", role(user)),
        ("created", &created),
    ];
    for (name, value) in facts {
        writeln!(stdout, "{name}: {}", value.escape_debug())?;
    }
    for (name, value) in &user.extra {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        writeln!(stdout, "{}: {}", name.escape_debug(), value.escape_debug())?;
    }
    Ok(())
}

fn origin(from_stdin: bool) -> Origin {
    if from_stdin { Origin::StandardInput } else { Origin::Prompt }
}

async fn add(auth: &Auth, new: AddUser) -> anyhow::Result<()> {
    let mut fields = Map::new();
    if let Some(email) = new.email {
        fields.insert("email".into(), Value::String(email));
    }
    let password = password::read(origin(new.password_stdin)).await?;
    let form = AccountForm { fields, ..AccountForm::new(new.username, password) };
    let role = if new.admin { Role::Administrator } else { Role::User };
    let user = auth.accounts.create(form, role).await.context("the account was not created")?;
    report(&user.username, "is added")
}

async fn list(auth: &Auth, page: &ListUsers) -> anyhow::Result<()> {
    let position = page.after.as_deref().map_or(UserPosition::First, UserPosition::After);
    let query = UserQuery { position, ..UserQuery::first(page.limit) };
    let UserPage { users, next, .. } = auth.accounts.list(&query).await?;
    let mut stdout = io::stdout().lock();
    if users.is_empty() && next.is_none() {
        let more = if page.after.is_some() { "more " } else { "" };
        writeln!(io::stderr(), "there are no {more}accounts")?;
    } else if !page.json {
        writeln!(stdout, "{}", columns("USERNAME", "EMAIL", "STATE", "ROLE"))?;
    }
    for user in &users {
        if page.json {
            writeln!(stdout, "{}", crate::report::json(user)?)?;
        } else {
            writeln!(stdout, "{}", row(user))?;
        }
    }
    if let Some(next) = next {
        writeln!(io::stderr(), "there are more: --after '{}'", next.escape_debug())?;
    }
    Ok(())
}

/// Formats a line of the list. Control characters are escaped: names may come from a database that
/// another program filled.
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

fn report(username: &str, outcome: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{} {outcome}", username.escape_debug())?;
    Ok(())
}
