//! Sessions in SQL: the hot query, and beginning a session.

use std::sync::Arc;

use async_trait::async_trait;
use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::storage::{SessionStart, SessionStore, Started, StorageError, StoredSession};

use crate::database::{Database, Row, Statement, Transaction, Value};
use crate::key::{KeySql, prefix_params};
use crate::record::decode_secrets;
use crate::schema::Schema;
use crate::user::UserSql;

/// [`SessionStore`] over SQL.
pub(crate) struct SqlSessionStore<D> {
    database: D,
    sql: Arc<SessionSql>,
}

pub(crate) struct SessionSql {
    /// A key and its user, in one statement.
    pub(crate) find: Statement,
    users: UserSql,
    keys: KeySql,
}

impl SessionSql {
    pub(crate) fn new(schema: &Arc<Schema>) -> Self {
        let Schema { users, keys, .. } = schema.as_ref();
        let find = format!(
            "SELECT {}, {} FROM {} AS k LEFT JOIN {} AS u ON u.{} = k.{} WHERE k.{} = ?",
            keys.columns("k").join(", "),
            users.columns("u").join(", "),
            keys.table,
            users.table,
            users.id,
            keys.userid,
            keys.value
        );
        Self {
            find: Statement::new(find),
            users: UserSql::new(Arc::clone(schema)),
            keys: KeySql::new(Arc::clone(schema)),
        }
    }

    fn decode(&self, row: Row) -> Result<Option<StoredSession>, StorageError> {
        let mut cells = row.into_iter();
        let key = self.keys.schema.keys.decode(&mut cells)?;
        let user = self.users.schema.users.decode(&mut cells)?;
        if key.userid.is_some() && user.is_none() {
            return Ok(None);
        }
        Ok(Some(StoredSession::new(key, user)))
    }

    async fn start(
        &self,
        transaction: &mut dyn Transaction,
        key: &Key,
        replaces: Option<String>,
        password: Option<&str>,
    ) -> Result<Started, StorageError> {
        if !self.credentials_hold(transaction, key, password).await? {
            return Ok(Started::CredentialsChanged);
        }
        self.keys.insert(transaction, key).await?;
        if let Some(replaced) = replaces {
            transaction.execute(&self.keys.delete, vec![Value::Text(replaced)]).await?;
        }
        if let Some(id) = &key.userid {
            let mut params = vec![self.users.schema.users.id_kind.sought(id)];
            params.extend(prefix_params(KeyPrefix::PasswordReset.as_str()));
            transaction.execute(&self.keys.delete_prefixed, params).await?;
        }
        Ok(Started::Yes)
    }

    async fn credentials_hold(
        &self,
        transaction: &mut dyn Transaction,
        key: &Key,
        password: Option<&str>,
    ) -> Result<bool, StorageError> {
        let Some(id) = &key.userid else { return Ok(password.is_none()) };
        let id = self.users.schema.users.id_kind.sought(id);
        if transaction.query(&self.users.lock, vec![id.clone()]).await?.is_empty() {
            return Ok(false);
        }
        let Some(password) = password else { return Ok(true) };
        let row = transaction.query(&self.users.by_id, vec![id]).await?.pop();
        let secrets = row.map(|row| decode_secrets(&mut row.into_iter()));
        Ok(secrets.is_some_and(|secrets| secrets.password.as_deref() == Some(password)))
    }
}

impl<D: Database> SqlSessionStore<D> {
    pub(crate) fn new(database: D, schema: &Arc<Schema>) -> Self {
        Self { database, sql: Arc::new(SessionSql::new(schema)) }
    }
}

#[async_trait]
impl<D: Database> SessionStore for SqlSessionStore<D> {
    async fn find(&self, value: &str) -> Result<Option<StoredSession>, StorageError> {
        let row = self.database.read(&self.sql.find, vec![Value::text(value)]).await?.pop();
        row.map_or(Ok(None), |row| self.sql.decode(row))
    }

    async fn start(&self, start: SessionStart<'_>) -> Result<Started, StorageError> {
        let (sql, key) = (Arc::clone(&self.sql), start.key.clone());
        let replaces = start.replaces.map(str::to_owned);
        let password = start.password.map(str::to_owned);
        self.database
            .transaction(move |transaction| {
                Box::pin(async move {
                    sql.start(transaction, &key, replaces, password.as_deref()).await
                })
            })
            .await
    }
}
