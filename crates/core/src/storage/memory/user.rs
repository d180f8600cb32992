//! In-memory users.

use async_trait::async_trait;

use super::{Account, MemoryStorage, State};
use crate::account::Role;
use crate::key::Key;
use crate::storage::{
    Change, Changed, Created, Deleted, Effects, EndSessions, Guard, StorageError, StoredUser,
    UserPage, UserPosition, UserQuery, UserStore,
};
use crate::user::{NewUser, User, UserId, UserSecrets, UserState};

#[async_trait]
impl UserStore for MemoryStorage {
    async fn find_by_id(&self, id: &UserId) -> Result<Option<StoredUser>, StorageError> {
        Ok(self.state.lock().users.get(id).map(Account::stored))
    }

    async fn find_by_username(&self, username: &str) -> Result<Option<StoredUser>, StorageError> {
        let name = self.normalization.apply(username);
        Ok(self.state.lock().account(|account| account.username == name))
    }

    async fn find_by_email(&self, email: &str) -> Result<Option<StoredUser>, StorageError> {
        let email = Some(self.normalization.apply(email));
        Ok(self.state.lock().account(|account| account.email == email))
    }

    async fn find_id(&self, name: &str) -> Result<Option<UserId>, StorageError> {
        let name = self.normalization.apply(name);
        let state = self.state.lock();
        let by_name = state.account(|account| account.username == name);
        let by_email = || state.account(|account| account.email.as_ref() == Some(&name));
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
        let mut user = user.clone().with_id(id.clone());
        user.extra.retain(|_, value| !value.is_null());
        let account = self.account(user, secrets.clone(), 0);
        match state.duplicate(&account) {
            Some(Duplicate::Username) => return Ok(Created::UsernameTaken),
            Some(Duplicate::Email) => return Ok(Created::EmailTaken),
            None => {}
        }
        state.refuse_taken_ids(effects)?;
        if !state.has_token(effects.consume, None) {
            return Ok(Created::TokenGone);
        }
        state.last_id += 1;
        let stored = account.stored();
        state.users.insert(id.clone(), account);
        state.apply_effects(&id, effects)?;
        self.note_messages(effects.send);
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
            let Some(next) = changed.state.after(event) else {
                let has_token = state.has_token(effects.consume, Some(id));
                return Ok(if has_token { Changed::NotAllowed } else { Changed::TokenGone });
            };
            changed.state = next;
        }
        user.clone().apply(&mut changed);
        let mut changed = self.account(changed, account.secrets.clone(), account.epoch);
        match state.duplicate(&changed) {
            Some(Duplicate::Username) => return Ok(Changed::UsernameTaken),
            Some(Duplicate::Email) => return Ok(Changed::EmailTaken),
            None => {}
        }
        state.refuse_taken_ids(effects)?;
        if !state.has_token(effects.consume, Some(id)) {
            return Ok(Changed::TokenGone);
        }
        if !state.is_unused(id, effects.uses) {
            return Ok(Changed::AlreadyUsed);
        }
        if effects.must_replace && !effects.replaces.is_some_and(|key| state.keys.contains_key(key))
        {
            return Ok(Changed::SessionGone);
        }
        secrets.password.clone().apply(&mut changed.secrets.password);
        secrets.totpsecret.clone().apply(&mut changed.secrets.totpsecret);
        state.users.insert(id.clone(), changed);
        state.apply_effects(id, effects)?;
        self.note_messages(effects.send);
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
        if !state.is_unused(id, effects.uses) {
            return Ok(Deleted::AlreadyUsed);
        }
        state.refuse_taken_messages(effects.send)?;
        state.apply_effects(id, effects)?;
        self.note_messages(effects.send);
        state.delete_keys(|key| key.userid.as_ref() == Some(id));
        state.totp_steps.remove(id);
        let removed = state.users.remove(id);
        Ok(removed.map_or(Deleted::NoSuchUser, |account| Deleted::Done(Box::new(account.user))))
    }

    async fn list(&self, query: &UserQuery<'_>) -> Result<UserPage, StorageError> {
        let UserQuery { search, state: in_state, role, position, limit } = query;
        let search = search.filter(|text| !text.is_empty());
        let search = search.map(|text| self.normalization.apply(text));
        let begins = |name: &str| search.as_ref().is_none_or(|text| name.starts_with(&**text));
        let state = self.state.lock();
        let matches = |account: &&Account| {
            let Account { user, username, email, .. } = account;
            (begins(username) || email.as_deref().is_some_and(begins))
                && in_state.as_ref().is_none_or(|state| user.state == *state)
                && role.is_none_or(|role| user.admin == (role == Role::Administrator))
                && match position {
                    UserPosition::First | UserPosition::Last | UserPosition::Skip(_) => true,
                    UserPosition::After(after) => &**username > *after,
                    UserPosition::Before(before) => &**username < *before,
                }
        };
        let mut found: Vec<&Account> = state.users.values().filter(matches).collect();
        found.sort_by(|a, b| a.username.cmp(&b.username));
        if position.is_backward() {
            found.reverse();
        }
        let skipped = if let UserPosition::Skip(number) = position { *number } else { 0 };
        let rows = found.into_iter().skip(skipped as usize).take(*limit as usize + 1);
        let row = |account: &Account| (Some(account.username.clone()), Some(account.user.clone()));
        Ok(UserPage::of_rows(rows.map(row).collect(), query))
    }

    async fn has_admin(&self) -> Result<bool, StorageError> {
        Ok(self.state.lock().has_admin())
    }
}

