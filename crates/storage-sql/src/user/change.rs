//! Creates, changes and deletes a user with all effects, within one transaction.

use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::storage::{
    Change, Changed, Created, CredentialVersion, Deleted, Effects, EndSessions, Guard,
    StorageError, StoredUser,
};
use crossauth_core::user::{
    NewUser, Patch, SecretsUpdate, StateEvent, UserId, UserSecrets, UserState, UserUpdate,
};

use super::statement::UserSql;
use crate::database::{Row, Transaction, Value};
use crate::key::KeySql;
use crate::record::{decode_id, to_text};

/// The statements that an account operation needs.
pub(super) struct AccountSql {
    pub(super) users: UserSql,
    pub(super) keys: KeySql,
}

/// An owned [`Change`], for a transaction.
pub(super) struct OwnedChange {
    user: UserUpdate,
    secrets: SecretsUpdate,
    event: Option<StateEvent>,
    guard: OwnedGuard,
    effects: OwnedEffects,
}

/// An owned [`Guard`], for a transaction.
pub(super) enum OwnedGuard {
    None,
    PasswordIs(String),
    CredentialsAre(CredentialVersion),
    NotTheLastAdmin,
}

/// Owned [`Effects`], for a transaction.
pub(super) struct OwnedEffects {
    consume: Option<String>,
    sessions: OwnedEndSessions,
    revoke: Vec<KeyPrefix>,
    replaces: Option<String>,
    issue: Vec<Key>,
}

enum OwnedEndSessions {
    Keep,
    All,
    AllBut(String),
}

enum Taken {
    Username,
    Email,
}

enum Refused {
    Guard,
    LastAdmin,
}

impl AccountSql {
    pub(super) async fn create(
        &self,
        transaction: &mut dyn Transaction,
        user: &NewUser,
        secrets: &UserSecrets,
        effects: &OwnedEffects,
    ) -> Result<Created, StorageError> {
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
        Ok(Created::Done(Box::new(self.changed(transaction, &id).await?)))
    }

