//! Operations of the key store within a transaction.

use crossauth_core::key::{DataChange, Key, KeyPrefix};
use crossauth_core::storage::{StorageError, UpdateDataError};
use crossauth_core::user::UserId;
use serde_json::Map;

use super::prefix_params;
use super::statement::KeySql;
use crate::database::{Row, Transaction, Value, Write};
use crate::user::values;

impl KeySql {
    /// Stores a key. `epoch` is that of its owner.
    pub(crate) async fn insert(
        &self,
        transaction: &mut dyn Transaction,
        key: &Key,
        userid: Option<&UserId>,
        epoch: Option<u64>,
    ) -> Result<(), StorageError> {
        let Write { statement, params } = self.insertion(key, userid, epoch)?;
        transaction.execute(&statement, &params).await?;
        Ok(())
    }

    /// The statement of [`insert`](Self::insert).
    pub(crate) fn insertion<'k>(
        &'k self,
        key: &'k Key,
        userid: Option<&'k UserId>,
        epoch: Option<u64>,
    ) -> Result<Write<'k>, StorageError> {
        let sql = self.of(&key.value);
        let keys = &sql.keys;
        let moved = keys.with_name_in_data(key)?;
        let mut assignments = vec![
            (keys.value.quoted.as_str(), Value::text(&key.value)),
            (keys.userid.quoted(), self.owner(userid)?),
            (keys.created.quoted(), keys.times.encode(&keys.created, key.created)),
            (keys.expires.quoted(), keys.times.encode_optional(&keys.expires, keys.expiry(key))),
        ];
        assignments.extend(
            keys.lastactive
                .as_ref()
                .map(|field| (field.quoted(), keys.times.encode_optional(field, key.lastactive))),
        );
        let data = match &moved {
            Some(moved) => Value::text(moved.data.as_text().to_owned()),
            None => Value::text(key.data.as_text()),
        };
        assignments.extend(keys.data.as_ref().map(|field| (field.quoted(), data)));
        if let Some(field) = &keys.epoch {
            let epoch = i64::try_from(epoch.unwrap_or_default()).map_err(StorageError::corrupt)?;
            assignments.push((field.quoted(), Value::Integer(epoch)));
        }
        match &moved {
            Some(moved) => {
                let extra = keys.extra.encode(&Map::new(), &moved.extra)?;
                assignments.extend(extra.into_iter().map(|(name, it)| (name, it.into_owned())));
            }
            None => assignments.extend(keys.extra.encode(&Map::new(), &key.extra)?),
        }
        let statement = sql.insert.statement(&assignments).into_owned();
        Ok(Write { statement, params: values(assignments) })
    }

    /// Deletes a key, if it exists.
    pub(crate) async fn delete(
        &self,
        transaction: &mut dyn Transaction,
        value: &str,
    ) -> Result<(), StorageError> {
        transaction.execute(&self.of(value).delete, &[Value::text(value)]).await?;
        Ok(())
    }

    /// The statement of [`delete`](Self::delete).
    pub(crate) fn deletion<'v>(&self, value: &'v str) -> Write<'v> {
        Write { statement: self.of(value).delete.clone(), params: vec![Value::text(value)] }
    }

    /// Removes a one-time key of exactly this owner; returns whether it existed.
    pub(crate) async fn consume(
        &self,
        transaction: &mut dyn Transaction,
        value: &str,
        userid: Option<&UserId>,
    ) -> Result<bool, StorageError> {
        let (sql, value) = (self.of(value), Value::text(value));
        let deleted = match userid {
            Some(_) => {
                let params = [value, self.owner(userid)?];
                transaction.execute(&sql.delete_owned, &params).await?
            }
            None => transaction.execute(&sql.delete_anonymous, &[value]).await?,
        };
        Ok(deleted > 0)
    }

    /// Deletes the user's keys of a kind, except `except`. For a kind without owners, deletes all
    /// keys of that kind.
    pub(crate) async fn revoke(
        &self,
        transaction: &mut dyn Transaction,
        userid: &UserId,
        kind: KeyPrefix,
        except: Option<&str>,
    ) -> Result<(), StorageError> {
        let Write { statement, params } = self.revocation(userid, kind, except)?;
        transaction.execute(&statement, &params).await?;
        Ok(())
    }

    /// The statement of [`revoke`](Self::revoke).
    pub(crate) fn revocation<'v>(
        &self,
        userid: &'v UserId,
        kind: KeyPrefix,
        except: Option<&'v str>,
    ) -> Result<Write<'v>, StorageError> {
        if !kind.has_owner() {
            let params = self.anonymous_params(kind).to_vec();
            return Ok(Write { statement: self.revoke_anonymous.clone(), params });
        }
        let [length, prefix] = prefix_params(kind);
        // A boolean disables the exception. For a null parameter not every database could
        // determine the type.
        let (no_exception, except) = (Value::from(except.is_none()), except.unwrap_or_default());
        let owner = self.owner(Some(userid))?;
        let params = vec![owner, length, prefix, no_exception, Value::text(except)];
        Ok(Write { statement: self.of(kind.as_str()).revoke_owned.clone(), params })
    }

    /// Raises the epoch of a user's key to the user's current epoch, which was just raised. A key of
    /// an older epoch has ended before and stays so.
    pub(crate) async fn renew(
        &self,
        transaction: &mut dyn Transaction,
        value: &str,
        userid: &UserId,
    ) -> Result<(), StorageError> {
        let Some(statement) = &self.renew else { return Ok(()) };
        let owner = self.owner(Some(userid))?;
        let params = [Value::text(value), owner.clone(), owner];
        transaction.execute(statement, &params).await?;
        Ok(())
    }

    pub(crate) async fn update_data(
        &self,
        transaction: &mut dyn Transaction,
        value: &str,
        changes: &[DataChange],
    ) -> Result<Result<(), UpdateDataError>, StorageError> {
        let Some(key) = self.find_locked(transaction, value).await? else {
            return Ok(Err(UpdateDataError::NotFound));
        };
        let data = match key.data.changed(changes) {
            Ok(data) => data,
            Err(error) => return Ok(Err(error.into())),
        };
        if let Some(statement) = &self.of(value).set_data {
            let params = [Value::text(data.as_text()), Value::text(value)];
            transaction.execute(statement, &params).await?;
        }
        Ok(Ok(()))
    }

    /// Finds a key and locks it until the transaction ends.
    pub(crate) async fn find_locked(
        &self,
        transaction: &mut dyn Transaction,
        value: &str,
    ) -> Result<Option<Key>, StorageError> {
        let sql = self.of(value);
        let decode = |row: &dyn Row| sql.keys.decode(value, row, 0);
        Ok(transaction.find(&sql.lock, &[Value::text(value)], decode).await?.flatten())
    }

    fn owner<'v>(&self, userid: Option<&'v UserId>) -> Result<Value<'v>, StorageError> {
        userid.map_or(Ok(Value::Null), |id| self.schema.users.id_kind.column_value(id))
    }
}
