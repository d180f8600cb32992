//! What the key store does within a transaction.

use crossauth_core::key::{DataChange, Key, KeyFilter, KeyUpdate};
use crossauth_core::storage::{StorageError, UpdateDataError};
use crossauth_core::user::{Patch, UserId};
use serde_json::{Map, Value as Json};

use super::statement::KeySql;
use crate::database::{Statement, Transaction, Value};
use crate::user::{insert, update, values};

impl KeySql {
    pub(crate) async fn insert(
        &self,
        transaction: &mut dyn Transaction,
        key: &Key,
    ) -> Result<(), StorageError> {
        let keys = &self.schema.keys;
        let mut written = vec![
            (keys.value.clone(), Value::text(&key.value)),
            (keys.userid.clone(), self.owner(key.userid.as_ref())?),
            (keys.created.clone(), keys.times.encode(key.created)),
            (keys.expires.clone(), keys.times.encode_optional(key.expires)),
        ];
        let lastactive = keys.times.encode_optional(key.lastactive);
        written.extend(keys.lastactive.clone().map(|column| (column, lastactive)));
        let data = Value::text(key.data.as_text());
        written.extend(keys.data.clone().map(|column| (column, data)));
        written.extend(keys.extra.encode(&Map::new(), &key.extra)?);
        transaction.execute(&insert(&keys.table, &written), values(written)).await?;
        Ok(())
    }

    pub(super) async fn update(
        &self,
        transaction: &mut dyn Transaction,
        value: Value,
        change: &KeyUpdate,
    ) -> Result<bool, StorageError> {
        let Some(key) = self.find_locked(transaction, value.clone()).await? else {
            return Ok(false);
        };
        let keys = &self.schema.keys;
        let mut written = Vec::new();
        let owner = patched(&change.userid, |id| self.owner(Some(id)))?;
        written.extend(owner.map(|owner| (keys.userid.clone(), owner)));
        let expires = patched(&change.expires, |at| Ok(keys.times.encode(*at)))?;
        written.extend(expires.map(|expires| (keys.expires.clone(), expires)));
        let lastactive = patched(&change.lastactive, |at| Ok(keys.times.encode(*at)))?;
        written.extend(keys.lastactive.clone().zip(lastactive));
        let data = change.data.as_ref().map(|data| Value::text(data.as_text()));
        written.extend(keys.data.clone().zip(data));
        written.extend(keys.extra.encode(&key.extra, &change.extra)?);
        if !written.is_empty() {
            let statement = update(&keys.table, &written, &keys.value);
            let mut params = values(written);
            params.push(value);
            transaction.execute(&statement, params).await?;
        }
        Ok(true)
    }

    pub(super) async fn take(
        &self,
        transaction: &mut dyn Transaction,
        value: Value,
    ) -> Result<Option<Key>, StorageError> {
        let Some(key) = self.find_locked(transaction, value.clone()).await? else {
            return Ok(None);
        };
        let deleted = transaction.execute(&self.delete, vec![value]).await?;
        Ok((deleted > 0).then_some(key))
    }

    pub(super) async fn delete_matching(
        &self,
        transaction: &mut dyn Transaction,
        filter: &KeyFilter,
    ) -> Result<u64, StorageError> {
        let keys = &self.schema.keys;
        let mut chosen = Vec::new();
        chosen.extend(filter.value.as_ref().map(|value| (keys.value.clone(), Value::text(value))));
        let userid = &filter.userid;
        let owner = patched(userid, |id| Ok(self.schema.users.id_kind.sought(id)))?;
        if matches!(userid, Patch::Set(_)) && owner == Some(Value::Null) {
            return Ok(0);
        }
        chosen.extend(owner.map(|owner| (keys.userid.clone(), owner)));
        if let Some(fields) = keys.extra.conditions(&filter.extra)? {
            chosen.extend(fields);
            let (condition, params) = all_of(chosen);
            let statement = format!("DELETE FROM {} WHERE {condition}", keys.table);
            return transaction.execute(&Statement::new(statement), params).await;
        }
        self.delete_by_fields(transaction, chosen, &filter.extra).await
    }

    /// Deletes the keys that meet the conditions and have these fields, where SQL sees no fields.
    async fn delete_by_fields(
        &self,
        transaction: &mut dyn Transaction,
        chosen: Vec<(String, Value)>,
        fields: &Map<String, Json>,
    ) -> Result<u64, StorageError> {
        let keys = &self.schema.keys;
        let (condition, params) = all_of(chosen);
        let columns = keys.columns("k").join(", ");
        let select = format!("SELECT {columns} FROM {} AS k WHERE {condition}", keys.table);
        let mut deleted = 0;
        for row in transaction.query(&Statement::new(select), params).await? {
            let key = self.decode(row)?;
            let has = |(name, value): (&String, &Json)| match key.extra.get(name) {
                Some(stored) => stored == value,
                None => value.is_null(),
            };
            if fields.iter().all(has) {
                deleted += transaction.execute(&self.delete, vec![Value::Text(key.value)]).await?;
            }
        }
        Ok(deleted)
    }

    pub(super) async fn update_data(
        &self,
        transaction: &mut dyn Transaction,
        value: Value,
        changes: &[DataChange],
    ) -> Result<Result<(), UpdateDataError>, StorageError> {
        let Some(key) = self.find_locked(transaction, value.clone()).await? else {
            return Ok(Err(UpdateDataError::NotFound));
        };
        let data = match key.data.changed(changes) {
            Ok(data) => data,
            Err(error) => return Ok(Err(error.into())),
        };
        let change = KeyUpdate { data: Some(data), ..KeyUpdate::default() };
        self.update(transaction, value, &change).await?;
        Ok(Ok(()))
    }

    async fn find_locked(
        &self,
        transaction: &mut dyn Transaction,
        value: Value,
    ) -> Result<Option<Key>, StorageError> {
        let row = transaction.query(&self.lock, vec![value]).await?.pop();
        row.map(|row| self.decode(row)).transpose()
    }

    fn owner(&self, userid: Option<&UserId>) -> Result<Value, StorageError> {
        userid.map_or(Ok(Value::Null), |id| self.schema.users.id_kind.stored(id))
    }
}

/// What a patch writes; `None` for nothing.
fn patched<T>(
    patch: &Patch<T>,
    encode: impl FnOnce(&T) -> Result<Value, StorageError>,
) -> Result<Option<Value>, StorageError> {
    match patch {
        Patch::Keep => Ok(None),
        Patch::Set(value) => encode(value).map(Some),
        Patch::Clear => Ok(Some(Value::Null)),
    }
}

/// A condition that these columns hold these values, and its parameters.
fn all_of(columns: Vec<(String, Value)>) -> (String, Vec<Value>) {
    let mut conditions = vec!["1 = 1".to_owned()];
    let mut params = Vec::new();
    for (column, value) in columns {
        if value == Value::Null {
            conditions.push(format!("{column} IS NULL"));
        } else {
            conditions.push(format!("{column} = ?"));
            params.push(value);
        }
    }
    (conditions.join(" AND "), params)
}
