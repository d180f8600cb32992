//! Change of the password by the user.
//!
//! ```
//! use crossauth_core::Auth;
//! use crossauth_core::account::AccountError;
//! use crossauth_core::password_change::{PasswordChangeOutcome, PasswordChangeRequest};
//! use crossauth_core::secret::Password;
//! use crossauth_core::session::{NewSession, Session};
//!
//! async fn change(
//!     auth: &Auth,
//!     session: &Session,
//!     old: Password,
//!     new: Password,
//! ) -> Result<Option<NewSession>, AccountError> {
//!     let request = PasswordChangeRequest::new(old, new);
//!     Ok(match auth.password_change.change(session, request).await? {
//!         PasswordChangeOutcome::Changed(session) => Some(*session),
//!         PasswordChangeOutcome::Rejected(_) | PasswordChangeOutcome::NotLoggedIn => None,
//!     })
//! }
//! ```

mod directory;

use std::slice;
use std::sync::Arc;

use crate::account::{AccountError, Accounts};
use crate::audit::{Act, Audit};
use crate::deps::Deps;
use crate::form::{Field, FieldError, Rule};
use crate::key::KeyPrefix;
use crate::message::{Message, MessageKind};
use crate::notice::Notices;
use crate::password::{Hasher, Lane};
use crate::reauthentication::{Accepted, PasswordRejection, Reauthentication};
use crate::secret::Password;
use crate::session::{NewSession, Replaced, Session, Sessions};
use crate::storage::{
    Change, Changed, CredentialVersion, Effects, EndSessions, Guard, StorageError, StoredUser,
    UserStore,
};
use crate::user::{Patch, SecretsUpdate, StateEvent, User};

/// A request to change the password.
#[derive(Debug)]
pub struct PasswordChangeRequest {
    /// The current password.
    pub old: Password,
    /// The new one.
    pub new: Password,
    /// The new one once more, if the form has it.
    pub repeat: Option<Password>,
}

impl PasswordChangeRequest {
    /// A request of a form without a repeated password.
    pub fn new(old: Password, new: Password) -> Self {
        Self { old, new, repeat: None }
    }
}

/// The outcome of a request to change the password.
#[derive(Debug)]
pub enum PasswordChangeOutcome {
    /// The password was changed, and its user is notified by e-mail. All sessions, known devices,
    /// reset links and pending changes of the address of the user have ended; this session continues
    /// the one of the request under a new id.
    Changed(Box<NewSession>),
    /// The current password is not accepted.
    Rejected(PasswordRejection),
    /// The session is anonymous or has ended, or its user was deleted.
    NotLoggedIn,
}

/// Changes passwords at the request of their users.
pub struct PasswordChanges {
    users: Arc<dyn UserStore>,
    hasher: Arc<Hasher>,
    reauthentication: Arc<Reauthentication>,
    accounts: Arc<Accounts>,
    sessions: Arc<Sessions>,
    notices: Notices,
    audit: Arc<Audit>,
}

impl PasswordChanges {
    pub(crate) fn new(
        deps: &Deps,
        accounts: Arc<Accounts>,
        sessions: Arc<Sessions>,
        reauthentication: Arc<Reauthentication>,
    ) -> Self {
        let (users, hasher) = (deps.storage.users.clone(), deps.hasher.clone());
        let notices = Notices::new(deps.messages.clone());
        let audit = deps.audit.clone();
        Self { users, hasher, reauthentication, accounts, sessions, notices, audit }
    }

    /// Changes the password of the logged-in user, who must know the current one.
    ///
    /// The new password must be accepted by the policy and differ from the current one. That of an
    /// account of the directory is changed there, and must be accepted there, too.
    pub async fn change(
        &self,
        session: &Session,
        request: PasswordChangeRequest,
    ) -> Result<PasswordChangeOutcome, AccountError> {
        let Some(user) = &session.user else { return Ok(PasswordChangeOutcome::NotLoggedIn) };
        let Some(found) = self.users.find_by_id(&user.id).await? else {
            return Ok(PasswordChangeOutcome::NotLoggedIn);
        };
        if let Some(rejection) = self.rejection(&found, user, &request).await? {
            return Ok(PasswordChangeOutcome::Rejected(rejection));
        }
        // Before the directory has the new password.
        let notice = self.notices.compose(MessageKind::PasswordChanged, user, &[])?;
        match self.set(&found, request).await? {
            Ok(password) => self.store((session, user), &found, password, notice.as_slice()).await,
            Err(rejection) => Ok(PasswordChangeOutcome::Rejected(rejection)),
        }
    }

