//! Users in memory.

use async_trait::async_trait;

use super::{Account, MemoryStorage, State, merge};
use crate::storage::{StorageError, StoredUser, UserStore};
use crate::user::{NewUser, SecretsUpdate, User, UserId, UserSecrets, UserUpdate};

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

    async fn insert(&self, user: &NewUser, secrets: &UserSecrets) -> Result<User, StorageError> {
        let mut state = self.state.lock();
        let id = UserId::Integer(state.last_id + 1);
        let mut user = User {
            id: id.clone(),
            username: user.username.clone(),
            username_normalized: self.normalization.apply(&user.username),
            email: user.email.clone(),
            email_normalized: user.email.as_deref().map(|email| self.normalization.apply(email)),
            state: user.state.clone(),
            factor1: user.factor1.clone(),
            factor2: user.factor2.clone(),
            admin: user.admin,
            extra: user.extra.clone(),
        };
        user.extra.retain(|_, value| !value.is_null());
        state.refuse_duplicate(&user)?;
        state.last_id += 1;
        state.users.insert(id, Account { user: user.clone(), secrets: secrets.clone() });
        Ok(user)
    }

    async fn update(
        &self,
        id: &UserId,
        user: &UserUpdate,
        secrets: &SecretsUpdate,
    ) -> Result<Option<User>, StorageError> {
        let mut state = self.state.lock();
        let Some(account) = state.users.get(id) else { return Ok(None) };
        let mut changed = account.user.clone();
        self.apply(user.clone(), &mut changed);
        state.refuse_duplicate(&changed)?;
        if let Some(account) = state.users.get_mut(id) {
            account.user = changed.clone();
            secrets.password.clone().apply(&mut account.secrets.password);
            secrets.totpsecret.clone().apply(&mut account.secrets.totpsecret);
        }
        Ok(Some(changed))
    }

    async fn replace_password(
        &self,
        id: &UserId,
        old: &str,
        new: &str,
    ) -> Result<bool, StorageError> {
        let mut state = self.state.lock();
        let password = state.users.get_mut(id).map(|account| &mut account.secrets.password);
        match password {
            Some(password) if password.as_deref() == Some(old) => {
                *password = Some(new.to_owned());
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    async fn delete(&self, id: &UserId) -> Result<bool, StorageError> {
        let mut state = self.state.lock();
        state.keys.retain(|_, key| key.userid.as_ref() != Some(id));
        Ok(state.users.remove(id).is_some())
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
        Ok(self.state.lock().users.values().any(|account| account.user.admin))
    }
}

impl MemoryStorage {
    fn apply(&self, change: UserUpdate, user: &mut User) {
        if let Some(username) = change.username {
            user.username_normalized = self.normalization.apply(&username);
            user.username = username;
        }
        change.email.apply(&mut user.email);
        user.email_normalized = user.email.as_deref().map(|email| self.normalization.apply(email));
        user.state = change.state.unwrap_or_else(|| user.state.clone());
        user.factor1 = change.factor1.unwrap_or_else(|| std::mem::take(&mut user.factor1));
        user.factor2 = change.factor2.unwrap_or_else(|| std::mem::take(&mut user.factor2));
        user.admin = change.admin.unwrap_or(user.admin);
        merge(&mut user.extra, &change.extra);
    }
}

impl Account {
    fn stored(&self) -> StoredUser {
        StoredUser::new(self.user.clone(), self.secrets.clone())
    }
}

impl State {
    fn account(&self, matches: impl Fn(&User) -> bool) -> Option<StoredUser> {
        self.users.values().find(|account| matches(&account.user)).map(Account::stored)
    }

    fn refuse_duplicate(&self, user: &User) -> Result<(), StorageError> {
        let clashes = |other: &User| {
            other.id != user.id
                && (other.username_normalized == user.username_normalized
                    || (user.email.is_some() && other.email_normalized == user.email_normalized))
        };
        if self.users.values().any(|account| clashes(&account.user)) {
            return Err(StorageError::conflict("the username or e-mail address is taken"));
        }
        Ok(())
    }
}
