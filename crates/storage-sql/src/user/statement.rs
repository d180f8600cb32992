//! The statements of the user store.

use std::borrow::Cow;
use std::sync::Arc;

use crossauth_core::clock::Timestamp;
use crossauth_core::storage::{StorageError, StoredUser};
use crossauth_core::user::{NewUser, UserUpdate};

use crate::column::{Field, select_list};
use crate::database::{Dialect, Row, Statement, Value};
use crate::extra::Assignments;
use crate::record::{Secrets, UserChange, UserRow, Users};
use crate::schema::Schema;

/// The statements, built once from the schema of the database.
pub(crate) struct UserSql {
    pub(crate) schema: Arc<Schema>,
    pub(crate) by_id: Statement,
    pub(crate) by_username: Statement,
    pub(crate) by_email: Option<Statement>,
    /// Locks the row of a user and finds the user.
    pub(crate) lock: Lock,
    pub(crate) has_secrets: Statement,
    /// The credential epoch of a user.
    pub(crate) epoch: Statement,
    pub(crate) raise_epoch: Option<Statement>,
    pub(crate) id_by_username: Statement,
    pub(crate) id_by_email: Option<Statement>,
    /// Locks all administrators and returns them.
    pub(crate) lock_admins: Option<Statement>,
    /// Keeps other transactions from using the same e-mail address, as a name or as an address.
    pub(crate) lock_address: Option<Statement>,
    /// Keeps other transactions from creating or appointing an administrator.
    pub(crate) lock_admin_creation: Option<Statement>,
    pub(crate) insert: Insert,
    pub(crate) insert_secrets: Insert,
    pub(crate) delete_dependents: Vec<Statement>,
    pub(crate) delete: Statement,
    pub(crate) has_admin: Option<Statement>,
}

/// How a user is found as of the lock of their row.
pub(crate) enum Lock {
    /// This statement locks the row; the next one reads it. Where an outer join cannot be locked, or
    /// what it joins would be read as of before the lock.
    First(Statement),
    /// One statement does both.
    Together(Statement),
}

impl UserSql {
    pub(crate) fn new(schema: Arc<Schema>) -> Self {
        let Schema { users, secrets, dialect, .. } = schema.as_ref();
        let (table, id) = (&users.table, users.id.quoted());
        let userid = &secrets.userid.quoted;
        let name = users.lookup_name.quoted();
        let columns = select_list(&users.selected, "u");
        let for_update = dialect.for_update();
        let by = |column: &str| {
            let secret_columns = select_list(&secrets.selected, "s");
            Statement::new(format!(
                "SELECT {columns}, {secret_columns} FROM {table} AS u \
                 LEFT JOIN {} AS s ON s.{userid} = u.{id} WHERE u.{column} = ?",
                secrets.table,
            ))
        };
        let id_by = |column: &str| {
            Statement::new(format!("SELECT {id}, {column} FROM {table} WHERE {column} = ?"))
        };
        let by_id = by(id);
        Self {
            lock: match dialect {
                // Reads what is committed when it has the lock, of both tables.
                Dialect::Mysql => {
                    Lock::Together(Statement::new(format!("{}{for_update}", by_id.as_str())))
                }
                // There is only one writer at a time.
                Dialect::Sqlite => Lock::Together(by_id.clone()),
                Dialect::Postgres => Lock::First(Statement::new(format!(
                    "SELECT 1 FROM {table} WHERE {id} = ?{for_update}"
                ))),
            },
            by_id,
            by_username: by(name),
            by_email: users.lookup_address().map(|address| by(address.quoted())),
            has_secrets: Statement::new(format!(
                "SELECT 1 FROM {} WHERE {userid} = ?",
                secrets.table
            )),
            epoch: Statement::new(format!(
                "SELECT {} FROM {table} WHERE {id} = ?",
                users.columns.credential_epoch.as_ref().map_or("NULL", Field::quoted)
            )),
            raise_epoch: raise_epoch(users),
            id_by_username: id_by(name),
            id_by_email: users.lookup_address().map(|address| id_by(address.quoted())),
            lock_admins: of_admins(&schema, &columns, &format!("ORDER BY u.{id}{for_update}")),
            lock_address: users.columns.email.as_ref().and_then(|_| dialect.advisory_lock()),
            lock_admin_creation: users.columns.admin.as_ref().and_then(|_| dialect.advisory_lock()),
            insert: Insert::new(&users.table, insert_columns(users)),
            insert_secrets: Insert::new(&secrets.table, insert_secret_columns(secrets)),
            delete_dependents: delete_dependents(&schema),
            delete: Statement::new(format!("DELETE FROM {table} WHERE {id} = ?")),
            has_admin: of_admins(&schema, "1", "LIMIT 1"),
            schema,
        }
    }

