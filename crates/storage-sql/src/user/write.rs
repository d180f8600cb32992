//! Writes rows of users and secrets within a transaction.

use std::ops::ControlFlow;

use crossauth_core::storage::{StorageError, StorageErrorKind, StoredUser};
use crossauth_core::user::{NewUser, Patch, SecretsUpdate, UserId, UserUpdate};
use serde_json::{Map, Value as Json};

use super::statement::{Lock, UserSql, insert, update, values};
use crate::column::Field;
use crate::database::{Row, Statement, Transaction, Value};
use crate::extra::{Assignments, Joined};
use crate::record::{IdKind, UserChange, decode_id};

/// A user whose row is locked.
pub(crate) enum Locked {
    /// There is no such user.
    Absent,
    /// The user.
    User(Box<StoredUser>),
    /// The row exists and cannot be decoded.
    Unreadable(StorageError),
}

impl Locked {
    /// The user, if it exists; an error if it cannot be decoded.
    pub(crate) fn into_user(self) -> Result<Option<StoredUser>, StorageError> {
        match self {
            Self::Absent => Ok(None),
            Self::User(user) => Ok(Some(*user)),
            Self::Unreadable(error) => Err(error),
        }
    }
}

impl UserSql {
    /// Finds the user with this id and locks the row until the transaction ends.
    pub(crate) async fn lock(
        &self,
        transaction: &mut dyn Transaction,
        id: &UserId,
    ) -> Result<Locked, StorageError> {
        let id = [self.schema.users.lookup_id(id)];
        let mut found = None;
        let mut each = |row: &dyn Row| {
            found = Some(self.decode(row));
            Ok(ControlFlow::Break(()))
        };
        let read = match &self.lock {
            Lock::First(lock) => {
                transaction.lock_and_query(lock, &self.by_id, &id, &mut each).await.map(drop)
            }
            Lock::Together(read) => transaction.query(read, &id, &mut each).await,
        };
        read?;
        match found.transpose() {
            Ok(user) => Ok(user.flatten().map_or(Locked::Absent, |user| Locked::User(user.into()))),
            Err(error) if error.kind == StorageErrorKind::BadRow => Ok(Locked::Unreadable(error)),
            Err(error) => Err(error),
        }
    }

    /// The credential epoch of a user who must exist.
    pub(crate) async fn epoch_of(
        &self,
        transaction: &mut dyn Transaction,
        id: &UserId,
    ) -> Result<Option<u64>, StorageError> {
        let id = [self.schema.users.id_kind.column_value(id)?];
        let decode = |row: &dyn Row| Ok(row.value(0)?.integer().ok());
        let epoch = transaction.find(&self.epoch, &id, decode).await?;
        let epoch = epoch.ok_or_else(|| StorageError::corrupt("the key's owner does not exist"))?;
        Ok(epoch.and_then(|epoch| u64::try_from(epoch).ok()))
    }

    /// Whether `statement` finds a user with this value other than `except`.
    pub(super) async fn is_taken(
        &self,
        transaction: &mut dyn Transaction,
        statement: &Statement,
        value: String,
        except: Option<&UserId>,
    ) -> Result<bool, StorageError> {
        let decode = |row: &dyn Row| decode_id(row.value(0)?).map_err(StorageError::bad_row);
        let found = transaction.list(statement, &[Value::text(value)], decode).await?;
        Ok(found.iter().any(|id| id.as_ref() != except))
    }

