//! The statements of the user store.

use std::sync::Arc;

use crate::database::{Statement, Value};
use crate::schema::{Schema, Secrets, Users};

/// Built once, from the tables as they are.
pub(crate) struct UserSql {
    pub(crate) schema: Arc<Schema>,
    pub(crate) by_id: Statement,
    pub(crate) by_username: Statement,
    pub(crate) by_email: Option<Statement>,
    /// Finds whether a user is there and keeps others from changing them.
    pub(crate) lock: Statement,
    pub(crate) has_secrets: Statement,
    pub(crate) replace_password: Statement,
    pub(crate) delete_dependents: Vec<Statement>,
    pub(crate) delete: Statement,
    pub(crate) list: Statement,
    pub(crate) list_after: Statement,
    pub(crate) has_admin: Option<Statement>,
}

impl UserSql {
    pub(crate) fn new(schema: Arc<Schema>) -> Self {
        let Schema { users, secrets, dialect, .. } = schema.as_ref();
        let Users { table, id, .. } = users;
        let name = users.lookup_name();
        let by = |column: &str| {
            let columns = users.columns("u").join(", ");
            Statement::new(format!(
                "SELECT {}, {columns} FROM {table} AS u LEFT JOIN {} AS s ON s.{} = u.{id} \
                 WHERE u.{column} = ?",
                secrets.columns("s"),
                secrets.table,
                secrets.userid
            ))
        };
        let list = |condition: &str| {
            let columns = users.columns("u").join(", ");
            Statement::new(format!(
                "SELECT {columns} FROM {table} AS u {condition} ORDER BY u.{name} LIMIT ?"
            ))
        };
        Self {
            by_id: by(id),
            by_username: by(name),
            by_email: users.lookup_address().map(by),
            lock: Statement::new(format!(
                "SELECT 1 FROM {table} WHERE {id} = ?{}",
                dialect.for_update()
            )),
            has_secrets: Statement::new(format!(
                "SELECT 1 FROM {} WHERE {} = ?",
                secrets.table, secrets.userid
            )),
            replace_password: Statement::new(format!(
                "UPDATE {} SET {password} = ? WHERE {} = ? AND {password} = ?",
                secrets.table,
                secrets.userid,
                password = secrets.password.quoted
            )),
            delete_dependents: delete_dependents(&schema),
            delete: Statement::new(format!("DELETE FROM {table} WHERE {id} = ?")),
            list: list(""),
            list_after: list(&format!("WHERE u.{name} > ?")),
            has_admin: users.admin.as_ref().map(|admin| {
                Statement::new(format!("SELECT 1 FROM {table} WHERE {admin} = ? LIMIT 1"))
            }),
            schema,
        }
    }
}

fn delete_dependents(schema: &Schema) -> Vec<Statement> {
    let Schema { secrets, keys, dependents, .. } = schema;
    let own = [(&secrets.table, &secrets.userid), (&keys.table, &keys.userid)];
    let others = dependents.iter().map(|(table, userid)| (table, userid));
    own.into_iter()
        .chain(others)
        .map(|(table, userid)| Statement::new(format!("DELETE FROM {table} WHERE {userid} = ?")))
        .collect()
}

impl Users {
    /// What to select for [`Users::decode`]; missing columns are null.
    pub(crate) fn columns(&self, alias: &str) -> Vec<String> {
        let username_normalized = self.lookup_name();
        let known = [
            Some(self.id.as_str()),
            Some(self.username.as_str()),
            Some(username_normalized),
            self.email.as_deref(),
            self.lookup_address(),
            Some(self.state.as_str()),
            Some(self.factor1.as_str()),
            self.factor2.as_deref(),
            self.admin.as_deref(),
        ];
        known
            .into_iter()
            .map(|column| column.map_or("NULL".into(), |column| format!("{alias}.{column}")))
            .chain(self.extra.columns().into_iter().map(|column| format!("{alias}.{column}")))
            .collect()
    }

    /// The column by which names are looked up.
    fn lookup_name(&self) -> &str {
        self.username_normalized.as_deref().unwrap_or(&self.username)
    }

    /// The column by which addresses are looked up.
    fn lookup_address(&self) -> Option<&str> {
        self.email.as_deref().map(|email| self.email_normalized.as_deref().unwrap_or(email))
    }
}

impl Secrets {
    fn columns(&self, alias: &str) -> String {
        let password = &self.password.quoted;
        match &self.totpsecret {
            Some(totpsecret) => format!("{alias}.{password}, {alias}.{}", totpsecret.quoted),
            None => format!("{alias}.{password}, NULL"),
        }
    }
}

impl Schema {
    /// The form in which a username is looked up.
    pub(crate) fn lookup_username(&self, username: &str) -> String {
        match self.users.username_normalized {
            Some(_) => self.normalization.apply(username),
            None => username.to_owned(),
        }
    }

    /// The form in which an address is looked up.
    pub(crate) fn lookup_email(&self, email: &str) -> String {
        match self.users.email_normalized {
            Some(_) => self.normalization.apply(email),
            None => email.to_owned(),
        }
    }
}

/// `INSERT` of these columns.
pub(crate) fn insert(table: &str, written: &[(String, Value)]) -> Statement {
    let columns: Vec<&str> = written.iter().map(|(column, _)| column.as_str()).collect();
    let marks = vec!["?"; columns.len()].join(", ");
    Statement::new(format!("INSERT INTO {table} ({}) VALUES ({marks})", columns.join(", ")))
}

/// `UPDATE` of these columns in the row that the last parameter identifies.
pub(crate) fn update(table: &str, written: &[(String, Value)], id: &str) -> Statement {
    let sets: Vec<String> = written.iter().map(|(column, _)| format!("{column} = ?")).collect();
    Statement::new(format!("UPDATE {table} SET {} WHERE {id} = ?", sets.join(", ")))
}

/// The parameters that go with [`insert`] and [`update`].
pub(crate) fn values(written: Vec<(String, Value)>) -> Vec<Value> {
    written.into_iter().map(|(_, value)| value).collect()
}
