//! What the user store does within a transaction.

use crossauth_core::storage::StorageError;
use crossauth_core::user::{NewUser, Patch, SecretsUpdate, User, UserSecrets, UserUpdate};
use serde_json::Map;

use super::statement::{UserSql, insert, update, values};
use super::stored;
use crate::database::{Statement, Transaction, Value};
use crate::schema::{Column, IdKind};

/// Columns in quotes and what to write there.
type Written = Vec<(String, Value)>;

impl UserSql {
    pub(super) async fn insert(
        &self,
        transaction: &mut dyn Transaction,
        user: &NewUser,
        secrets: UserSecrets,
    ) -> Result<User, StorageError> {
        let users = &self.schema.users;
        let change = UserUpdate {
            username: Some(user.username.clone()),
            email: user.email.clone().map_or(Patch::Clear, Patch::Set),
            state: Some(user.state.clone()),
            factor1: Some(user.factor1.clone()),
            factor2: Some(user.factor2.clone()),
            admin: Some(user.admin),
            extra: user.extra.clone(),
        };
        let mut written = self.written(&change, &Map::new())?;
        if users.id_kind == IdKind::Text {
            let random = Statement::new(format!("SELECT {}", self.schema.dialect.random_id()));
            let row = transaction.query(&random, Vec::new()).await?.pop();
            let id = row.and_then(|mut row| row.pop()).unwrap_or(Value::Null);
            written.push((users.id.clone(), id));
        }
        transaction.execute(&insert(&users.table, &written), values(written)).await?;

        let name = Value::Text(self.schema.lookup_username(&user.username));
        let user = self.find(transaction, &self.by_username, name).await?;
        let (user, _) = user.ok_or_else(|| StorageError::corrupt("a new user cannot be found"))?;
        let secrets = SecretsUpdate {
            password: secrets.password.map_or(Patch::Keep, Patch::Set),
            totpsecret: secrets.totpsecret.map_or(Patch::Keep, Patch::Set),
        };
        let id = users.id_kind.stored(&user.id)?;
        self.write_secrets(transaction, id, secrets).await?;
        Ok(user)
    }

    pub(super) async fn update(
        &self,
        transaction: &mut dyn Transaction,
        id: Value,
        change: &UserUpdate,
        secrets: SecretsUpdate,
    ) -> Result<Option<User>, StorageError> {
        if transaction.query(&self.lock, vec![id.clone()]).await?.is_empty() {
            return Ok(None);
        }
        let found = self.find(transaction, &self.by_id, id.clone()).await?;
        let Some((user, _)) = found else { return Ok(None) };
        let users = &self.schema.users;
        let written = self.written(change, &user.extra)?;
        if !written.is_empty() {
            let statement = update(&users.table, &written, &users.id);
            let mut params = values(written);
            params.push(id.clone());
            transaction.execute(&statement, params).await?;
        }
        self.write_secrets(transaction, id.clone(), secrets).await?;
        Ok(self.find(transaction, &self.by_id, id).await?.map(|(user, _)| user))
    }

    async fn find(
        &self,
        transaction: &mut dyn Transaction,
        statement: &Statement,
        param: Value,
    ) -> Result<Option<(User, UserSecrets)>, StorageError> {
        let row = transaction.query(statement, vec![param]).await?.pop();
        let user = row.map_or(Ok(None), |row| stored(&self.schema.users, row))?;
        Ok(user.map(crossauth_core::storage::StoredUser::regardless_of_state))
    }

    fn written(
        &self,
        change: &UserUpdate,
        stored: &Map<String, serde_json::Value>,
    ) -> Result<Written, StorageError> {
        let users = &self.schema.users;
        let mut written = Written::new();
        let mut write = |column: Option<&String>, value: Option<Value>| {
            written.extend(column.cloned().zip(value));
        };
        let username = change.username.as_deref();
        write(Some(&users.username), username.map(Value::text));
        let normalized = username.map(|name| Value::Text(self.schema.normalization.apply(name)));
        write(users.username_normalized.as_ref(), normalized);
        let email = |form: &dyn Fn(&str) -> String| match &change.email {
            Patch::Keep => None,
            Patch::Set(email) => Some(Value::Text(form(email))),
            Patch::Clear => Some(Value::Null),
        };
        write(users.email.as_ref(), email(&str::to_owned));
        let normalized = email(&|email| self.schema.normalization.apply(email));
        write(users.email_normalized.as_ref(), normalized);
        write(Some(&users.state), change.state.as_ref().map(|state| Value::text(state.as_str())));
        write(Some(&users.factor1), change.factor1.as_deref().map(Value::text));
        write(users.factor2.as_ref(), change.factor2.as_deref().map(Value::text));
        write(users.admin.as_ref(), change.admin.map(Value::from));
        written.extend(users.extra.encode(stored, &change.extra)?);
        Ok(written)
    }

    async fn write_secrets(
        &self,
        transaction: &mut dyn Transaction,
        id: Value,
        change: SecretsUpdate,
    ) -> Result<(), StorageError> {
        let secrets = &self.schema.secrets;
        let mut written = Written::new();
        written.extend(secret(&secrets.password, change.password));
        if let Some(totpsecret) = &secrets.totpsecret {
            written.extend(secret(totpsecret, change.totpsecret));
        }
        if written.is_empty() {
            return Ok(());
        }
        if transaction.query(&self.has_secrets, vec![id.clone()]).await?.is_empty() {
            if secrets.password.not_null
                && !written.iter().any(|(name, _)| *name == secrets.password.quoted)
            {
                written.push((secrets.password.quoted.clone(), secrets.password.none()));
            }
            written.push((secrets.userid.clone(), id));
            transaction.execute(&insert(&secrets.table, &written), values(written)).await?;
        } else {
            let statement = update(&secrets.table, &written, &secrets.userid);
            let mut params = values(written);
            params.push(id);
            transaction.execute(&statement, params).await?;
        }
        Ok(())
    }
}

fn secret(column: &Column, change: Patch<String>) -> Option<(String, Value)> {
    let value = match change {
        Patch::Keep => return None,
        Patch::Set(secret) => Value::Text(secret),
        Patch::Clear => column.none(),
    };
    Some((column.quoted.clone(), value))
}
