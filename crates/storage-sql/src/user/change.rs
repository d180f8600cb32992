//! Creates, changes and deletes a user with all effects, within one transaction.

use crossauth_core::key::KeyPrefix;
use crossauth_core::storage::{Changed, Created, Deleted, StorageError, StoredUser};
use crossauth_core::user::{NewUser, Patch, SecretsUpdate, UserId, UserSecrets, UserState};

use super::owned::{OwnedChange, OwnedEffects, OwnedEndSessions, OwnedGuard};
use super::statement::UserSql;
use super::taken::Taken;
use super::write::Locked;
use crate::audit::AuditSql;
use crate::database::{Row, Transaction, Value};
use crate::key::{KeySql, skip_bad_rows};
use crate::outbox::OutboxSql;
use crate::uses::{UsesSql, can_replace};

/// The statements that an account operation needs.
pub(super) struct AccountSql {
    pub(super) users: UserSql,
    pub(super) keys: KeySql,
    pub(super) outbox: OutboxSql,
    pub(super) uses: UsesSql,
    pub(super) audit: AuditSql,
}

#[derive(Clone, Copy)]
enum Refused {
    Guard,
    LastAdmin,
}

/// Name of the advisory lock for creating administrators. All other names are addresses, which
/// contain `@`.
const ADMIN_LOCK: &str = "administrator";

impl AccountSql {
    pub(super) async fn create(
        &self,
        transaction: &mut dyn Transaction,
        user: &NewUser,
        secrets: &UserSecrets,
        guard: &OwnedGuard,
        effects: &OwnedEffects,
    ) -> Result<Created, StorageError> {
        if user.admin {
            self.lock_admin_creation(transaction).await?;
        }
        let refused = match guard {
            OwnedGuard::None | OwnedGuard::NotTheLastAdmin => false,
            OwnedGuard::PasswordIs(_)
            | OwnedGuard::CredentialsAre(_)
            | OwnedGuard::CredentialsAndNotTheLastAdmin(_) => true,
            OwnedGuard::NoAdmin => {
                self.lock_admin_creation(transaction).await?;
                self.has_admin(transaction).await?
            }
        };
        if refused {
            return Ok(Created::GuardFailed);
        }
        let email = user.email.as_deref();
        match self.taken(transaction, Some(&user.username), email, None).await? {
            Some(Taken::Username) => return Ok(Created::UsernameTaken),
            Some(Taken::Email) => return Ok(Created::EmailTaken),
            None => {}
        }
        if !self.consume(transaction, effects, None).await? {
            return Ok(Created::TokenGone);
        }
        let id = self.users.insert(transaction, user).await?;
        let secrets = SecretsUpdate {
            password: secrets.password.clone().map_or(Patch::Keep, Patch::Set),
            totpsecret: secrets.totpsecret.clone().map_or(Patch::Keep, Patch::Set),
        };
        self.users.write_secrets(transaction, &id, &secrets).await?;
        self.apply(transaction, &id, effects).await?;
        match self.users.lock(transaction, &id).await?.into_user()? {
            Some(stored) => Ok(Created::Done(Box::new(stored))),
            None => Err(StorageError::corrupt("a new user cannot be found")),
        }
    }

    pub(super) async fn change(
        &self,
        transaction: &mut dyn Transaction,
        id: &UserId,
        change: &OwnedChange,
    ) -> Result<Changed, StorageError> {
        if change.user.admin == Some(true) {
            self.lock_admin_creation(transaction).await?;
        }
        let admins = self.refusal_by_admins(transaction, id, &change.guard).await?;
        let stored = match self.users.lock(transaction, id).await? {
            Locked::Absent => return Ok(Changed::NoSuchUser),
            Locked::User(stored) => Some(*stored),
            Locked::Unreadable(error) if change.needs_account => return Err(error),
            Locked::Unreadable(_) => None,
        };
        match admins.or(refusal(stored.as_ref(), &change.guard)) {
            Some(Refused::Guard) => return Ok(Changed::GuardFailed),
            Some(Refused::LastAdmin) => return Ok(Changed::LastAdmin),
            None => {}
        }
        let before = stored.map(|stored| stored.regardless_of_state().0);
        let mut update = change.user.clone();
        if let Some(event) = change.event {
            let next = match &before {
                Some(before) => before.state.after(event),
                None => event.state_after_any(),
            };
            let Some(next) = next else { return self.not_allowed(transaction, id, change).await };
            update.state = update.state.or(Some(next));
        }
        let username = update.username.as_deref();
        let email = match &update.email {
            Patch::Set(email) => Some(email.as_str()),
            Patch::Keep | Patch::Clear => None,
        };
        match self.taken(transaction, username, email, Some(id)).await? {
            Some(Taken::Username) => return Ok(Changed::UsernameTaken),
            Some(Taken::Email) => return Ok(Changed::EmailTaken),
            None => {}
        }
        let effects = &change.effects;
        if let Some(refused) = self.refusal_by_uses(transaction, id, effects).await? {
            return Ok(refused);
        }
        if !self.consume(transaction, effects, Some(id)).await? {
            return Ok(Changed::TokenGone);
        }
        self.uses.use_up(transaction, &self.keys, id, effects.uses.as_ref()).await?;
        let fields = before.map(|before| before.extra).unwrap_or_default();
        self.users.update(transaction, id, &update, &fields).await?;
        self.users.write_secrets(transaction, id, &change.secrets).await?;
        self.apply(transaction, id, effects).await?;
        match self.users.lock(transaction, id).await? {
            Locked::User(stored) => Ok(Changed::Done(stored)),
            Locked::Unreadable(_) => Ok(Changed::DoneUnreadable),
            Locked::Absent => Err(StorageError::corrupt("a changed user cannot be found")),
        }
    }