    /// Changes the password of a user who must do so before they are logged in: `found` is the
    /// account that their session [permits](crate::login::Login::password_change_of) to change. On
    /// success, returns the user, whose login then
    /// [continues](crate::login::Login::admit_changed).
    pub async fn change_required(
        &self,
        found: &StoredUser,
        request: PasswordChangeRequest,
    ) -> Result<Result<User, PasswordRejection>, AccountError> {
        let user = found.clone().regardless_of_state().0;
        self.check_new(&user, &request)?;
        let source = self.reauthentication.passwords.source_of(found);
        let old = request.old.clone();
        let accepted = match self
            .reauthentication
            .check_required::<AccountError>(found.id(), &source, old)
            .await?
        {
            Ok(accepted) => accepted,
            Err(rejection) => return Ok(Err(rejection)),
        };
        let new = request.new.clone();
        let notice = self.notices.compose(MessageKind::PasswordChanged, &user, &[])?;
        let password = match self.set(found, request).await? {
            Ok(password) => password,
            Err(rejection) => return Ok(Err(rejection)),
        };
        if accepted == Accepted::OfUnreadEntry && !self.is_of_account(found, new).await {
            return Ok(Ok(user));
        }
        let credentials = found.credentials();
        let audit = [self.audit.event(Act::PasswordChanged).about(&user)];
        let effects = Effects { send: notice.as_slice(), audit: &audit, ..ENDS };
        let change = change(password, &credentials, effects);
        match self.store_change(found, &change).await? {
            Changed::Done(stored) => {
                tracing::info!(user = %found.id(), "password changed, as required");
                Ok(Ok(stored.regardless_of_state().0))
            }
            Changed::GuardFailed | Changed::NoSuchUser => Ok(Err(PasswordRejection::Wrong)),
            Changed::NotAllowed => Err(AccountError::NotAllowed),
            Changed::SessionGone
            | Changed::LastAdmin
            | Changed::TokenGone
            | Changed::AlreadyUsed
            | Changed::UsernameTaken
            | Changed::EmailTaken
            | Changed::DoneUnreadable => Err(unexpected()),
        }
    }

    /// Checks the new password, then the current one; `None` if both are accepted.
    async fn rejection(
        &self,
        found: &StoredUser,
        user: &User,
        request: &PasswordChangeRequest,
    ) -> Result<Option<PasswordRejection>, AccountError> {
        self.check_new(user, request)?;
        let source = self.reauthentication.passwords.source_of(found);
        self.reauthentication.check(found.id(), &source, request.old.clone()).await
    }

    fn check_new(&self, user: &User, request: &PasswordChangeRequest) -> Result<(), AccountError> {
        let PasswordChangeRequest { old, new, repeat } = request;
        let owner = (user.username.as_str(), user.email.as_deref());
        let mut errors = self.accounts.check_new_password(new, owner);
        if repeat.as_ref().is_some_and(|repeat| repeat != new) {
            errors.push(FieldError::new(Field::RepeatPassword, Rule::Mismatch));
        }
        if errors.is_empty() && old == new {
            let rule = Rule::Custom("must differ from the current one".into());
            errors.push(FieldError::new(Field::NewPassword, rule));
        }
        if errors.is_empty() { Ok(()) } else { Err(AccountError::Form(errors)) }
    }

    /// Makes a verified user's new password what the storage gets: its hash or, for an account of the
    /// directory, nothing, because the directory has it then.
    async fn set(
        &self,
        found: &StoredUser,
        request: PasswordChangeRequest,
    ) -> Result<Result<Patch<String>, PasswordRejection>, AccountError> {
        let PasswordChangeRequest { old, new, .. } = request;
        let source = self.reauthentication.passwords.source_of(found);
        if source.entry().is_some() {
            return self.set_in_directory(found, &source, (&old, &new)).await;
        }
        Ok(Ok(Patch::Set(self.hasher.hash(new, Lane::Trusted).await?)))
    }

    /// Stores the new password of a user whose credentials were verified, unless they have changed
    /// since, and continues their session under a new id.
    async fn store(
        &self,
        (session, user): (&Session, &User),
        found: &StoredUser,
        password: Patch<String>,
        send: &[Message],
    ) -> Result<PasswordChangeOutcome, AccountError> {
        let replaced = Replaced::new(&session.id, &session.key).stored_value();
        let (id, key) = self.sessions.prepare_rotated(session);
        let credentials = found.credentials();
        let audit = [self.audit.event(Act::PasswordChanged).about(user)];
        let effects = Effects {
            replaces: Some(&replaced),
            must_replace: true,
            issue: slice::from_ref(&key),
            send,
            audit: &audit,
            ..ENDS
        };
        let change = change(password, &credentials, effects);
        match self.store_change(found, &change).await? {
            Changed::Done(stored) => {
                tracing::info!(user = %found.id(), "password changed");
                let user = stored.regardless_of_state().0;
                let session = self.sessions.prepared(id, &key, user);
                Ok(PasswordChangeOutcome::Changed(Box::new(session)))
            }
            Changed::GuardFailed => Ok(PasswordChangeOutcome::Rejected(PasswordRejection::Wrong)),
            Changed::NoSuchUser | Changed::SessionGone => Ok(PasswordChangeOutcome::NotLoggedIn),
            Changed::NotAllowed => Err(AccountError::NotAllowed),
            Changed::LastAdmin
            | Changed::TokenGone
            | Changed::AlreadyUsed
            | Changed::UsernameTaken
            | Changed::EmailTaken
            | Changed::DoneUnreadable => Err(unexpected()),
        }
    }
}

/// What ends with a password.
const ENDS: Effects<'static> = Effects {
    consume: None,
    uses: None,
    sessions: EndSessions::All,
    revoke: &[KeyPrefix::PasswordReset, KeyPrefix::EmailVerification, KeyPrefix::KnownDevice],
    replaces: None,
    must_replace: false,
    issue: &[],
    send: &[],
    audit: &[],
};

fn change<'a>(
    password: Patch<String>,
    credentials: &'a CredentialVersion,
    effects: Effects<'a>,
) -> Change<'a> {
    Change {
        secrets: SecretsUpdate { password, ..SecretsUpdate::default() },
        event: Some(StateEvent::PasswordChanged),
        guard: Guard::CredentialsAre(credentials),
        effects,
        ..Change::default()
    }
}

fn unexpected() -> AccountError {
    StorageError::bug("unexpected outcome of a change of the password").into()
}
