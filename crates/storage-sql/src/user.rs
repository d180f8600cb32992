//! Users in SQL.

mod statement;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use crossauth_core::storage::{StorageError, StoredUser, UserStore};
use crossauth_core::user::{NewUser, SecretsUpdate, User, UserId, UserSecrets, UserUpdate};

use crate::database::{Database, Row, Statement, Value};
use crate::schema::Schema;

pub(crate) use statement::{Insert, UserSql, update, values};

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
        param: Value<'_>,
    ) -> Result<Option<StoredUser>, StorageError> {
        let decode = |row: &dyn Row| self.sql.decode(row);
        Ok(self.database.find(statement, &[param], decode).await?.flatten())
    }
}

#[async_trait]
impl<D: Database> UserStore for SqlUserStore<D> {
    async fn find_by_id(&self, id: &UserId) -> Result<Option<StoredUser>, StorageError> {
        self.find(&self.sql.by_id, self.sql.schema.users.id_kind.lookup_value(id)).await
    }

    async fn find_by_username(&self, username: &str) -> Result<Option<StoredUser>, StorageError> {
        let name = self.sql.schema.users.lookup_username(username);
        self.find(&self.sql.by_username, Value::text(name)).await
    }

    async fn find_by_email(&self, email: &str) -> Result<Option<StoredUser>, StorageError> {
        let Some(statement) = &self.sql.by_email else { return Ok(None) };
        let email = self.sql.schema.users.lookup_email(email);
        self.find(statement, Value::text(email)).await
    }

    async fn insert(&self, user: &NewUser, secrets: &UserSecrets) -> Result<User, StorageError> {
        let input = (Arc::clone(&self.sql), user.clone(), secrets.clone());
        self.database
            .transaction(input, |transaction, (sql, user, secrets)| {
                Box::pin(sql.insert(transaction, user, secrets))
            })
            .await
    }

    async fn update(
        &self,
        id: &UserId,
        user: &UserUpdate,
        secrets: &SecretsUpdate,
    ) -> Result<Option<User>, StorageError> {
        let input = (Arc::clone(&self.sql), id.clone(), user.clone(), secrets.clone());
        self.database
            .transaction(input, |transaction, (sql, id, user, secrets)| {
                Box::pin(sql.update(transaction, id, user, secrets))
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
        let input = (Arc::clone(&self.sql), id.clone(), old.to_owned(), new.to_owned());
        self.database
            .transaction(input, |transaction, (sql, id, old, new)| {
                Box::pin(async move {
                    let id = sql.schema.users.id_kind.lookup_value(id);
                    let params = [Value::text(new), id, Value::text(old)];
                    Ok(transaction.execute(&sql.replace_password, &params).await? > 0)
                })
            })
            .await
    }

    async fn delete(&self, id: &UserId) -> Result<bool, StorageError> {
        let input = (Arc::clone(&self.sql), id.clone());
        self.database
            .transaction(input, |transaction, (sql, id)| {
                Box::pin(async move {
                    let id = [sql.schema.users.id_kind.lookup_value(id)];
                    for statement in &sql.delete_dependents {
                        transaction.execute(statement, &id).await?;
                    }
                    Ok(transaction.execute(&sql.delete, &id).await? > 0)
                })
            })
            .await
    }

    async fn list(&self, after: Option<&str>, limit: u32) -> Result<Vec<User>, StorageError> {
        let limit = Value::from(i64::from(limit));
        let sql = Arc::clone(&self.sql);
        let decode = move |row: &dyn Row| sql.schema.users.decode(row, 0).transpose();
        let rows = match after {
            None => self.database.scan(&self.sql.list, &[limit], decode).await?,
            Some(after) => {
                let params = [Value::text(after), limit];
                self.database.scan(&self.sql.list_after, &params, decode).await?
            }
        };
        rows.into_iter().flatten().collect()
    }

    async fn has_admin(&self) -> Result<bool, StorageError> {
        let Some(statement) = &self.sql.has_admin else { return Ok(false) };
        // Not a short read: mapped tables have no index for it.
        Ok(!self.database.scan(statement, &[], |_| ()).await?.is_empty())
    }
}
