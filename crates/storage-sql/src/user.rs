//! Users in SQL.

mod change;
mod list;
mod owned;
mod statement;
mod taken;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use crossauth_core::storage::{
    Change, Changed, Created, Deleted, Effects, Guard, StorageError, StoredUser, UserPage,
    UserQuery, UserStore,
};
use crossauth_core::user::{NewUser, UserId, UserSecrets};

use crate::audit::{AuditSql, goes_on_without};
use crate::column::Field;
use crate::database::{BoxFuture, Database, Row, Statement, Transaction, Value};
use crate::key::{KeySql, skip_bad_rows};
use crate::outbox::{Enqueued, OutboxSql};
use crate::record::{UserRow, decode_id};
use crate::schema::Schema;
use crate::uses::UsesSql;

use change::AccountSql;
#[cfg(test)]
pub(crate) use list::page;
use owned::{OwnedChange, OwnedEffects, OwnedGuard};
pub(crate) use statement::{Insert, UserSql, values};

/// [`UserStore`] over SQL.
pub(crate) struct SqlUserStore<D> {
    database: D,
    sql: Arc<UserSql>,
    accounts: Arc<AccountSql>,
    enqueued: Enqueued,
}

/// The body of a transaction with a shared input.
type Body<I, T> =
    for<'t> fn(&'t mut dyn Transaction, &'t Arc<I>) -> BoxFuture<'t, Result<T, StorageError>>;

/// How often a transaction is tried that fails because of a concurrent insert of the same name.
const MAX_ATTEMPTS: usize = 3;

impl<D: Database> SqlUserStore<D> {
    pub(crate) fn new(database: D, schema: &Arc<Schema>, enqueued: &Enqueued) -> Self {
        let accounts = AccountSql {
            users: UserSql::new(Arc::clone(schema)),
            keys: KeySql::new(Arc::clone(schema)),
            uses: UsesSql::new(schema.dialect),
            outbox: OutboxSql::new(schema),
            audit: AuditSql::new(schema),
        };
        let sql = Arc::new(UserSql::new(Arc::clone(schema)));
        Self { database, sql, accounts: Arc::new(accounts), enqueued: enqueued.clone() }
    }

