//! In-memory users.

use async_trait::async_trait;

use super::{Account, MemoryStorage, State, merge};
use crate::storage::{
    Change, Changed, Created, Deleted, Effects, EndSessions, Guard, StorageError, StoredUser,
    UserStore,
};
use crate::user::{NewUser, User, UserId, UserSecrets, UserState, UserUpdate};

#[async_trait]
impl UserStore for MemoryStorage {
    async fn find_by_id(&self, id: &UserId) -> Result<Option<StoredUser>, StorageError> {
        Ok(self.state.lock().users.get(id).map(Account::stored))
    }

    async fn find_by_username(&self, username: &str) -> Result<Option<StoredUser>, StorageError> {
        let name = self.normalization.apply(username);
        Ok(self.state.lock().account(|user| user.username_normalized == name))
    }

    async fn find_by_email(&self, email: &str) -> Result<Option<StoredUser>, StorageError> {
        let email = Some(self.normalization.apply(email));
        Ok(self.state.lock().account(|user| user.email_normalized == email))
    }

    async fn find_id(&self, name: &str) -> Result<Option<UserId>, StorageError> {
        let name = self.normalization.apply(name);
        let state = self.state.lock();
        let by_name = state.account(|user| user.username_normalized == name);
        let by_email = || state.account(|user| user.email_normalized.as_ref() == Some(&name));
        Ok(by_name.or_else(by_email).map(|found| found.id().clone()))
    }

    async fn create(
        &self,
        user: &NewUser,
        secrets: &UserSecrets,
        guard: Guard<'_>,
        effects: &Effects<'_>,
    ) -> Result<Created, StorageError> {
        let mut state = self.state.lock();
        if guard.needs_account() || (guard == Guard::NoAdmin && state.has_admin()) {
            return Ok(Created::GuardFailed);
        }
        let id = UserId::Integer(state.last_id + 1);
        let user = self.user(id.clone(), user);
        match state.duplicate(&user) {
            Some(Duplicate::Username) => return Ok(Created::UsernameTaken),
            Some(Duplicate::Email) => return Ok(Created::EmailTaken),
            None => {}
        }
        state.refuse_taken_keys(effects)?;
        if !state.has_token(effects.consume, None) {
            return Ok(Created::TokenGone);
        }
        state.last_id += 1;
        let account = Account { user, secrets: secrets.clone(), epoch: 0 };
        let stored = account.stored();
        state.users.insert(id.clone(), account);
        state.apply_effects(&id, effects)?;
        Ok(Created::Done(Box::new(stored)))
    }

    async fn change(&self, id: &UserId, change: &Change<'_>) -> Result<Changed, StorageError> {
        let Change { user, secrets, event, guard, effects } = change;
        let mut state = self.state.lock();
        let Some(account) = state.users.get(id) else { return Ok(Changed::NoSuchUser) };
        match state.guard_refusal(account, *guard) {
            Some(Refused::Guard) => return Ok(Changed::GuardFailed),
            Some(Refused::LastAdmin) => return Ok(Changed::LastAdmin),
            None => {}
        }
        let mut changed = account.user.clone();
        if let Some(event) = *event {
            let Some(next) = changed.state.after(event) else { return Ok(Changed::NotAllowed) };
            changed.state = next;
        }
        self.apply(user.clone(), &mut changed);
        match state.duplicate(&changed) {
            Some(Duplicate::Username) => return Ok(Changed::UsernameTaken),
            Some(Duplicate::Email) => return Ok(Changed::EmailTaken),
            None => {}
        }
        state.refuse_taken_keys(effects)?;
        if !state.has_token(effects.consume, Some(id)) {
            return Ok(Changed::TokenGone);
        }
        if let Some(account) = state.users.get_mut(id) {
            account.user = changed;
            secrets.password.clone().apply(&mut account.secrets.password);
            secrets.totpsecret.clone().apply(&mut account.secrets.totpsecret);
        }
        state.apply_effects(id, effects)?;
        let stored = state.users.get(id).map(Account::stored);
        Ok(stored.map_or(Changed::NoSuchUser, |stored| Changed::Done(Box::new(stored))))
    }

    async fn delete(
        &self,
        id: &UserId,
        guard: Guard<'_>,
        effects: &Effects<'_>,
    ) -> Result<Deleted, StorageError> {
        let mut state = self.state.lock();
        let Some(account) = state.users.get(id) else { return Ok(Deleted::NoSuchUser) };
        match state.guard_refusal(account, guard) {
            Some(Refused::Guard) => return Ok(Deleted::GuardFailed),
            Some(Refused::LastAdmin) => return Ok(Deleted::LastAdmin),
            None => {}
        }
        if !state.has_token(effects.consume, Some(id)) {
            return Ok(Deleted::TokenGone);
        }
        state.apply_effects(id, effects)?;
        state.delete_keys(|key| key.userid.as_ref() == Some(id));
        let removed = state.users.remove(id);
        Ok(removed.map_or(Deleted::NoSuchUser, |account| Deleted::Done(Box::new(account.user))))
    }

    async fn list(&self, after: Option<&str>, limit: u32) -> Result<Vec<User>, StorageError> {
        let state = self.state.lock();
        let mut users: Vec<&User> = state
            .users
            .values()
            .map(|account| &account.user)
            .filter(|user| after.is_none_or(|after| user.username_normalized.as_str() > after))
            .collect();
        users.sort_by(|a, b| a.username_normalized.cmp(&b.username_normalized));
        Ok(users.into_iter().take(limit as usize).cloned().collect())
    }