    pub(super) async fn change(
        &self,
        transaction: &mut dyn Transaction,
        id: &UserId,
        change: &OwnedChange,
    ) -> Result<Changed, StorageError> {
        let is_last_admin = self.is_last_admin(transaction, id, &change.guard).await?;
        let Some(stored) = self.users.lock(transaction, id).await? else {
            return Ok(Changed::NoSuchUser);
        };
        match refusal(&stored, &change.guard, is_last_admin) {
            Some(Refused::Guard) => return Ok(Changed::GuardFailed),
            Some(Refused::LastAdmin) => return Ok(Changed::LastAdmin),
            None => {}
        }
        let (before, _) = stored.regardless_of_state();
        let mut update = change.user.clone();
        if let Some(event) = change.event {
            let Some(next) = before.state.after(event) else { return Ok(Changed::NotAllowed) };
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
        if !self.consume(transaction, &change.effects, Some(id)).await? {
            return Ok(Changed::TokenGone);
        }
        self.users.update(transaction, id, &update, &before.extra).await?;
        self.users.write_secrets(transaction, id, &change.secrets).await?;
        self.apply(transaction, id, &change.effects).await?;
        Ok(Changed::Done(Box::new(self.changed(transaction, id).await?)))
    }

    pub(super) async fn delete(
        &self,
        transaction: &mut dyn Transaction,
        id: &UserId,
        guard: &OwnedGuard,
        effects: &OwnedEffects,
    ) -> Result<Deleted, StorageError> {
        let is_last_admin = self.is_last_admin(transaction, id, guard).await?;
        let Some(stored) = self.users.lock(transaction, id).await? else {
            return Ok(Deleted::NoSuchUser);
        };
        match refusal(&stored, guard, is_last_admin) {
            Some(Refused::Guard) => return Ok(Deleted::GuardFailed),
            Some(Refused::LastAdmin) => return Ok(Deleted::LastAdmin),
            None => {}
        }
        if !self.consume(transaction, effects, Some(id)).await? {
            return Ok(Deleted::TokenGone);
        }
        for kind in &effects.revoke {
            self.keys.revoke(transaction, id, *kind, None).await?;
        }
        let param = [self.users.schema.users.id_kind.column_value(id)?];
        for statement in &self.users.delete_dependents {
            transaction.execute(statement, &param).await?;
        }
        transaction.execute(&self.users.delete, &param).await?;
        Ok(Deleted::Done(Box::new(stored.regardless_of_state().0)))
    }

    async fn changed(
        &self,
        transaction: &mut dyn Transaction,
        id: &UserId,
    ) -> Result<StoredUser, StorageError> {
        let stored = self.users.lock(transaction, id).await?;
        stored.ok_or_else(|| StorageError::corrupt("a changed user cannot be found"))
    }

    /// Checks whether another user has the new username or the new e-mail address. Both are looked
    /// for among names and among addresses: people log in with either, and each must lead to one
    /// account.
    async fn taken(
        &self,
        transaction: &mut dyn Transaction,
        username: Option<&str>,
        email: Option<&str>,
        except: Option<&UserId>,
    ) -> Result<Option<Taken>, StorageError> {
        self.claim(transaction, username, email).await?;
        if let Some(username) = username
            && self.is_anothers(transaction, username, except).await?
        {
            return Ok(Some(Taken::Username));
        }
        if let Some(email) = email
            && self.is_anothers(transaction, email, except).await?
        {
            return Ok(Some(Taken::Email));
        }
        Ok(None)
    }

    /// Whether another user than `except` has this text as a name or as an address.
    async fn is_anothers(
        &self,
        transaction: &mut dyn Transaction,
        text: &str,
        except: Option<&UserId>,
    ) -> Result<bool, StorageError> {
        let users = &self.users.schema.users;
        let name = users.lookup_username(text);
        let by_name = &self.users.id_by_username;
        if self.users.is_taken(transaction, by_name, name, except).await? {
            return Ok(true);
        }
        let address = users.lookup_email(text);
        match &self.users.id_by_email {
            Some(by_email) if address.contains('@') => {
                self.users.is_taken(transaction, by_email, address, except).await
            }
            _ => Ok(false),
        }
    }

    /// Keeps others from taking the same texts until the transaction ends, where no unique index
    /// does: one as a name, the other as an address.
    async fn claim(
        &self,
        transaction: &mut dyn Transaction,
        username: Option<&str>,
        email: Option<&str>,
    ) -> Result<(), StorageError> {
        let Some(statement) = &self.users.claim else { return Ok(()) };
        let users = &self.users.schema.users;
        let normalized = [username, email].into_iter().flatten();
        let mut texts: Vec<String> = normalized.map(|text| users.lookup_email(text)).collect();
        texts.retain(|text| text.contains('@'));
        // In one order everywhere, so that two transactions never wait for each other.
        texts.sort();
        for text in texts {
            transaction.execute(statement, &[Value::text(text)]).await?;
        }
        Ok(())
    }

    /// Whether the guard forbids the operation because there is no other enabled administrator.
    /// Locks the administrators, so that two of them cannot be disabled concurrently.
    async fn is_last_admin(
        &self,
        transaction: &mut dyn Transaction,
        id: &UserId,
        guard: &OwnedGuard,
    ) -> Result<bool, StorageError> {
        let (OwnedGuard::NotTheLastAdmin, Some(statement)) = (guard, &self.users.lock_admins)
        else {
            return Ok(false);
        };
        let decode = |row: &dyn Row| {
            let id = decode_id(row.value(0)?).map_err(StorageError::bad_row)?;
            let state = to_text(row.value(1)?).map_err(StorageError::bad_row)?;
            let state = state.map_or(UserState::Active, |state| UserState::from(&*state));
            Ok((id, state))
        };
        let mut admins = transaction.list(statement, &[], decode).await?;
        admins.retain(|(_, state)| *state != UserState::Disabled);
        Ok(matches!(&*admins, [(only, _)] if only.as_ref() == Some(id)))
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
        Ok(())
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

fn refusal(stored: &StoredUser, guard: &OwnedGuard, is_last_admin: bool) -> Option<Refused> {
    match guard {
        OwnedGuard::None => None,
        OwnedGuard::PasswordIs(hash) => (!stored.has_password_hash(hash)).then_some(Refused::Guard),
        OwnedGuard::CredentialsAre(checked) => {
            (stored.credentials() != *checked).then_some(Refused::Guard)
        }
        OwnedGuard::NotTheLastAdmin => is_last_admin.then_some(Refused::LastAdmin),
    }
}

impl From<&Change<'_>> for OwnedChange {
    fn from(change: &Change<'_>) -> Self {
        let Change { user, secrets, event, guard, effects } = change;
        Self {
            user: user.clone(),
            secrets: secrets.clone(),
            event: *event,
            guard: (*guard).into(),
            effects: effects.into(),
        }
    }
}

impl From<Guard<'_>> for OwnedGuard {
    fn from(guard: Guard<'_>) -> Self {
        match guard {
            Guard::None => Self::None,
            Guard::PasswordIs(hash) => Self::PasswordIs(hash.to_owned()),
            Guard::CredentialsAre(checked) => Self::CredentialsAre(checked.clone()),
            Guard::NotTheLastAdmin => Self::NotTheLastAdmin,
        }
    }
}

impl From<&Effects<'_>> for OwnedEffects {
    fn from(effects: &Effects<'_>) -> Self {
        let Effects { consume, sessions, revoke, replaces, issue } = *effects;
        Self {
            consume: consume.map(str::to_owned),
            sessions: match sessions {
                EndSessions::Keep => OwnedEndSessions::Keep,
                EndSessions::All => OwnedEndSessions::All,
                EndSessions::AllBut(kept) => OwnedEndSessions::AllBut(kept.to_owned()),
            },
            revoke: revoke.to_vec(),
            replaces: replaces.map(str::to_owned),
            issue: issue.to_vec(),
        }
    }
}
