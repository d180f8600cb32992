//! Users in SQL.

mod statement;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use crossauth_core::storage::{StorageError, StoredUser, UserStore};
use crossauth_core::user::{NewUser, SecretsUpdate, User, UserId, UserSecrets, UserUpdate};

use crate::database::{Database, Row, Statement, Value};
use crate::record::decode_secrets;
use crate::schema::{Schema, Users};

pub(crate) use statement::{UserSql, insert, update, values};

/// [`UserStore`] over SQL.
pub(crate) struct SqlUserStore<D> {
    database: D,
    sql: Arc<UserSql>,
}

impl<D: Database> SqlUserStore<D> {
    pub(crate) fn new(database: D, schema: &Arc<Schema>) -> Self {
        Self { database, sql: Arc::new(UserSql::new(Arc::clone(schema))) }
    }

    async fn find(
        &self,
        statement: &Statement,
        param: Value,
    ) -> Result<Option<StoredUser>, StorageError> {
        let row = self.database.read(statement, vec![param]).await?.pop();
        row.map_or(Ok(None), |row| stored(&self.sql.schema.users, row))
    }
}

/// A user with secrets, as the look-up statements select them.
fn stored(users: &Users, row: Row) -> Result<Option<StoredUser>, StorageError> {
    let mut cells = row.into_iter();
    let secrets = decode_secrets(&mut cells);
    Ok(users.decode(&mut cells)?.map(|user| StoredUser::new(user, secrets)))
}

#[async_trait]
impl<D: Database> UserStore for SqlUserStore<D> {
    async fn find_by_id(&self, id: &UserId) -> Result<Option<StoredUser>, StorageError> {
        let id = self.sql.schema.users.id_kind.sought(id);
        self.find(&self.sql.by_id, id).await
    }

    async fn find_by_username(&self, username: &str) -> Result<Option<StoredUser>, StorageError> {
        let name = self.sql.schema.lookup_username(username);
        self.find(&self.sql.by_username, Value::Text(name)).await
    }

    async fn find_by_email(&self, email: &str) -> Result<Option<StoredUser>, StorageError> {
        let Some(statement) = &self.sql.by_email else { return Ok(None) };
        let email = self.sql.schema.lookup_email(email);
        self.find(statement, Value::Text(email)).await
    }

    async fn insert(&self, user: &NewUser, secrets: &UserSecrets) -> Result<User, StorageError> {
        let (sql, user, secrets) = (Arc::clone(&self.sql), user.clone(), secrets.clone());
        self.database
            .transaction(move |transaction| {
                Box::pin(async move { sql.insert(transaction, &user, secrets).await })
            })
            .await
    }

    async fn update(
        &self,
        id: &UserId,
        user: &UserUpdate,
        secrets: &SecretsUpdate,
    ) -> Result<Option<User>, StorageError> {
        let sql = Arc::clone(&self.sql);
        let id = sql.schema.users.id_kind.sought(id);
        let (user, secrets) = (user.clone(), secrets.clone());
        self.database
            .transaction(move |transaction| {
                Box::pin(async move { sql.update(transaction, id, &user, secrets).await })
            })
            .await
    }

    async fn replace_password(
        &self,
        id: &UserId,
        old: &str,
        new: &str,
    ) -> Result<bool, StorageError> {
        if old.is_empty() {
            // Some schemas store empty text for no password.
            return Ok(false);
        }
        let statement = self.sql.replace_password.clone();
        let id = self.sql.schema.users.id_kind.sought(id);
        let params = vec![Value::text(new), id, Value::text(old)];
        self.database
            .transaction(move |transaction| {
                Box::pin(async move { Ok(transaction.execute(&statement, params).await? > 0) })
            })
            .await
    }

    async fn delete(&self, id: &UserId) -> Result<bool, StorageError> {
        let sql = Arc::clone(&self.sql);
        let id = sql.schema.users.id_kind.sought(id);
        self.database
            .transaction(move |transaction| {
                Box::pin(async move {
                    for statement in &sql.delete_dependents {
                        transaction.execute(statement, vec![id.clone()]).await?;
                    }
                    Ok(transaction.execute(&sql.delete, vec![id]).await? > 0)
                })
            })
            .await
    }

    async fn list(&self, after: Option<&str>, limit: u32) -> Result<Vec<User>, StorageError> {
        let limit = Value::Integer(i64::from(limit));
        let (statement, params) = match after {
            None => (self.sql.list.clone(), vec![limit]),
            Some(after) => (self.sql.list_after.clone(), vec![Value::text(after), limit]),
        };
        let rows = self
            .database
            .transaction(move |transaction| {
                Box::pin(async move { transaction.query(&statement, params).await })
            })
            .await?;
        let decode = |row: Row| self.sql.schema.users.decode(&mut row.into_iter()).transpose();
        rows.into_iter().filter_map(decode).collect()
    }

    async fn has_admin(&self) -> Result<bool, StorageError> {
        let Some(statement) = self.sql.has_admin.clone() else { return Ok(false) };
        // Not a short read: tables of others have no index for it.
        let rows = self
            .database
            .transaction(move |transaction| {
                Box::pin(
                    async move { transaction.query(&statement, vec![Value::from(true)]).await },
                )
            })
            .await?;
        Ok(!rows.is_empty())
    }
}
