//! Keys in SQL.

mod statement;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use crossauth_core::clock::Timestamp;
use crossauth_core::key::{DataChange, Key, KeyFilter, KeyUpdate};
use crossauth_core::storage::{KeyStore, StorageError, UpdateDataError};
use crossauth_core::user::UserId;

use crate::database::{Database, Row, Statement, Value};
use crate::schema::Schema;

pub(crate) use statement::KeySql;

/// [`KeyStore`] over SQL.
pub(crate) struct SqlKeyStore<D> {
    database: D,
    sql: Arc<KeySql>,
}

impl<D: Database> SqlKeyStore<D> {
    pub(crate) fn new(database: D, schema: &Arc<Schema>) -> Self {
        Self { database, sql: Arc::new(KeySql::new(Arc::clone(schema))) }
    }

    /// Runs one statement that changes rows; returns how many.
    async fn execute(
        &self,
        statement: &Statement,
        params: Vec<Value<'_>>,
    ) -> Result<u64, StorageError> {
        let params: Vec<Value<'static>> = params.into_iter().map(Value::into_owned).collect();
        self.database
            .transaction((statement.clone(), params), |transaction, (statement, params)| {
                transaction.execute(statement, params)
            })
            .await
    }
}

#[async_trait]
impl<D: Database> KeyStore for SqlKeyStore<D> {
    async fn find(&self, value: &str) -> Result<Option<Key>, StorageError> {
        let decode = |row: &dyn Row| self.sql.schema.keys.decode(value.to_owned(), row, 0);
        self.database.find(&self.sql.find, &[Value::text(value)], decode).await
    }

    async fn insert(&self, key: &Key) -> Result<(), StorageError> {
        let input = (Arc::clone(&self.sql), key.clone());
        self.database
            .transaction(input, |transaction, (sql, key)| Box::pin(sql.insert(transaction, key)))
            .await
    }

    async fn update(&self, value: &str, change: &KeyUpdate) -> Result<bool, StorageError> {
        let input = (Arc::clone(&self.sql), value.to_owned(), change.clone());
        self.database
            .transaction(input, |transaction, (sql, value, change)| {
                Box::pin(sql.update(transaction, value, change))
            })
            .await
    }

    async fn take(&self, value: &str) -> Result<Option<Key>, StorageError> {
        let input = (Arc::clone(&self.sql), value.to_owned());
        self.database
            .transaction(input, |transaction, (sql, value)| Box::pin(sql.take(transaction, value)))
            .await
    }

    async fn delete(&self, value: &str) -> Result<bool, StorageError> {
        Ok(self.execute(&self.sql.delete, vec![Value::text(value)]).await? > 0)
    }

    async fn delete_all_for_user(
        &self,
        userid: Option<&UserId>,
        prefix: &str,
        except: Option<&str>,
    ) -> Result<u64, StorageError> {
        let (statement, mut params) = match userid {
            None => (&self.sql.delete_anonymous, Vec::new()),
            Some(id) => {
                (&self.sql.delete_owned, vec![self.sql.schema.users.id_kind.lookup_value(id)])
            }
        };
        params.extend(prefix_params(prefix));
        // True turns the exception off. A null there would have no type that every database can
        // tell.
        params.push(Value::from(except.is_none()));
        params.push(Value::text(except.unwrap_or_default()));
        self.execute(statement, params).await
    }

    async fn delete_matching(&self, filter: &KeyFilter) -> Result<u64, StorageError> {
        if *filter == KeyFilter::default() {
            return Ok(0);
        }
        let input = (Arc::clone(&self.sql), filter.clone());
        self.database
            .transaction(input, |transaction, (sql, filter)| {
                Box::pin(sql.delete_matching(transaction, filter))
            })
            .await
    }

    async fn list_for_user(&self, userid: Option<&UserId>) -> Result<Vec<Key>, StorageError> {
        let sql = Arc::clone(&self.sql);
        let decode = move |row: &dyn Row| sql.decode(row);
        let rows = match userid {
            None => self.database.scan(&self.sql.list_anonymous, &[], decode).await?,
            Some(id) => {
                let id = self.sql.schema.users.id_kind.lookup_value(id);
                self.database.scan(&self.sql.list_owned, &[id], decode).await?
            }
        };
        rows.into_iter().collect()
    }

    async fn update_data(
        &self,
        value: &str,
        changes: &[DataChange],
    ) -> Result<(), UpdateDataError> {
        let input = (Arc::clone(&self.sql), value.to_owned(), changes.to_vec());
        self.database
            .transaction(input, |transaction, (sql, value, changes)| {
                Box::pin(sql.update_data(transaction, value, changes))
            })
            .await?
    }

    async fn touch(&self, value: &str, at: Timestamp) -> Result<(), StorageError> {
        let Some(statement) = &self.sql.touch else { return Ok(()) };
        let Schema { keys, .. } = self.sql.schema.as_ref();
        let Some(lastactive) = &keys.lastactive else { return Ok(()) };
        let written = keys.times.encode(lastactive, at);
        let compared = self.sql.schema.compared_time(lastactive, at);
        self.execute(statement, vec![written, Value::text(value), compared]).await?;
        Ok(())
    }

    async fn purge(&self, now: Timestamp, limit: u32) -> Result<u64, StorageError> {
        let schema = &self.sql.schema;
        let now = schema.compared_time(&schema.keys.expires, now);
        self.execute(&self.sql.purge, vec![now, Value::from(i64::from(limit))]).await
    }
}

/// What a comparison of the beginning of a value needs: how many characters, and which.
pub(crate) fn prefix_params(prefix: &str) -> [Value<'_>; 2] {
    let length = i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX);
    [Value::Integer(length), Value::text(prefix)]
}