    /// Runs a transaction, and retries it on a conflict: a concurrent transaction has taken the
    /// username or e-mail address, and the retry finds out which.
    async fn retry_conflicts<I, T>(
        &self,
        input: Arc<I>,
        body: Body<I, T>,
    ) -> Result<T, StorageError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        let mut attempt = 1;
        loop {
            match self.database.transaction(Arc::clone(&input), body).await {
                Err(error) if error.is_conflict() && attempt < MAX_ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    async fn create_once(
        &self,
        (user, secrets): (&NewUser, &UserSecrets),
        guard: Guard<'_>,
        effects: &Effects<'_>,
    ) -> Result<Created, StorageError> {
        let input = (
            Arc::clone(&self.accounts),
            (user.clone(), secrets.clone()),
            OwnedGuard::from(guard),
            OwnedEffects::from(effects),
        );
        self.retry_conflicts(Arc::new(input), |transaction, input| {
            let (accounts, (user, secrets), guard, effects) = &**input;
            Box::pin(accounts.create(transaction, user, secrets, guard, effects))
        })
        .await
    }

    async fn change_once(&self, id: &UserId, change: &Change<'_>) -> Result<Changed, StorageError> {
        let input = (Arc::clone(&self.accounts), id.clone(), OwnedChange::from(change));
        self.retry_conflicts(Arc::new(input), |transaction, input| {
            let (accounts, id, change) = &**input;
            Box::pin(accounts.change(transaction, id, change))
        })
        .await
    }

    async fn delete_once(
        &self,
        id: &UserId,
        guard: Guard<'_>,
        effects: &Effects<'_>,
    ) -> Result<Deleted, StorageError> {
        let owned = OwnedEffects::from(effects);
        let input = (Arc::clone(&self.accounts), id.clone(), OwnedGuard::from(guard), owned);
        self.database
            .transaction(input, |transaction, (accounts, id, guard, effects)| {
                Box::pin(accounts.delete(transaction, id, guard, effects))
            })
            .await
    }

    /// The user whose `field` has this value.
    async fn find(
        &self,
        statement: &Statement,
        field: &Field,
        value: &str,
    ) -> Result<Option<StoredUser>, StorageError> {
        let decode = |row: &dyn Row| {
            let stored = row.value(field.index)?.into_text().ok().flatten();
            let users = &self.sql.schema.users;
            // Where it is not text, decoding fails.
            let is_match = stored.is_none_or(|stored| users.is_match(&stored, value));
            if is_match { self.sql.decode(row) } else { Ok(None) }
        };
        Ok(self.database.find(statement, &[Value::text(value)], decode).await?.flatten())
    }

    async fn id(
        &self,
        statement: &Statement,
        name: String,
    ) -> Result<Option<UserId>, StorageError> {
        let decode = |row: &dyn Row| {
            let stored = row.value(1)?.into_text().ok().flatten();
            let is_match = stored.is_none_or(|it| self.sql.schema.users.is_match(&it, &name));
            let id = decode_id(row.value(0)?).map_err(StorageError::bad_row)?;
            Ok(id.filter(|_| is_match))
        };
        let param = [Value::text(&*name)];
        Ok(self.database.find(statement, &param, decode).await?.flatten())
    }
}

#[async_trait]
impl<D: Database> UserStore for SqlUserStore<D> {
    async fn find_by_id(&self, id: &UserId) -> Result<Option<StoredUser>, StorageError> {
        let decode = |row: &dyn Row| self.sql.decode(row);
        let id = [self.sql.schema.users.lookup_id(id)];
        Ok(self.database.find(&self.sql.by_id, &id, decode).await?.flatten())
    }

    async fn find_by_username(&self, username: &str) -> Result<Option<StoredUser>, StorageError> {
        let users = &self.sql.schema.users;
        let name = users.lookup_username(username);
        self.find(&self.sql.by_username, &users.lookup_name, &name).await
    }

    async fn find_by_email(&self, email: &str) -> Result<Option<StoredUser>, StorageError> {
        let users = &self.sql.schema.users;
        let by_address = self.sql.by_email.as_ref().zip(users.lookup_address());
        let Some((statement, address)) = by_address else { return Ok(None) };
        self.find(statement, address, &users.lookup_email(email)).await
    }

    async fn find_id(&self, name: &str) -> Result<Option<UserId>, StorageError> {
        let users = &self.sql.schema.users;
        let found = self.id(&self.sql.id_by_username, users.lookup_username(name)).await?;
        match &self.sql.id_by_email {
            Some(by_email) if found.is_none() && name.contains('@') => {
                self.id(by_email, users.lookup_email(name)).await
            }
            _ => Ok(found),
        }
    }

    async fn create(
        &self,
        user: &NewUser,
        secrets: &UserSecrets,
        guard: Guard<'_>,
        effects: &Effects<'_>,
    ) -> Result<Created, StorageError> {
        let created = match self.create_once((user, secrets), guard, effects).await {
            Err(error) if goes_on_without(effects.audit, &error) => {
                let effects = Effects { audit: &[], ..*effects };
                self.create_once((user, secrets), guard, &effects).await
            }
            outcome => outcome,
        };
        self.enqueued.note(effects.send);
        created
    }

    async fn change(&self, id: &UserId, change: &Change<'_>) -> Result<Changed, StorageError> {
        let users = &self.sql.schema.users;
        let name = change.user.username.clone().filter(|_| users.has_usernames_as_ids);
        if name.is_some_and(|name| UserId::Text(name) != *id) {
            return Ok(Changed::NotAllowed);
        }
        let audit = change.effects.audit;
        let changed = match self.change_once(id, change).await {
            Err(error) if goes_on_without(audit, &error) => {
                let mut change = change.clone();
                change.effects.audit = &[];
                self.change_once(id, &change).await
            }
            outcome => outcome,
        };
        self.enqueued.note(change.effects.send);
        changed
    }

    async fn delete(
        &self,
        id: &UserId,
        guard: Guard<'_>,
        effects: &Effects<'_>,
    ) -> Result<Deleted, StorageError> {
        let deleted = match self.delete_once(id, guard, effects).await {
            Err(error) if goes_on_without(effects.audit, &error) => {
                let effects = Effects { audit: &[], ..*effects };
                self.delete_once(id, guard, &effects).await
            }
            outcome => outcome,
        };
        self.enqueued.note(effects.send);
        deleted
    }

    async fn list(&self, query: &UserQuery<'_>) -> Result<UserPage, StorageError> {
        let (statement, params) = list::page(&self.sql.schema, query);
        let sql = Arc::clone(&self.sql);
        let decode = move |row: &dyn Row| {
            let users = &sql.schema.users;
            (users.decode_list_name(row), users.decode(row, 0).transpose())
        };
        let rows = self.database.scan(&statement, &params, decode).await?;
        let row = |(name, user): (_, Option<Result<UserRow, StorageError>>)| {
            // A row that cannot be decoded counts: behind it there may be others.
            let user = skip_bad_rows(user.into_iter().collect())?.pop();
            Ok((name, user.map(|row| row.user)))
        };
        let rows = rows.into_iter().map(row).collect::<Result<_, StorageError>>()?;
        Ok(UserPage::of_rows(rows, query))
    }

    async fn has_admin(&self) -> Result<bool, StorageError> {
        let Some(statement) = &self.sql.has_admin else { return Ok(false) };
        // A scan, because mapped tables have no index for it.
        Ok(!self.database.scan(statement, &[], |_| ()).await?.is_empty())
    }
}