    pub(super) async fn delete(
        &self,
        transaction: &mut dyn Transaction,
        id: &UserId,
        guard: &OwnedGuard,
        effects: &OwnedEffects,
    ) -> Result<Deleted, StorageError> {
        let admins = self.refusal_by_admins(transaction, id, guard).await?;
        let stored = match self.users.lock(transaction, id).await? {
            Locked::Absent => return Ok(Deleted::NoSuchUser),
            Locked::User(stored) => Some(*stored),
            Locked::Unreadable(error) if guard.borrowed().needs_account() => return Err(error),
            Locked::Unreadable(_) => None,
        };
        match admins.or(refusal(stored.as_ref(), guard)) {
            Some(Refused::Guard) => return Ok(Deleted::GuardFailed),
            Some(Refused::LastAdmin) => return Ok(Deleted::LastAdmin),
            None => {}
        }
        if !self.uses.are_unused(transaction, &self.keys, id, effects.uses.as_ref()).await? {
            return Ok(Deleted::AlreadyUsed);
        }
        if !self.consume(transaction, effects, Some(id)).await? {
            return Ok(Deleted::TokenGone);
        }
        self.uses.forget(transaction, id).await?;
        for kind in &effects.revoke {
            self.keys.revoke(transaction, id, *kind, None).await?;
        }
        self.outbox.insert(transaction, &effects.send, Some(id)).await?;
        self.audit.record(transaction, &effects.audit, Some(id)).await?;
        let param = [self.users.schema.users.id_kind.column_value(id)?];
        for statement in &self.users.delete_dependents {
            transaction.execute(statement, &param).await?;
        }
        transaction.execute(&self.users.delete, &param).await?;
        Ok(stored.map_or(Deleted::DoneUnreadable, |stored| {
            Deleted::Done(Box::new(stored.regardless_of_state().0))
        }))
    }

    /// The outcome where the state does not allow the event.
    async fn not_allowed(
        &self,
        transaction: &mut dyn Transaction,
        id: &UserId,
        change: &OwnedChange,
    ) -> Result<Changed, StorageError> {
        if let Some(token) = &change.effects.consume {
            let found = self.keys.find_locked(transaction, token).await?;
            if found.is_none_or(|key| key.userid.as_ref() != Some(id)) {
                return Ok(Changed::TokenGone);
            }
        }
        Ok(Changed::NotAllowed)
    }

    /// Keeps other transactions from creating or appointing an administrator until this one ends.
    /// Precedes all row locks, to avoid deadlocks.
    async fn lock_admin_creation(
        &self,
        transaction: &mut dyn Transaction,
    ) -> Result<(), StorageError> {
        if let Some(statement) = &self.users.lock_admin_creation {
            transaction.execute(statement, &[Value::text(ADMIN_LOCK)]).await?;
        }
        Ok(())
    }

    async fn has_admin(&self, transaction: &mut dyn Transaction) -> Result<bool, StorageError> {
        match &self.users.has_admin {
            Some(statement) => transaction.exists(statement, &[]).await,
            None => Ok(false),
        }
    }

    /// Whether a guard about the administrators forbids the operation.
    async fn refusal_by_admins(
        &self,
        transaction: &mut dyn Transaction,
        id: &UserId,
        guard: &OwnedGuard,
    ) -> Result<Option<Refused>, StorageError> {
        Ok(match guard {
            OwnedGuard::None | OwnedGuard::PasswordIs(_) | OwnedGuard::CredentialsAre(_) => None,
            OwnedGuard::NotTheLastAdmin | OwnedGuard::CredentialsAndNotTheLastAdmin(_) => {
                self.is_last_admin(transaction, id).await?.then_some(Refused::LastAdmin)
            }
            OwnedGuard::NoAdmin => {
                self.lock_admin_creation(transaction).await?;
                self.has_admin(transaction).await?.then_some(Refused::Guard)
            }
        })
    }