    pub(super) async fn insert(
        &self,
        transaction: &mut dyn Transaction,
        user: &NewUser,
    ) -> Result<UserId, StorageError> {
        let users = &self.schema.users;
        let update = UserUpdate::from(user);
        let mut assignments = self.assignments(&update, Some(user), &Map::new())?;
        if users.id_kind != IdKind::Integer && !users.has_usernames_as_ids {
            let random = self.schema.dialect.random_id(users.id_kind);
            let random = Statement::new(format!("SELECT {random}"));
            let id = transaction.find(&random, &[], |row| Ok(row.value(0)?.into_owned())).await?;
            assignments.push((users.id.quoted(), id.unwrap_or(Value::Null)));
        }
        let statement = self.insert.statement(&assignments);
        transaction.execute(&statement, &values(assignments)).await?;
        let name = [Value::text(users.lookup_username(&user.username))];
        let decode = |row: &dyn Row| decode_id(row.value(0)?).map_err(StorageError::bad_row);
        let id = transaction.find(&self.id_by_username, &name, decode).await?.flatten();
        let id = id.ok_or_else(|| StorageError::corrupt("a new user cannot be found"))?;
        self.write_joined(transaction, &id, &user.extra).await?;
        Ok(id)
    }

    pub(super) async fn update(
        &self,
        transaction: &mut dyn Transaction,
        id: &UserId,
        change: &UserUpdate,
        stored: &Map<String, Json>,
    ) -> Result<(), StorageError> {
        let users = &self.schema.users;
        let assignments = self.assignments(change, None, stored)?;
        if !assignments.is_empty() {
            let statement = update(&users.table, &assignments, users.id.quoted());
            let mut params = values(assignments);
            params.push(users.id_kind.column_value(id)?);
            transaction.execute(&statement, &params).await?;
        }
        self.write_joined(transaction, id, &change.extra).await
    }

    /// Writes fields to the tables that have them, whose rows are created if needed.
    async fn write_joined(
        &self,
        transaction: &mut dyn Transaction,
        id: &UserId,
        changes: &Map<String, Json>,
    ) -> Result<(), StorageError> {
        let users = &self.schema.users;
        let id = users.id_kind.column_value(id)?;
        for (joined, mut assignments) in users.extra.encode_joined(changes) {
            let Joined { table, reference, .. } = joined;
            let statement = update(table, &assignments, reference);
            let mut params = values(assignments.clone());
            params.push(id.clone());
            if transaction.execute(&statement, &params).await? == 0 {
                assignments.push((reference, id.clone()));
                let columns: Vec<_> = assignments.iter().map(|(column, _)| *column).collect();
                let statement = insert(table, &columns);
                transaction.execute(&statement, &values(assignments)).await?;
            }
        }
        Ok(())
    }

    fn assignments<'v>(
        &'v self,
        update: &'v UserUpdate,
        new: Option<&'v NewUser>,
        stored: &Map<String, Json>,
    ) -> Result<Assignments<'v>, StorageError> {
        let users = &self.schema.users;
        let change = UserChange { update, new, normalization: users.normalization };
        let mut assignments = users.columns.write(&change);
        assignments.extend(users.extra.encode(stored, &update.extra)?);
        Ok(assignments)
    }

    pub(super) async fn write_secrets(
        &self,
        transaction: &mut dyn Transaction,
        id: &UserId,
        change: &SecretsUpdate,
    ) -> Result<(), StorageError> {
        let secrets = &self.schema.secrets;
        let mut assignments = Assignments::new();
        assignments.extend(secret(&secrets.password, &change.password));
        if let Some(totpsecret) = &secrets.totpsecret {
            assignments.extend(secret(totpsecret, &change.totpsecret));
        }
        if assignments.is_empty() {
            return Ok(());
        }
        let id = self.schema.users.id_kind.column_value(id)?;
        if transaction.exists(&self.has_secrets, std::slice::from_ref(&id)).await? {
            let statement = update(&secrets.table, &assignments, &secrets.userid.quoted);
            let mut params = values(assignments);
            params.push(id);
            transaction.execute(&statement, &params).await?;
            return Ok(());
        }
        let password = &secrets.password;
        let has_password = assignments.iter().any(|(column, _)| *column == password.quoted());
        if password.column.not_null && !has_password {
            assignments.push((password.quoted(), password.column.none()));
        }
        assignments.push((&secrets.userid.quoted, id));
        let statement = self.insert_secrets.statement(&assignments);
        transaction.execute(&statement, &values(assignments)).await?;
        Ok(())
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