    /// Decodes a user with secrets, as selected by the look-up statements.
    pub(crate) fn decode(&self, row: &dyn Row) -> Result<Option<StoredUser>, StorageError> {
        let Schema { users, secrets, .. } = self.schema.as_ref();
        let Some(UserRow { user, epoch }) = users.decode(row, 0)? else { return Ok(None) };
        let secrets = secrets.decode(row, users.selected.len())?;
        Ok(Some(StoredUser::new(user, secrets, epoch)))
    }
}

fn raise_epoch(users: &Users) -> Option<Statement> {
    let (table, id) = (&users.table, users.id.quoted());
    let epoch = users.columns.credential_epoch.as_ref()?.quoted();
    Some(Statement::new(format!("UPDATE {table} SET {epoch} = {epoch} + 1 WHERE {id} = ?")))
}

/// Selects `columns` of the administrators.
fn of_admins(schema: &Schema, columns: &str, end: &str) -> Option<Statement> {
    let Schema { users, dialect, .. } = schema;
    let is_admin = dialect.is_true(&users.columns.admin.as_ref()?.column);
    let table = &users.table;
    Some(Statement::new(format!("SELECT {columns} FROM {table} AS u WHERE {is_admin} {end}")))
}

/// The columns that are usually written for a new user.
fn insert_columns(users: &Users) -> Vec<String> {
    let new = NewUser { created: Some(Timestamp::from_millis(0)), ..NewUser::named("") };
    let update = UserUpdate::from(&new);
    let normalization = users.normalization;
    let change = UserChange { update: &update, new: Some(&new), normalization };
    users.columns.write(&change).into_iter().map(|(column, _)| column.to_owned()).collect()
}

/// The columns that are usually written for new secrets.
fn insert_secret_columns(secrets: &Secrets) -> Vec<String> {
    vec![secrets.password.column.quoted.clone(), secrets.userid.quoted.clone()]
}

fn delete_dependents(schema: &Schema) -> Vec<Statement> {
    let Schema { secrets, keys, api_keys, dependents, .. } = schema;
    let own = [
        (secrets.table.as_str(), secrets.userid.quoted.as_str()),
        (keys.table.as_str(), keys.userid.quoted()),
    ];
    let api_keys = api_keys.iter().map(|keys| (keys.table.as_str(), keys.userid.quoted()));
    let others = dependents.iter().map(|(table, userid)| (table.as_str(), userid.as_str()));
    own.into_iter()
        .chain(api_keys)
        .chain(others)
        .map(|(table, userid)| Statement::new(format!("DELETE FROM {table} WHERE {userid} = ?")))
        .collect()
}

/// `INSERT` into a table, with a prebuilt statement for the usual columns.
pub(crate) struct Insert {
    table: String,
    columns: Vec<String>,
    statement: Statement,
}

impl Insert {
    pub(crate) fn new(table: &str, columns: Vec<String>) -> Self {
        let statement = insert(table, &columns.iter().map(String::as_str).collect::<Vec<_>>());
        Self { table: table.to_owned(), columns, statement }
    }

    /// The statement that writes these columns.
    pub(crate) fn statement(&self, assignments: &Assignments<'_>) -> Cow<'_, Statement> {
        let columns = || assignments.iter().map(|(column, _)| *column);
        if self.columns.iter().map(String::as_str).eq(columns()) {
            return Cow::Borrowed(&self.statement);
        }
        Cow::Owned(insert(&self.table, &columns().collect::<Vec<_>>()))
    }
}

pub(super) fn insert(table: &str, columns: &[&str]) -> Statement {
    let marks = vec!["?"; columns.len()].join(", ");
    Statement::new(format!("INSERT INTO {table} ({}) VALUES ({marks})", columns.join(", ")))
}

/// `UPDATE` of these columns in the row that the last parameter identifies.
pub(crate) fn update(table: &str, assignments: &Assignments<'_>, id: &str) -> Statement {
    let sets: Vec<String> = assignments.iter().map(|(column, _)| format!("{column} = ?")).collect();
    Statement::new(format!("UPDATE {table} SET {} WHERE {id} = ?", sets.join(", ")))
}

/// The parameters of [`Insert`] and [`update`].
pub(crate) fn values(assignments: Assignments<'_>) -> Vec<Value<'_>> {
    assignments.into_iter().map(|(_, value)| value).collect()
}

#[cfg(test)]
impl UserSql {
    /// The statements that find, change or delete one user, or the administrators.
    pub(crate) fn of_single_rows(&self) -> Vec<Statement> {
        let always = [
            &self.by_id,
            &self.by_username,
            match &self.lock {
                Lock::First(lock) | Lock::Together(lock) => lock,
            },
            &self.has_secrets,
            &self.epoch,
            &self.id_by_username,
            &self.delete,
        ];
        let optional = [
            &self.by_email,
            &self.raise_epoch,
            &self.id_by_email,
            &self.lock_admins,
            &self.has_admin,
        ];
        always.into_iter().chain(optional.into_iter().flatten()).cloned().collect()
    }
}
