//! What the user store does within a transaction.

use crossauth_core::storage::{StorageError, StoredUser};
use crossauth_core::user::{NewUser, Patch, SecretsUpdate, User, UserId, UserSecrets, UserUpdate};
use serde_json::{Map, Value as Json};

use super::statement::{UserSql, update, values};
use crate::column::Field;
use crate::database::{Statement, Transaction, Value};
use crate::extra::Written;
use crate::record::IdKind;

impl UserSql {
    pub(super) async fn insert(
        &self,
        transaction: &mut dyn Transaction,
        user: &NewUser,
        secrets: &UserSecrets,
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
        if users.id_kind != IdKind::Integer {
            let random = self.schema.dialect.random_id(users.id_kind);
            let random = Statement::new(format!("SELECT {random}"));
            let id = transaction.find(&random, &[], |row| Ok(row.value(0)?.into_owned())).await?;
            written.push((users.id.quoted(), id.unwrap_or(Value::Null)));
        }
        let statement = self.insert.of(&written);
        transaction.execute(&statement, &values(written)).await?;

        let name = Value::text(users.lookup_username(&user.username));
        let user = self.find(transaction, &self.by_username, name).await?;
        let (user, _) = user.ok_or_else(|| StorageError::corrupt("a new user cannot be found"))?;
        let secrets = SecretsUpdate {
            password: secrets.password.clone().map_or(Patch::Keep, Patch::Set),
            totpsecret: secrets.totpsecret.clone().map_or(Patch::Keep, Patch::Set),
        };
        self.write_secrets(transaction, &user.id, &secrets).await?;
        Ok(user)
    }

    pub(super) async fn update(
        &self,
        transaction: &mut dyn Transaction,
        id: &UserId,
        change: &UserUpdate,
        secrets: &SecretsUpdate,
    ) -> Result<Option<User>, StorageError> {
        let users = &self.schema.users;
        let sought = users.id_kind.lookup_value(id);
        if !transaction.exists(&self.lock, std::slice::from_ref(&sought)).await? {
            return Ok(None);
        }
        let found = self.find(transaction, &self.by_id, sought.clone()).await?;
        let Some((user, _)) = found else { return Ok(None) };
        let written = self.written(change, &user.extra)?;
        if !written.is_empty() {
            let statement = update(&users.table, &written, users.id.quoted());
            let mut params = values(written);
            params.push(sought.clone());
            transaction.execute(&statement, &params).await?;
        }
        self.write_secrets(transaction, id, secrets).await?;
        Ok(self.find(transaction, &self.by_id, sought).await?.map(|(user, _)| user))
    }

    async fn find(
        &self,
        transaction: &mut dyn Transaction,
        statement: &Statement,
        param: Value<'_>,
    ) -> Result<Option<(User, UserSecrets)>, StorageError> {
        let user = transaction.find(statement, &[param], |row| self.decode(row)).await?;
        Ok(user.flatten().map(StoredUser::regardless_of_state))
    }

    fn written<'v>(
        &'v self,
        change: &'v UserUpdate,
        stored: &Map<String, Json>,
    ) -> Result<Written<'v>, StorageError> {
        let users = &self.schema.users;
        let mut written = Written::new();
        let mut write = |field: Option<&'v Field>, value: Option<Value<'v>>| {
            written.extend(field.map(Field::quoted).zip(value));
        };
        let username = change.username.as_deref();
        write(Some(&users.username), username.map(Value::text));
        let normalized = username.map(|name| Value::text(users.normalization.apply(name)));
        write(users.username_normalized.as_ref(), normalized);
        write(users.email.as_ref(), patched(&change.email, Value::text));
        let normalized = |email: &'v str| Value::text(users.normalization.apply(email));
        write(users.email_normalized.as_ref(), patched(&change.email, normalized));
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
        id: &UserId,
        change: &SecretsUpdate,
    ) -> Result<(), StorageError> {
        let secrets = &self.schema.secrets;
        let mut written = Written::new();
        written.extend(secret(&secrets.password, &change.password));
        if let Some(totpsecret) = &secrets.totpsecret {
            written.extend(secret(totpsecret, &change.totpsecret));
        }
        if written.is_empty() {
            return Ok(());
        }
        let id = self.schema.users.id_kind.column_value(id)?;
        if transaction.exists(&self.has_secrets, std::slice::from_ref(&id)).await? {
            let statement = update(&secrets.table, &written, &secrets.userid.quoted);
            let mut params = values(written);
            params.push(id);
            transaction.execute(&statement, &params).await?;
            return Ok(());
        }
        let password = &secrets.password;
        let has_password = written.iter().any(|(column, _)| *column == password.quoted());
        if password.column.not_null && !has_password {
            written.push((password.quoted(), password.column.none()));
        }
        written.push((&secrets.userid.quoted, id));
        let statement = self.insert_secrets.of(&written);
        transaction.execute(&statement, &values(written)).await?;
        Ok(())
    }
}

/// What a patch of text writes; `None` for nothing.
fn patched<'v>(
    patch: &'v Patch<String>,
    encode: impl FnOnce(&'v str) -> Value<'v>,
) -> Option<Value<'v>> {
    match patch {
        Patch::Keep => None,
        Patch::Set(text) => Some(encode(text)),
        Patch::Clear => Some(Value::Null),
    }
}

fn secret<'v>(field: &'v Field, change: &'v Patch<String>) -> Option<(&'v str, Value<'v>)> {
    let value = match change {
        Patch::Keep => return None,
        Patch::Set(secret) => Value::text(secret),
        Patch::Clear => field.column.none(),
    };
    Some((field.quoted(), value))
}
