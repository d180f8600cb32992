//! Keys in SQL.

mod named;
mod statement;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use crossauth_core::audit::AuditEvent;
use crossauth_core::clock::Timestamp;
use crossauth_core::key::{CLOCK_SKEW, DataChange, Key, KeyPrefix};
use crossauth_core::storage::{
    Inserted, KeyPosition, KeyStore, NamedKey, StorageError, StorageErrorKind, UpdateDataError,
};
use crossauth_core::user::UserId;

use crate::Management;
use crate::audit::{AuditSql, goes_on_without};
use crate::database::{Database, Row, Statement, Transaction, Value};
use crate::outbox::{Enqueued, OutboxSql};
use crate::schema::Schema;
use crate::user::UserSql;

pub(crate) use statement::KeySql;

/// [`KeyStore`] over SQL.
pub(crate) struct SqlKeyStore<D> {
    database: D,
    sql: Arc<KeySql>,
    users: Arc<UserSql>,
    outbox: Arc<OutboxSql>,
    audit: Arc<AuditSql>,
    enqueued: Enqueued,
}

impl<D: Database> SqlKeyStore<D> {
    pub(crate) fn new(database: D, schema: &Arc<Schema>, enqueued: &Enqueued) -> Self {
        Self {
            database,
            sql: Arc::new(KeySql::new(Arc::clone(schema))),
            users: Arc::new(UserSql::new(Arc::clone(schema))),
            outbox: Arc::new(OutboxSql::new(schema)),
            audit: Arc::new(AuditSql::new(schema)),
            enqueued: enqueued.clone(),
        }
    }

    async fn insert_once(&self, key: &Key, audit: &[AuditEvent]) -> Result<(), StorageError> {
        let statements = (Arc::clone(&self.sql), Arc::clone(&self.users), Arc::clone(&self.audit));
        let input = (statements, key.clone(), audit.to_vec());
        self.database
            .transaction(input, |transaction, ((sql, users, log), key, audit)| {
                Box::pin(async move {
                    let owner = key.userid.as_ref();
                    let epoch = match owner {
                        Some(id) => users.epoch_of(transaction, id).await?,
                        None => None,
                    };
                    sql.insert(transaction, key, owner, epoch).await?;
                    log.record(transaction, audit, owner).await
                })
            })
            .await
    }

