//! `crossauth user`.

mod device;
mod key;
mod list;
mod revocation;
mod session;
mod state;

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::Context as _;
use crossauth_core::Auth;
use crossauth_core::account::{AccountUpdate, NamesOfEntries, NewAccount, ResetMail, Role};
use crossauth_core::storage::StorageErrorKind;
use crossauth_core::user::{FactorName, Patch, User, UserId, UserState};
use crossauth_settings::Settings;
use serde_json::{Map, Value};

use super::format_time;
use super::password::{self, Origin};
use crate::cli::{AddUser, DeleteUser, SetPassword, UserCommand};
use crate::data::DataDirectory;
use crate::stores::Stores;
use crate::wiring;

/// Runs a command on accounts. A server may be running on the same database.
pub(super) async fn run(settings: &Settings, command: UserCommand) -> anyhow::Result<()> {
    let data = DataDirectory::at(&settings.server.data);
    let stores = if matches!(command, UserCommand::Add(_)) {
        Stores::open(settings, &data).await?
    } else {
        Stores::open_existing(settings, &data).await?
    };
    if matches!(command, UserCommand::Add(_)) {
        // The import compares the number of accounts with that of those it has written.
        stores.database().check_import().await?;
    }
    let storage = stores.storage();
    let auth = match Sending::of(&command) {
        Sending::Nothing => {
            wiring::auth(settings, wiring::secret_for_command(settings, &data)?, &storage)?
        }
        // The server opens messages with its secret, which may not exist yet.
        Sending::Notices => wiring::auth(settings, wiring::secret(settings, &data)?, &storage)?,
        Sending::Links => {
            wiring::auth_with_mail(settings, wiring::secret(settings, &data)?, &storage)?
        }
    };
    let outcome = execute(&auth, command).await;
    stores.close().await;
    outcome
}

/// The messages that a command may send to a user.
enum Sending {
    /// None.
    Nothing,
    /// Notices, which wait until mail can be sent.
    Notices,
    /// Links, which are refused where no mail can be sent.
    Links,
}

impl Sending {
    fn of(command: &UserCommand) -> Self {
        match command {
            UserCommand::Add(new) if new.invite => Self::Links,
            UserCommand::SendReset(_) | UserCommand::SetState(_) => Self::Links,
            UserCommand::SetPassword(_)
            | UserCommand::ResetFactor(_)
            | UserCommand::CreateKey(_) => Self::Notices,
            UserCommand::Add(_)
            | UserCommand::List(_)
            | UserCommand::Show(_)
            | UserCommand::SetEmail(_)
            | UserCommand::Set(_)
            | UserCommand::MakeAdmin(_)
            | UserCommand::RevokeAdmin(_)
            | UserCommand::Disable(_)
            | UserCommand::Enable(_)
            | UserCommand::Sessions(_)
            | UserCommand::EndSession(_)
            | UserCommand::EndSessions(_)
            | UserCommand::Devices(_)
            | UserCommand::ForgetDevice(_)
            | UserCommand::ForgetDevices(_)
            | UserCommand::RevokeAll(_)
            | UserCommand::Keys(_)
            | UserCommand::DeleteKey(_)
            | UserCommand::Delete(_) => Self::Nothing,
        }
    }
}

async fn execute(auth: &Auth, command: UserCommand) -> anyhow::Result<()> {
    match command {
        UserCommand::Add(new) => add(auth, new).await,
        UserCommand::List(page) => list::run(auth, &page).await,
        UserCommand::Show(account) => show(auth, &account.username, account.json).await,
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
        UserCommand::Disable(account) => state::disable(auth, &account.username).await,
        UserCommand::Enable(account) => state::enable(auth, &account.username).await,
        UserCommand::SendReset(account) => state::send_reset(auth, &account.username).await,
        UserCommand::SetState(account) => state::set(auth, &account).await,
        UserCommand::ResetFactor(account) => state::reset_factor(auth, &account).await,
        UserCommand::Sessions(account) => session::list(auth, &account.username).await,
        UserCommand::EndSession(session) => session::end(auth, &session).await,
        UserCommand::EndSessions(account) => session::end_all(auth, &account.username).await,
        UserCommand::Devices(account) => device::list(auth, &account.username).await,
        UserCommand::ForgetDevice(device) => device::forget(auth, &device).await,
        UserCommand::ForgetDevices(account) => device::forget_all(auth, &account.username).await,
        UserCommand::RevokeAll(what) => revocation::run(auth, &what).await,
        UserCommand::Keys(account) => key::list(auth, &account.username).await,
        UserCommand::CreateKey(new) => key::create(auth, new).await,
        UserCommand::DeleteKey(key) => key::delete(auth, &key).await,
        UserCommand::Delete(account) => delete(auth, &account).await,
    }
}

/// The account of this name or address, in any state.
pub(super) async fn find(auth: &Auth, name: &str) -> anyhow::Result<User> {
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

async fn show(auth: &Auth, name: &str, json: bool) -> anyhow::Result<()> {
    let user = find(auth, name).await?;
    let mut stdout = io::stdout().lock();
    if json {
        writeln!(stdout, "{}", crate::report::json(&user)?)?;
        return Ok(());
    }
    let (id, created) = (user.id.to_string(), format_time(user.created));
    let pseudonym = auth.pseudonym(&user.id);
    let facts = [
        ("username", user.username.as_str()),
        ("id", &id),
        ("email", user.email.as_deref().unwrap_or("-")),
        ("state", user.state.as_str()),
        ("role", list::role(&user)),
        ("factor1", user.factor1.as_str()),
        ("factor2", user.factor2.as_ref().map_or("-", FactorName::as_str)),
        ("created", &created),
        ("user_hash", &pseudonym),
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

async fn add(auth: &Auth, command: AddUser) -> anyhow::Result<()> {
    let mut new = NewAccount::named(command.username);
    if let Some(email) = command.email {
        new.fields.insert("email".into(), Value::String(email));
    }
    new.names_of_entries = NamesOfEntries::Allowed;
    if command.admin {
        new.role = Role::Administrator;
    }
    new.factor2 = command.factor.as_deref().and_then(FactorName::optional);
    if !command.invite {
        new.password = Some(password::read(origin(command.password_stdin)).await?);
    }
    let created = auth.accounts.create_account(new).await;
    let (user, mail) = created.context("the account was not created")?;
    let outcome = match mail {
        ResetMail::Sent => "is added; a link to choose a password is sent",
        ResetMail::NotNeeded | ResetMail::TooMany { .. } => "is added",
    };
    report(&user.username, outcome)
}

pub(super) fn report(username: &str, outcome: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{} {outcome}", username.escape_debug())?;
    Ok(())
}
