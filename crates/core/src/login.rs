//! Logging in with a username and a password.

use std::sync::Arc;

use crate::password::{self, HashError, Hasher, Lane, Verification};
use crate::secret::Password;
use crate::session::{Beginning, NewSession, Persistence, SessionId, Sessions};
use crate::storage::{Storage, StorageError, UserStore};
use crate::user::{Refusal, StateChecks, User};

/// Somebody wants to log in.
#[derive(Debug)]
pub struct LoginAttempt<'a> {
    /// Who they say they are.
    pub username: &'a str,
    /// What should prove it.
    pub password: Password,
    /// Whether the session outlives the browser; `None` for the configured default.
    pub persist: Option<Persistence>,
    /// The session they have now; it ends when the new one begins.
    pub replaces: Option<&'a SessionId>,
}

/// What became of an attempt to log in.
#[derive(Debug)]
pub enum LoginOutcome {
    /// The password is right and a session has begun.
    LoggedIn(Box<NewSession>),
    /// There is no such user, or the password is wrong: which of them is not to be told.
    WrongCredentials,
    /// The password is right, but the account's state does not let its user in.
    Refused(Refusal),
}

/// The attempt could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// No capacity for hashing right now.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Logs people in.
pub struct Login {
    users: Arc<dyn UserStore>,
    hasher: Arc<Hasher>,
    sessions: Arc<Sessions>,
}

impl Login {
    pub(crate) fn new(storage: &Storage, hasher: Arc<Hasher>, sessions: Arc<Sessions>) -> Self {
        Self { users: storage.users.clone(), hasher, sessions }
    }

    /// Checks the password and, if the account allows it, begins a session.
    ///
    /// Takes the same work whether or not there is such a user. The state of an account is
    /// told only to those who know its password.
    pub async fn attempt(&self, attempt: LoginAttempt<'_>) -> Result<LoginOutcome, LoginError> {
        // The hash may have changed because another login upgraded it: then the password is
        // still right, and a second look says so.
        for _ in 0..2 {
            if let Some(outcome) = self.judge(&attempt).await? {
                return Ok(outcome);
            }
        }
        Ok(LoginOutcome::WrongCredentials)
    }

    /// `None` if the stored hash changed between being checked and the session's beginning.
    async fn judge(&self, attempt: &LoginAttempt<'_>) -> Result<Option<LoginOutcome>, LoginError> {
        let found = self.users.find_by_username(attempt.username).await?;
        let stored = found.map(|found| {
            let (user, secrets) = found.clone().regardless_of_state();
            (found, secrets.password.filter(|_| password::is_factor(&user.factor1)))
        });
        let known = stored.as_ref().and_then(|(_, hash)| hash.as_deref());
        let verification =
            self.hasher.verify(attempt.password.clone(), known, Lane::Public).await?;
        let id = stored.as_ref().map(|(found, _)| found.id().clone());
        let (Verification::Match { upgrade }, Some((found, Some(stored)))) = (verification, stored)
        else {
            // Not the name: people type passwords there. An account that exists has an id.
            let user = id.as_ref().map(tracing::field::display);
            tracing::info!(user, "login failed");
            return Ok(Some(LoginOutcome::WrongCredentials));
        };
        let user = match found.admit(StateChecks::ALL) {
            Ok((user, _)) if !user.has_second_factor() => user,
            // No second factor can be checked yet, and one that is set must not be skipped.
            Ok(_) => return Ok(Some(LoginOutcome::Refused(Refusal::Factor2ResetNeeded))),
            Err(refusal) => return Ok(Some(LoginOutcome::Refused(refusal))),
        };
        let password = match upgrade {
            None => stored,
            Some(new) => self.upgrade(&user, stored, new).await?,
        };
        let beginning = Beginning {
            replaces: attempt.replaces,
            password: Some(&password),
            persist: attempt.persist,
            ..Beginning::default()
        };
        let id = user.id.clone();
        let begun = self.sessions.begin(user, beginning).await?;
        Ok(begun.map(|session| {
            tracing::info!(user = %id, session = %session.id.digest(), "logged in");
            LoginOutcome::LoggedIn(Box::new(session))
        }))
    }

    /// Replaces an outdated hash. Returns the hash that is stored now.
    async fn upgrade(&self, user: &User, old: String, new: String) -> Result<String, LoginError> {
        // If another request has changed the stored hash, the session will not begin either.
        let replaced = self.users.replace_password(&user.id, &old, &new).await?;
        tracing::info!(user = %user.id, replaced, "password hash upgraded");
        Ok(if replaced { new } else { old })
    }
}
