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
        params: Vec<Value>,
    ) -> Result<u64, StorageError> {
        let statement = statement.clone();
        self.database
            .transaction(move |transaction| {
                Box::pin(async move { transaction.execute(&statement, params).await })
            })
            .await
    }
}

#[async_trait]
impl<D: Database> KeyStore for SqlKeyStore<D> {
    async fn find(&self, value: &str) -> Result<Option<Key>, StorageError> {
        let row = self.database.read(&self.sql.find, vec![Value::text(value)]).await?.pop();
        row.map(|row| self.sql.decode(row)).transpose()
    }

    async fn insert(&self, key: &Key) -> Result<(), StorageError> {
        let (sql, key) = (Arc::clone(&self.sql), key.clone());
        self.database
            .transaction(move |transaction| {
                Box::pin(async move { sql.insert(transaction, &key).await })
            })
            .await
    }

    async fn update(&self, value: &str, change: &KeyUpdate) -> Result<bool, StorageError> {
        let (sql, value, change) = (Arc::clone(&self.sql), Value::text(value), change.clone());
        self.database
            .transaction(move |transaction| {
                Box::pin(async move { sql.update(transaction, value, &change).await })
            })
            .await
    }

    async fn take(&self, value: &str) -> Result<Option<Key>, StorageError> {
        let (sql, value) = (Arc::clone(&self.sql), Value::text(value));
        self.database
            .transaction(move |transaction| {
                Box::pin(async move { sql.take(transaction, value).await })
            })
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
            Some(id) => (&self.sql.delete_owned, vec![self.sql.schema.users.id_kind.sought(id)]),
        };
        params.extend(prefix_params(prefix));
        // 1 turns the exception off. A null there would have no type that every database can tell.
        params.push(Value::from(except.is_none()));
        params.push(Value::text(except.unwrap_or_default()));
        self.execute(statement, params).await
    }

    async fn delete_matching(&self, filter: &KeyFilter) -> Result<u64, StorageError> {
        if *filter == KeyFilter::default() {
            return Ok(0);
        }
        let (sql, filter) = (Arc::clone(&self.sql), filter.clone());
        self.database
            .transaction(move |transaction| {
                Box::pin(async move { sql.delete_matching(transaction, &filter).await })
            })
            .await
    }

    async fn list_for_user(&self, userid: Option<&UserId>) -> Result<Vec<Key>, StorageError> {
        let (statement, params) = match userid {
            None => (self.sql.list_anonymous.clone(), Vec::new()),
            Some(id) => {
                (self.sql.list_owned.clone(), vec![self.sql.schema.users.id_kind.sought(id)])
            }
        };
        let rows: Vec<Row> = self
            .database
            .transaction(move |transaction| {
                Box::pin(async move { transaction.query(&statement, params).await })
            })
            .await?;
        rows.into_iter().map(|row| self.sql.decode(row)).collect()
    }

    async fn update_data(
        &self,
        value: &str,
        changes: &[DataChange],
    ) -> Result<(), UpdateDataError> {
        let (sql, value, changes) = (Arc::clone(&self.sql), Value::text(value), changes.to_vec());
        self.database
            .transaction(move |transaction| {
                Box::pin(async move { sql.update_data(transaction, value, &changes).await })
            })
            .await?
    }

    async fn touch(&self, value: &str, at: Timestamp) -> Result<(), StorageError> {
        let Some(statement) = &self.sql.touch else { return Ok(()) };
        let at = self.sql.schema.keys.times.encode(at);
        self.execute(statement, vec![at.clone(), Value::text(value), at]).await?;
        Ok(())
    }

    async fn purge(&self, now: Timestamp, limit: u32) -> Result<u64, StorageError> {
        let now = self.sql.schema.keys.times.encode(now);
        self.execute(&self.sql.purge, vec![now, Value::Integer(i64::from(limit))]).await
    }
}

/// What a comparison of the beginning of a value needs: how many characters, and which.
pub(crate) fn prefix_params(prefix: &str) -> [Value; 2] {
    let length = i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX);
    [Value::Integer(length), Value::text(prefix)]
}