    /// Whether an enabled administrator is the last one who can log in. Locks the administrators, so that two of
    /// them cannot be disabled concurrently.
    async fn is_last_admin(
        &self,
        transaction: &mut dyn Transaction,
        id: &UserId,
    ) -> Result<bool, StorageError> {
        let Some(statement) = &self.users.lock_admins else { return Ok(false) };
        let users = &self.users.schema.users;
        let decode = |row: &dyn Row| Ok(users.decode(row, 0).transpose());
        let admins = transaction.list(statement, &[], decode).await?;
        let admins = skip_bad_rows(admins.into_iter().flatten().collect())?;
        let (this, others): (Vec<_>, Vec<_>) =
            admins.iter().partition(|admin| admin.user.id == *id);
        let is_enabled = this.iter().any(|admin| admin.user.state != UserState::Disabled);
        Ok(is_enabled && !others.iter().any(|admin| admin.user.state.lets_log_in()))
    }

    /// Whether what a change uses up, or the session that it must replace, is gone already.
    async fn refusal_by_uses(
        &self,
        transaction: &mut dyn Transaction,
        id: &UserId,
        effects: &OwnedEffects,
    ) -> Result<Option<Changed>, StorageError> {
        if !self.uses.are_unused(transaction, &self.keys, id, effects.uses.as_ref()).await? {
            return Ok(Some(Changed::AlreadyUsed));
        }
        let replaced = effects.replaces.as_deref();
        let can_replace =
            can_replace(transaction, &self.keys, replaced, effects.must_replace).await?;
        Ok((!can_replace).then_some(Changed::SessionGone))
    }

    /// Consumes the required token; returns whether it existed.
    async fn consume(
        &self,
        transaction: &mut dyn Transaction,
        effects: &OwnedEffects,
        owner: Option<&UserId>,
    ) -> Result<bool, StorageError> {
        match &effects.consume {
            Some(token) => self.keys.consume(transaction, token, owner).await,
            None => Ok(true),
        }
    }

    /// Applies the effects other than consuming the token.
    async fn apply(
        &self,
        transaction: &mut dyn Transaction,
        id: &UserId,
        effects: &OwnedEffects,
    ) -> Result<(), StorageError> {
        match &effects.sessions {
            OwnedEndSessions::Keep => {}
            OwnedEndSessions::All => self.end_sessions(transaction, id, None).await?,
            OwnedEndSessions::AllBut(kept) => {
                self.end_sessions(transaction, id, Some(kept)).await?;
            }
        }
        for kind in &effects.revoke {
            self.keys.revoke(transaction, id, *kind, None).await?;
        }
        if let Some(replaced) = &effects.replaces {
            self.keys.delete(transaction, replaced).await?;
        }
        if !effects.issue.is_empty() {
            let epoch = self.users.epoch_of(transaction, id).await?;
            for key in &effects.issue {
                self.keys.insert(transaction, key, Some(id), epoch).await?;
            }
        }
        self.outbox.insert(transaction, &effects.send, Some(id)).await?;
        self.audit.record(transaction, &effects.audit, Some(id)).await
    }

    async fn end_sessions(
        &self,
        transaction: &mut dyn Transaction,
        id: &UserId,
        kept: Option<&str>,
    ) -> Result<(), StorageError> {
        if let Some(statement) = &self.users.raise_epoch {
            let id: Value<'_> = self.users.schema.users.id_kind.column_value(id)?;
            transaction.execute(statement, &[id]).await?;
        }
        self.keys.revoke(transaction, id, KeyPrefix::Session, kept).await?;
        if let Some(kept) = kept {
            self.keys.renew(transaction, kept, id).await?;
        }
        Ok(())
    }
}

/// Whether a guard about the account forbids the operation.
fn refusal(stored: Option<&StoredUser>, guard: &OwnedGuard) -> Option<Refused> {
    let holds = match guard {
        OwnedGuard::None | OwnedGuard::NotTheLastAdmin | OwnedGuard::NoAdmin => true,
        OwnedGuard::PasswordIs(hash) => stored.is_some_and(|user| user.has_password_hash(hash)),
        OwnedGuard::CredentialsAre(checked)
        | OwnedGuard::CredentialsAndNotTheLastAdmin(checked) => {
            stored.is_some_and(|user| user.credentials() == *checked)
        }
    };
    (!holds).then_some(Refused::Guard)
}
