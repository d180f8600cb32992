//! What the key store does within a transaction.

use crossauth_core::key::{DataChange, Key, KeyFilter, KeyUpdate};
use crossauth_core::storage::{StorageError, UpdateDataError};
use crossauth_core::user::{Patch, UserId};
use serde_json::{Map, Value as Json};

use super::statement::KeySql;
use crate::column::{Field, select_list};
use crate::database::{Row, Statement, Transaction, Value};
use crate::extra::Written;
use crate::user::{update, values};

impl KeySql {
    pub(crate) async fn insert(
        &self,
        transaction: &mut dyn Transaction,
        key: &Key,
    ) -> Result<(), StorageError> {
        let keys = &self.schema.keys;
        let mut written = vec![
            (keys.value.quoted.as_str(), Value::text(&key.value)),
            (keys.userid.quoted(), self.owner(key.userid.as_ref())?),
            (keys.created.quoted(), keys.times.encode(&keys.created, key.created)),
            (keys.expires.quoted(), keys.times.encode_optional(&keys.expires, key.expires)),
        ];
        written.extend(
            keys.lastactive
                .as_ref()
                .map(|field| (field.quoted(), keys.times.encode_optional(field, key.lastactive))),
        );
        let data = Value::text(key.data.as_text());
        written.extend(keys.data.as_ref().map(|field| (field.quoted(), data)));
        written.extend(keys.extra.encode(&Map::new(), &key.extra)?);
        let statement = self.insert.of(&written);
        transaction.execute(&statement, &values(written)).await?;
        Ok(())
    }

    pub(super) async fn update(
        &self,
        transaction: &mut dyn Transaction,
        value: &str,
        change: &KeyUpdate,
    ) -> Result<bool, StorageError> {
        let Some(key) = self.find_locked(transaction, value).await? else {
            return Ok(false);
        };
        let keys = &self.schema.keys;
        let mut written = Written::new();
        let owner = patched(&change.userid, |id| self.owner(Some(id)))?;
        written.extend(owner.map(|owner| (keys.userid.quoted(), owner)));
        let expires = patched(&change.expires, |at| Ok(keys.times.encode(&keys.expires, *at)))?;
        written.extend(expires.map(|expires| (keys.expires.quoted(), expires)));
        if let Some(field) = &keys.lastactive {
            let at = patched(&change.lastactive, |at| Ok(keys.times.encode(field, *at)))?;
            written.extend(at.map(|at| (field.quoted(), at)));
        }
        let data = change.data.as_ref().map(|data| Value::text(data.as_text()));
        written.extend(keys.data.as_ref().map(Field::quoted).zip(data));
        written.extend(keys.extra.encode(&key.extra, &change.extra)?);
        if !written.is_empty() {
            let statement = update(&keys.table, &written, &keys.value.quoted);
            let mut params = values(written);
            params.push(Value::text(value));
            transaction.execute(&statement, &params).await?;
        }
        Ok(true)
    }

    pub(super) async fn take(
        &self,
        transaction: &mut dyn Transaction,
        value: &str,
    ) -> Result<Option<Key>, StorageError> {
        let Some(key) = self.find_locked(transaction, value).await? else {
            return Ok(None);
        };
        let deleted = transaction.execute(&self.delete, &[Value::text(value)]).await?;
        Ok((deleted > 0).then_some(key))
    }

    pub(super) async fn delete_matching(
        &self,
        transaction: &mut dyn Transaction,
        filter: &KeyFilter,
    ) -> Result<u64, StorageError> {
        let keys = &self.schema.keys;
        let mut chosen = Written::new();
        let value = filter.value.as_deref();
        chosen.extend(value.map(|value| (keys.value.quoted.as_str(), Value::text(value))));
        let userid = &filter.userid;
        let owner = patched(userid, |id| Ok(self.schema.users.id_kind.lookup_value(id)))?;
        if matches!(userid, Patch::Set(_)) && owner == Some(Value::Null) {
            return Ok(0);
        }
        chosen.extend(owner.map(|owner| (keys.userid.quoted(), owner)));
        if let Some(fields) = keys.extra.conditions(&filter.extra)? {
            chosen.extend(fields);
            let (condition, params) = all_of(chosen);
            let statement = format!("DELETE FROM {} WHERE {condition}", keys.table);
            return transaction.execute(&Statement::new(statement), &params).await;
        }
        self.delete_by_fields(transaction, chosen, &filter.extra).await
    }

    /// Deletes the keys that meet the conditions and have these fields, where SQL sees no fields.
    async fn delete_by_fields(
        &self,
        transaction: &mut dyn Transaction,
        chosen: Written<'_>,
        fields: &Map<String, Json>,
    ) -> Result<u64, StorageError> {
        let keys = &self.schema.keys;
        let (condition, params) = all_of(chosen);
        let columns = select_list(&keys.selected, "k");
        let select = Statement::new(format!(
            "SELECT k.{}, {columns} FROM {} AS k WHERE {condition}",
            keys.value.quoted, keys.table
        ));
        let mut deleted = 0;
        for key in transaction.list(&select, &params, |row| self.decode(row)).await? {
            let has = |(name, value): (&String, &Json)| match key.extra.get(name) {
                Some(stored) => stored == value,
                None => value.is_null(),
            };
            if fields.iter().all(has) {
                let value = [Value::text(&key.value)];
                deleted += transaction.execute(&self.delete, &value).await?;
            }
        }
        Ok(deleted)
    }

    pub(super) async fn update_data(
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
        let change = KeyUpdate { data: Some(data), ..KeyUpdate::default() };
        self.update(transaction, value, &change).await?;
        Ok(Ok(()))
    }

    async fn find_locked(
        &self,
        transaction: &mut dyn Transaction,
        value: &str,
    ) -> Result<Option<Key>, StorageError> {
        let decode = |row: &dyn Row| self.schema.keys.decode(value.to_owned(), row, 0);
        transaction.find(&self.lock, &[Value::text(value)], decode).await
    }

    fn owner<'v>(&self, userid: Option<&'v UserId>) -> Result<Value<'v>, StorageError> {
        userid.map_or(Ok(Value::Null), |id| self.schema.users.id_kind.column_value(id))
    }
}

/// What a patch writes; `None` for nothing.
fn patched<'v, T>(
    patch: &'v Patch<T>,
    encode: impl FnOnce(&'v T) -> Result<Value<'v>, StorageError>,
) -> Result<Option<Value<'v>>, StorageError> {
    match patch {
        Patch::Keep => Ok(None),
        Patch::Set(value) => encode(value).map(Some),
        Patch::Clear => Ok(Some(Value::Null)),
    }
}

/// A condition that these columns hold these values, and its parameters.
fn all_of(columns: Written<'_>) -> (String, Vec<Value<'_>>) {
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