    async fn has_admin(&self) -> Result<bool, StorageError> {
        Ok(self.state.lock().has_admin())
    }
}

impl MemoryStorage {
    fn user(&self, id: UserId, new: &NewUser) -> User {
        let mut user = User {
            id,
            username: new.username.clone(),
            username_normalized: self.normalization.apply(&new.username),
            email: new.email.clone(),
            email_normalized: new.email.as_deref().map(|email| self.normalization.apply(email)),
            state: new.state.clone(),
            factor1: new.factor1.clone(),
            factor2: new.factor2.clone(),
            admin: new.admin,
            extra: new.extra.clone(),
        };
        user.extra.retain(|_, value| !value.is_null());
        user
    }

    fn apply(&self, change: UserUpdate, user: &mut User) {
        if let Some(username) = change.username {
            user.username_normalized = self.normalization.apply(&username);
            user.username = username;
        }
        change.email.apply(&mut user.email);
        user.email_normalized = user.email.as_deref().map(|email| self.normalization.apply(email));
        user.state = change.state.unwrap_or_else(|| user.state.clone());
        user.factor1 = change.factor1.unwrap_or_else(|| user.factor1.clone());
        change.factor2.apply(&mut user.factor2);
        user.admin = change.admin.unwrap_or(user.admin);
        merge(&mut user.extra, &change.extra);
    }
}

impl Account {
    pub(super) fn stored(&self) -> StoredUser {
        StoredUser::new(self.user.clone(), self.secrets.clone(), Some(self.epoch))
    }

    fn is_active_admin(&self) -> bool {
        self.user.admin && self.user.state != UserState::Disabled
    }
}

enum Duplicate {
    Username,
    Email,
}

enum Refused {
    Guard,
    LastAdmin,
}

impl State {
    fn account(&self, matches: impl Fn(&User) -> bool) -> Option<StoredUser> {
        self.users.values().find(|account| matches(&account.user)).map(Account::stored)
    }

    /// Which of the user's name and address another user has, as a name or as an address.
    fn duplicate(&self, user: &User) -> Option<Duplicate> {
        let is_taken_by_another = |text: &str| {
            let others = self.users.values().map(|other| &other.user).filter(|o| o.id != user.id);
            others.into_iter().any(|other| {
                other.username_normalized == text || other.email_normalized.as_deref() == Some(text)
            })
        };
        if is_taken_by_another(&user.username_normalized) {
            Some(Duplicate::Username)
        } else if user.email_normalized.as_deref().is_some_and(is_taken_by_another) {
            Some(Duplicate::Email)
        } else {
            None
        }
    }

    fn has_admin(&self) -> bool {
        self.users.values().any(|account| account.user.admin)
    }

    fn guard_refusal(&self, account: &Account, guard: Guard<'_>) -> Option<Refused> {
        match guard {
            Guard::None => None,
            Guard::PasswordIs(hash) => {
                (account.secrets.password.as_deref() != Some(hash)).then_some(Refused::Guard)
            }
            Guard::CredentialsAre(checked) => {
                (account.stored().credentials() != *checked).then_some(Refused::Guard)
            }
            Guard::NotTheLastAdmin => {
                let is_other = |other: &&Account| other.user.id != account.user.id;
                let has_other = self.users.values().filter(is_other).any(Account::is_active_admin);
                (account.is_active_admin() && !has_other).then_some(Refused::LastAdmin)
            }
            Guard::NoAdmin => self.has_admin().then_some(Refused::Guard),
        }
    }

    /// Whether the one-time key exists and belongs to `owner`; true if none is required.
    fn has_token(&self, token: Option<&str>, owner: Option<&UserId>) -> bool {
        token.is_none_or(|value| {
            self.keys.get(value).is_some_and(|key| key.userid.as_ref() == owner)
        })
    }

    fn refuse_taken_keys(&self, effects: &Effects<'_>) -> Result<(), StorageError> {
        if effects.issue.iter().any(|key| self.keys.contains_key(&key.value)) {
            return Err(StorageError::conflict("the key exists"));
        }
        Ok(())
    }

    fn apply_effects(&mut self, id: &UserId, effects: &Effects<'_>) -> Result<(), StorageError> {
        let Effects { consume, sessions, revoke, replaces, issue } = *effects;
        if let Some(token) = consume {
            self.keys.remove(token);
        }
        self.end_sessions(id, sessions);
        self.revoke(id, revoke);
        if let Some(replaced) = replaces {
            self.keys.remove(replaced);
        }
        for key in issue {
            let mut key = key.clone();
            key.userid = Some(id.clone());
            self.insert_key(&key)?;
        }
        Ok(())
    }

    fn end_sessions(&mut self, id: &UserId, sessions: EndSessions<'_>) {
        let kept = match sessions {
            EndSessions::Keep => return,
            EndSessions::All => None,
            EndSessions::AllBut(kept) => Some(kept),
        };
        let Some(account) = self.users.get_mut(id) else { return };
        let ended = account.epoch;
        account.epoch += 1;
        let epoch = account.epoch;
        self.delete_keys(|key| {
            key.userid.as_ref() == Some(id)
                && key.value.starts_with(crate::key::KeyPrefix::Session.as_str())
                && kept != Some(key.value.as_str())
        });
        if let Some(kept) = kept.and_then(|kept| self.keys.get_mut(kept))
            && kept.userid.as_ref() == Some(id)
            && kept.epoch == Some(ended)
        {
            kept.epoch = Some(epoch);
        }
    }
}
