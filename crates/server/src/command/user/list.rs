//! The list of accounts.

use std::io::{self, Write as _};

use crossauth_core::Auth;
use crossauth_core::account::Role;
use crossauth_core::storage::{UserPage, UserPosition, UserQuery};
use crossauth_core::user::{User, UserState};

use crate::cli::ListUsers;

/// `crossauth user list`
pub(super) async fn run(auth: &Auth, page: &ListUsers) -> anyhow::Result<()> {
    let position = match (&page.after, &page.before) {
        (Some(after), _) => UserPosition::After(after),
        (None, Some(before)) => UserPosition::Before(before),
        (None, None) if page.last => UserPosition::Last,
        (None, None) => UserPosition::First,
    };
    let query = UserQuery {
        search: page.search.as_deref(),
        state: page.state.as_deref().map(UserState::from),
        role: page.admin.then_some(Role::Administrator),
        position,
        limit: page.limit,
    };
    let UserPage { users, unreadable, previous, next } = auth.accounts.list(&query).await?;
    let mut stdout = io::stdout().lock();
    if users.is_empty() && next.is_none() {
        let more = if page.after.is_some() { "more " } else { "" };
        let is_filtered = page.search.is_some() || page.state.is_some() || page.admin;
        let such = if is_filtered { "such " } else { "" };
        writeln!(io::stderr(), "there are no {more}{such}accounts")?;
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
    for name in unreadable {
        let name = name.escape_debug();
        writeln!(io::stderr(), "the row of the account '{name}' cannot be decoded")?;
    }
    if let Some(previous) = previous.filter(|_| page.before.is_some() || page.last) {
        let previous = previous.escape_debug();
        writeln!(io::stderr(), "there are accounts before: --before '{previous}'")?;
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

pub(super) fn role(user: &User) -> &'static str {
    if user.admin { "administrator" } else { "user" }
}

fn columns(username: &str, email: &str, state: &str, role: &str) -> String {
    format!("{username:<24} {email:<32} {state:<12} {role}")
}
