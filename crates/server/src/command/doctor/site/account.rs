//! The temporary account that logs in through the public URL.
//!
//! Only this process can use it: the password is random, is kept in memory, and is sent only to a
//! server that has the secret of this one; there is no e-mail address by which it could be reset. A
//! process that is killed leaves its account behind. The next run deletes it: the name has a code that
//! only the server's secret makes, so that no account of a user is taken for one.

use std::time::Duration;

use crossauth_core::Auth;
use crossauth_core::account::{AccountError, AccountForm, Role};
use crossauth_core::clock::{Clock as _, SystemClock, Timestamp};
use crossauth_core::crypto::random_value;
use crossauth_core::random::SystemRandom;
use crossauth_core::secret::Password;
use crossauth_core::storage::{UserPosition, UserQuery};
use crossauth_core::user::{User, UserId};
use tokio::time::timeout;

use super::super::finding::Findings;

/// How names begin.
const PREFIX: &str = "doctor-";

/// Maximum time of creating or deleting the account.
const TIME_LIMIT: Duration = Duration::from_secs(15);

/// Age after which an account is left over: no run takes as long.
const LEFT_OVER: Duration = Duration::from_mins(5);

/// How many accounts are listed at once.
const PAGE: u32 = 100;

/// An account that is deleted after the login.
pub(super) struct TemporaryAccount {
    pub(super) username: String,
    pub(super) password: String,
}

impl TemporaryAccount {
    /// Chooses name and password.
    pub(super) fn new(auth: &Auth) -> Self {
        let name = format!("{PREFIX}{}", random_value(&SystemRandom, 9));
        Self {
            username: format!("{name}-{}", code(auth, &name)),
            password: format!("Aa1!{}", random_value(&SystemRandom, 18)),
        }
    }

    /// Creates the account. Even if this fails, it may exist.
    pub(super) async fn create(&self, auth: &Auth) -> Result<(), String> {
        let form = AccountForm::new(&self.username, Password::new(&*self.password));
        match timeout(TIME_LIMIT, auth.accounts.create(form, Role::User)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the database did not respond in time".to_owned()),
        }
    }

    /// Deletes the account if it exists.
    pub(super) async fn delete(&self, auth: &Auth, findings: &mut Findings) -> anyhow::Result<()> {
        let error = match timeout(TIME_LIMIT, auth.accounts.delete(&self.username)).await {
            Ok(Ok(_) | Err(AccountError::NoSuchUser)) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the database did not respond in time".to_owned(),
        };
        let name = &self.username;
        Ok(findings.problem(&format!(
            "the temporary account {name} could not be deleted, which the next run does: {error}"
        ))?)
    }
}

/// Deletes the accounts of runs that were killed.
pub(super) async fn delete_left_over(auth: &Auth, findings: &mut Findings) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let mut after: Option<String> = None;
    loop {
        let position = after.as_deref().map_or(UserPosition::First, UserPosition::After);
        let query = UserQuery { search: Some(PREFIX), position, ..UserQuery::first(PAGE) };
        let page = auth.accounts.list(&query).await?;
        for user in page.users.iter().filter(|user| is_left_over(auth, user, now)) {
            auth.accounts.delete(&user.id).await?;
            let name = &user.username;
            findings.fine(&format!("deleted {name}, the account of a run that was killed"))?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

fn is_left_over(auth: &Auth, user: &User, now: Timestamp) -> bool {
    let name = user.username.rsplit_once('-');
    let is_ours =
        name.is_some_and(|(name, found)| name.starts_with(PREFIX) && found == code(auth, name));
    is_ours && user.created.is_none_or(|created| now.since(created) > LEFT_OVER)
}

/// The code of a name, which takes the server's secret to make.
fn code(auth: &Auth, name: &str) -> String {
    auth.pseudonym(&UserId::Text(name.to_owned()))
}