    async fn delete_once(&self, value: &str, audit: &[AuditEvent]) -> Result<bool, StorageError> {
        let input = (
            self.sql.of(value).delete.clone(),
            Arc::clone(&self.audit),
            value.to_owned(),
            audit.to_vec(),
        );
        self.database
            .transaction(input, |transaction, (delete, log, value, audit)| {
                Box::pin(async move {
                    if transaction.execute(delete, &[Value::text(&*value)]).await? == 0 {
                        return Ok(false);
                    }
                    log.record(transaction, audit, None).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Runs one statement that changes rows; returns the number of rows.
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
        let sql = self.sql.of(value);
        let decode = |row: &dyn Row| sql.keys.decode(value, row, 0);
        Ok(self.database.find(&sql.find, &[Value::text(value)], decode).await?.flatten())
    }

    async fn insert_recorded(&self, key: &Key, audit: &[AuditEvent]) -> Result<(), StorageError> {
        match self.insert_once(key, audit).await {
            Err(error) if goes_on_without(audit, &error) => self.insert_once(key, &[]).await,
            outcome => outcome,
        }
    }

    async fn insert_named(&self, named: NamedKey<'_>) -> Result<Inserted, StorageError> {
        let outcome = match self.insert_named_once(named).await {
            Err(error) if goes_on_without(named.audit, &error) => {
                self.insert_named_once(NamedKey { audit: &[], ..named }).await?
            }
            outcome => outcome?,
        };
        if outcome == Inserted::Done {
            self.enqueued.note(named.send);
        }
        Ok(outcome)
    }

    async fn delete(&self, value: &str) -> Result<bool, StorageError> {
        Ok(self.execute(&self.sql.of(value).delete, vec![Value::text(value)]).await? > 0)
    }

    async fn delete_recorded(
        &self,
        value: &str,
        audit: &[AuditEvent],
    ) -> Result<bool, StorageError> {
        match self.delete_once(value, audit).await {
            Err(error) if goes_on_without(audit, &error) => self.delete(value).await,
            outcome => outcome,
        }
    }

    async fn list_for_user(
        &self,
        userid: Option<&UserId>,
        prefix: KeyPrefix,
        after: Option<KeyPosition<'_>>,
        limit: u32,
    ) -> Result<Vec<Key>, StorageError> {
        let (all, sql) = (Arc::clone(&self.sql), self.sql.of(prefix.as_str()));
        let decode = move |row: &dyn Row| all.of(prefix.as_str()).decode(row);
        let (list, mut params) = match userid {
            None => (&sql.list_anonymous, self.sql.anonymous_params(prefix).to_vec()),
            Some(id) => {
                let mut params = vec![self.sql.schema.users.lookup_id(id)];
                params.extend(prefix_params(prefix));
                (&sql.list_owned, params)
            }
        };
        let statement = match after {
            None => &list.first,
            Some(KeyPosition { created, value }) => {
                let schema = &self.sql.schema;
                let created = schema.compared_time(&sql.keys.created, created);
                params.extend([Value::text(value), created, Value::text(value)]);
                &list.after
            }
        };
        params.push(Value::from(i64::from(limit)));
        let rows = self.database.scan(statement, &params, decode).await?;
        skip_bad_rows(rows)
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
        let sql = self.sql.of(value);
        let Some(statement) = &sql.touch else { return Ok(()) };
        let schema = self.sql.schema.as_ref();
        let Some(lastactive) = &sql.keys.lastactive else { return Ok(()) };
        let written = sql.keys.times.encode(lastactive, at);
        let earliest = schema.compared_time(lastactive, at);
        let latest = schema.compared_time(lastactive, at + CLOCK_SKEW);
        self.execute(statement, vec![written, Value::text(value), earliest, latest]).await?;
        Ok(())
    }

    async fn any_created(&self, from: Timestamp, until: Timestamp) -> Result<bool, StorageError> {
        let schema = &self.sql.schema;
        let [from, until] = [from, until].map(|it| schema.compared_time(&schema.keys.created, it));
        let found = self.database.scan(&self.sql.any_created, &[from, until], |_| ()).await?;
        Ok(!found.is_empty())
    }

    async fn purge(&self, now: Timestamp, limit: u32) -> Result<u64, StorageError> {
        let input = (Arc::clone(&self.sql), now, u64::from(limit));
        self.database
            .transaction(input, |transaction, (sql, now, limit)| {
                Box::pin(sql.purge_alone(transaction, *now, *limit))
            })
            .await
    }
}

impl KeySql {
    /// Deletes expired keys, unless another process is doing so.
    async fn purge_alone(
        &self,
        transaction: &mut dyn Transaction,
        now: Timestamp,
        limit: u64,
    ) -> Result<u64, StorageError> {
        if let Some(lock) = &self.lock_purge
            && !transaction.exists(lock, &[]).await?
        {
            return Ok(0);
        }
        let purged = self.purge_table(transaction, now, limit).await?;
        let Some(api_keys) = &self.api_keys else { return Ok(purged) };
        let limit = limit.saturating_sub(purged);
        Ok(purged + api_keys.purge_table(transaction, now, limit).await?)
    }

    async fn purge_table(
        &self,
        transaction: &mut dyn Transaction,
        now: Timestamp,
        limit: u64,
    ) -> Result<u64, StorageError> {
        let now = self.schema.purged_time(&self.keys.expires, now);
        let limit = Value::from(i64::try_from(limit).unwrap_or(i64::MAX));
        transaction.execute(&self.purge, &[now, limit]).await
    }

    /// The parameters of the condition for keys without owner of a kind.
    fn anonymous_params(&self, kind: KeyPrefix) -> [Value<'static>; 2] {
        match self.schema.management {
            Management::Managed => [Value::text(kind.as_str()), Value::text(upper_bound(kind))],
            Management::External => prefix_params(kind),
        }
    }
}

/// The smallest text that is greater than every value of a kind: prefixes end in `:`, and `;` is
/// the next character.
fn upper_bound(kind: KeyPrefix) -> String {
    format!("{};", kind.as_str().trim_end_matches(':'))
}

/// Parameters of a comparison with a prefix: its length in characters, and its text.
fn prefix_params(prefix: KeyPrefix) -> [Value<'static>; 2] {
    let prefix = prefix.as_str();
    let length = i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX);
    [Value::Integer(length), Value::text(prefix)]
}

/// The rows of a list that can be decoded. The others are logged and left out, so that one corrupt
/// row does not make the whole list fail.
pub(crate) fn skip_bad_rows<T>(rows: Vec<Result<T, StorageError>>) -> Result<Vec<T>, StorageError> {
    let mut readable = Vec::new();
    for row in rows {
        match row {
            Ok(record) => readable.push(record),
            Err(error) if error.kind == StorageErrorKind::BadRow => {
                tracing::warn!(%error, "left out of a list");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(readable)
}
