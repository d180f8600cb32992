//! Sessions in SQL: the hot query, and beginning a session.

use std::sync::Arc;

use async_trait::async_trait;
use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::storage::{SessionStart, SessionStore, Started, StorageError, StoredSession};

use crate::column::select_list;
use crate::database::{Database, Row, Statement, Transaction, Value};
use crate::key::{KeySql, prefix_params};
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
            select_list(&keys.selected, "k"),
            select_list(&users.selected, "u"),
            keys.table,
            users.table,
            users.id.quoted(),
            keys.userid.quoted(),
            keys.value.quoted
        );
        Self {
            find: Statement::new(find),
            users: UserSql::new(Arc::clone(schema)),
            keys: KeySql::new(Arc::clone(schema)),
        }
    }

    fn decode(&self, value: &str, row: &dyn Row) -> Result<Option<StoredSession>, StorageError> {
        let Schema { users, keys, .. } = self.keys.schema.as_ref();
        let key = keys.decode(value.to_owned(), row, 0)?;
        let user = users.decode(row, keys.selected.len())?;
        if key.userid.is_some() && user.is_none() {
            return Ok(None);
        }
        Ok(Some(StoredSession::new(key, user)))
    }

    async fn start(
        &self,
        transaction: &mut dyn Transaction,
        key: &Key,
        replaces: Option<&str>,
        password: Option<&str>,
    ) -> Result<Started, StorageError> {
        if !self.credentials_hold(transaction, key, password).await? {
            return Ok(Started::CredentialsChanged);
        }
        self.keys.insert(transaction, key).await?;
        if let Some(replaced) = replaces {
            transaction.execute(&self.keys.delete, &[Value::text(replaced)]).await?;
        }
        if let Some(id) = &key.userid {
            let id = self.users.schema.users.id_kind.lookup_value(id);
            let [length, prefix] = prefix_params(KeyPrefix::PasswordReset.as_str());
            transaction.execute(&self.keys.delete_prefixed, &[id, length, prefix]).await?;
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
        let id = [self.users.schema.users.id_kind.lookup_value(id)];
        if !transaction.exists(&self.users.lock, &id).await? {
            return Ok(false);
        }
        let Some(password) = password else { return Ok(true) };
        let decode = |row: &dyn Row| self.users.schema.secrets.decode(row, 0);
        let secrets = transaction.find(&self.users.secrets, &id, decode).await?;
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
        let decode = |row: &dyn Row| self.sql.decode(value, row);
        let found = self.database.find(&self.sql.find, &[Value::text(value)], decode).await?;
        Ok(found.flatten())
    }

    async fn start(&self, start: SessionStart<'_>) -> Result<Started, StorageError> {
        let replaces = start.replaces.map(str::to_owned);
        let password = start.password.map(str::to_owned);
        let input = (Arc::clone(&self.sql), start.key.clone(), replaces, password);
        self.database
            .transaction(input, |transaction, (sql, key, replaces, password)| {
                Box::pin(sql.start(transaction, key, replaces.as_deref(), password.as_deref()))
            })
            .await
    }
}
