//! States, password links and second factors.

use anyhow::Context as _;
use crossauth_core::Auth;
use crossauth_core::account::{AccountError, FactorReset, ResetMail, SelectedState};
use crossauth_core::user::{UserId, UserState};

use super::{find, find_any, report};
use crate::cli::{ResetFactor, SetState};

const TOO_MANY: &str = "too many links were sent to this account; try again in an hour";

/// `crossauth user send-reset`
pub(super) async fn send_reset(auth: &Auth, name: &str) -> anyhow::Result<()> {
    let user = find(auth, name).await?;
    let sent = auth.accounts.send_reset(&user).await.context("no link is sent")?;
    anyhow::ensure!(sent == ResetMail::Sent, TOO_MANY);
    report(&user.username, "is sent a link to choose a new password")
}

/// `crossauth user set-state`
pub(super) async fn set(auth: &Auth, command: &SetState) -> anyhow::Result<()> {
    let user = find(auth, &command.username).await?;
    let state = UserState::from(command.state.trim());
    if state == UserState::Disabled && user.state == state {
        return disable_again(auth, &user.id, &user.username).await;
    }
    if user.state == state {
        return report(&user.username, &format!("is {} already", state.as_str()));
    }
    let selected = match auth.accounts.set_state(&user, &state).await {
        Err(AccountError::NotAllowed) => {
            let possible = auth.accounts.selectable_states(&user);
            let possible: Vec<&str> = possible.iter().skip(1).map(UserState::as_str).collect();
            anyhow::bail!(
                "an account whose state is {} cannot be put into the state {:?}; possible are {}",
                user.state.as_str().escape_debug(),
                state.as_str(),
                possible.join(", "),
            )
        }
        selected => selected.context("the state was not changed")?,
    };
    let SelectedState { user, mail, .. } = selected;
    let mail = match mail {
        ResetMail::NotNeeded => "",
        ResetMail::Sent => "; a link to choose a new password is sent",
        ResetMail::TooMany { .. } => "; no link is sent, because too many were",
    };
    report(&user.username, &format!("is {}{mail}", user.state.as_str()))
}

/// `crossauth user reset-factor`
pub(super) async fn reset_factor(auth: &Auth, command: &ResetFactor) -> anyhow::Result<()> {
    let user = find(auth, &command.username).await?;
    let (reset, outcome) = if command.remove {
        (FactorReset::Remove, "has no second factor any more")
    } else {
        (FactorReset::SetUpAgain, "must set up a second factor at the next login")
    };
    match auth.accounts.reset_factor(&user, reset).await {
        Err(AccountError::NotAllowed) => {
            let state = user.state.as_str().escape_debug();
            anyhow::bail!("the second factor is not reset while the state is {state}; see --remove")
        }
        user => report(&user.context("the second factor was not reset")?.username, outcome),
    }
}

/// `crossauth user disable`
pub(super) async fn disable(auth: &Auth, name: &str) -> anyhow::Result<()> {
    let account = find_any(auth, name).await?;
    if account.state == Some(UserState::Disabled) {
        return disable_again(auth, &account.id, &account.name).await;
    }
    auth.accounts.disable(&account.id).await.context("the account was not disabled")?;
    report(&account.name, "is disabled")
}

/// Disables an account that is disabled, perhaps by the directory.
async fn disable_again(auth: &Auth, id: &UserId, name: &str) -> anyhow::Result<()> {
    if !auth.accounts.is_disabled_by_directory(id).await? {
        return report(name, "is disabled already");
    }
    auth.accounts.disable(id).await.context("the account was not disabled")?;
    report(name, "was disabled by the directory, and stays disabled until it is enabled here")
}

/// `crossauth user enable`
pub(super) async fn enable(auth: &Auth, name: &str) -> anyhow::Result<()> {
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