impl MemoryStorage {
    fn account(&self, user: User, secrets: UserSecrets, epoch: u64) -> Account {
        let username = self.normalization.apply(&user.username);
        let email = user.email.as_deref().map(|email| self.normalization.apply(email));
        Account { user, username, email, secrets, epoch }
    }
}

impl Account {
    pub(super) fn stored(&self) -> StoredUser {
        StoredUser::new(self.user.clone(), self.secrets.clone(), Some(self.epoch))
    }

    fn is_enabled_admin(&self) -> bool {
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
    fn account(&self, matches: impl Fn(&Account) -> bool) -> Option<StoredUser> {
        self.users.values().find(|account| matches(account)).map(Account::stored)
    }

    /// Which of the account's name and address another one has, as a name or as an address.
    fn duplicate(&self, account: &Account) -> Option<Duplicate> {
        let is_taken_by_another = |text: &str| {
            let others = self.users.values().filter(|other| other.user.id != account.user.id);
            others
                .into_iter()
                .any(|other| other.username == text || other.email.as_deref() == Some(text))
        };
        if is_taken_by_another(&account.username) {
            Some(Duplicate::Username)
        } else if account.email.as_deref().is_some_and(is_taken_by_another) {
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
            Guard::CredentialsAndNotTheLastAdmin(checked) => self
                .guard_refusal(account, Guard::NotTheLastAdmin)
                .or_else(|| self.guard_refusal(account, Guard::CredentialsAre(checked))),
            Guard::NotTheLastAdmin => {
                let is_other = |other: &&Account| other.user.id != account.user.id;
                let can_replace =
                    |other: &Account| other.user.admin && other.user.state.lets_log_in();
                let has_other = self.users.values().filter(is_other).any(can_replace);
                (account.is_enabled_admin() && !has_other).then_some(Refused::LastAdmin)
            }
            Guard::NoAdmin => self.has_admin().then_some(Refused::Guard),
        }
    }

    /// Whether the one-time key exists and belongs to `owner`; true if none is required.
    pub(super) fn has_token(&self, token: Option<&str>, owner: Option<&UserId>) -> bool {
        token.is_none_or(|value| {
            self.keys.get(value).is_some_and(|key| key.userid.as_ref() == owner)
        })
    }

    fn refuse_taken_ids(&self, effects: &Effects<'_>) -> Result<(), StorageError> {
        self.refuse_taken_keys(effects.issue)?;
        self.refuse_taken_messages(effects.send)
    }

    pub(super) fn refuse_taken_keys(&self, issued: &[Key]) -> Result<(), StorageError> {
        if issued.iter().any(|key| self.keys.contains_key(&key.value)) {
            return Err(StorageError::conflict("the key exists"));
        }
        Ok(())
    }

    fn apply_effects(&mut self, id: &UserId, effects: &Effects<'_>) -> Result<(), StorageError> {
        let Effects {
            consume,
            uses,
            sessions,
            revoke,
            replaces,
            issue,
            send,
            audit,
            must_replace: _,
        } = *effects;
        if let Some(token) = consume {
            self.keys.remove(token);
        }
        self.use_up(id, uses);
        self.end_sessions(id, sessions);
        self.revoke(id, revoke);
        if let Some(replaced) = replaces {
            self.keys.remove(replaced);
        }
        for key in issue {
            self.issue(id, key)?;
        }
        self.insert_messages(send, Some(id));
        self.record(audit, Some(id));
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
