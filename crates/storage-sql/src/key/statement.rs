//! The statements of the key store.

use std::sync::Arc;

use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::storage::StorageError;

use crate::Management;
use crate::column::{Field, select_list};
use crate::database::{Row, Statement};
use crate::record::Keys;
use crate::schema::Schema;
use crate::user::Insert;

/// The statements, built once from the schema of the database.
pub(crate) struct KeySql {
    pub(crate) schema: Arc<Schema>,
    /// The table of these statements.
    pub(crate) keys: Keys,
    /// The statements for API keys, if they have a table of their own.
    pub(crate) api_keys: Option<Box<Self>>,
    pub(crate) find: Statement,
    /// Finds a key and locks it.
    pub(crate) lock: Statement,
    pub(crate) insert: Insert,
    pub(crate) delete: Statement,
    /// Deletes a key of this owner.
    pub(crate) delete_owned: Statement,
    /// Deletes a key without owner.
    pub(crate) delete_anonymous: Statement,
    /// Deletes the keys of an owner whose value starts with a prefix, except one.
    pub(crate) revoke_owned: Statement,
    /// Deletes the keys without owner whose value starts with a prefix.
    pub(crate) revoke_anonymous: Statement,
    /// Sets the epoch of a key to the current epoch of its owner, if it is the one before.
    pub(crate) renew: Option<Statement>,
    pub(crate) set_data: Option<Statement>,
    pub(crate) list_owned: List,
    pub(crate) list_anonymous: List,
    pub(crate) touch: Option<Statement>,
    /// Finds a key that was created in a period.
    pub(crate) any_created: Statement,
    pub(crate) purge: Statement,
    /// Returns a row unless another process is purging.
    pub(crate) lock_purge: Option<Statement>,
}

impl KeySql {
    pub(crate) fn new(schema: Arc<Schema>) -> Self {
        let api_keys = schema.api_keys.clone();
        let api_keys = api_keys.map(|keys| Box::new(Self::of_table(Arc::clone(&schema), keys)));
        let keys = schema.keys.clone();
        Self { api_keys, ..Self::of_table(schema, keys) }
    }

    /// The statements for keys with values or prefixes like this one.
    pub(crate) fn of(&self, value: &str) -> &Self {
        match &self.api_keys {
            Some(api_keys) if value.starts_with(KeyPrefix::ApiKey.as_str()) => api_keys,
            _ => self,
        }
    }

    fn of_table(schema: Arc<Schema>, table_of: Keys) -> Self {
        let keys = &table_of;
        let (table, value, userid) = (&keys.table, &keys.value.quoted, keys.userid.quoted());
        let expires = schema.comparable_time(&keys.expires, keys.expires.quoted());
        let created = schema.comparable_time(&keys.created, keys.created.quoted());
        let columns = select_list(&keys.selected, "k");
        let find = format!("SELECT {columns} FROM {table} AS k WHERE k.{value} = ?");
        // Not `LIKE`: prefixes may contain wildcards.
        let prefixed = format!("{} = ?", schema.dialect.exact(&format!("substr({value}, 1, ?)")));
        let exact_value = schema.dialect.exact(value);
        let (owned, anonymous) = (format!("{userid} = ?"), format!("{userid} IS NULL"));
        let of_kind = anonymous_of_kind(&schema, keys);
        Self {
            lock: Statement::new(format!("{find}{}", schema.dialect.for_update())),
            find: Statement::new(find),
            insert: Insert::new(table, insert_columns(keys)),
            delete: Statement::new(format!("DELETE FROM {table} WHERE {value} = ?")),
            delete_owned: Statement::new(format!(
                "DELETE FROM {table} WHERE {value} = ? AND {owned}"
            )),
            delete_anonymous: Statement::new(format!(
                "DELETE FROM {table} WHERE {value} = ? AND {anonymous}"
            )),
            revoke_owned: Statement::new(format!(
                "DELETE FROM {table} WHERE {owned} AND {prefixed} AND (? OR {exact_value} <> ?)"
            )),
            revoke_anonymous: Statement::new(format!("DELETE FROM {table} WHERE {of_kind}")),
            renew: renew(&schema, keys),
            set_data: keys.data.as_ref().map(|data| {
                let data = data.quoted();
                Statement::new(format!("UPDATE {table} SET {data} = ? WHERE {value} = ?"))
            }),
            list_owned: List::new(&schema, keys, &format!("{owned} AND {prefixed}")),
            list_anonymous: List::new(&schema, keys, &of_kind),
            touch: touch(&schema, keys),
            any_created: Statement::new(format!(
                "SELECT 1 FROM {table} WHERE {created} >= ? AND {created} < ? LIMIT 1"
            )),
            purge: schema.dialect.delete_chosen(
                table,
                value,
                &format!("SELECT {value} FROM {table} WHERE {expires} < ? LIMIT ?"),
            ),
            lock_purge: schema.dialect.try_lock_purge(),
            api_keys: None,
            keys: table_of,
            schema,
        }
    }

    /// A key from a row that begins with its value.
    pub(crate) fn decode(&self, row: &dyn Row) -> Result<Key, StorageError> {
        let value = row.value(0)?.into_text().map_err(StorageError::bad_row)?;
        let value = value.ok_or_else(|| StorageError::bad_row("a key has no value"))?;
        let key = self.keys.decode(&value, row, 1)?;
        key.ok_or_else(|| StorageError::bug("a key has two values"))
    }
}

/// A paginated list.
pub(crate) struct List {
    pub(crate) first: Statement,
    /// The page after a key, given by its time of creation and its value.
    pub(crate) after: Statement,
}

impl List {
    fn new(schema: &Schema, keys: &Keys, condition: &str) -> Self {
        let (table, value) = (&keys.table, &keys.value.quoted);
        let columns = select_list(&keys.selected, "k");
        let created = |row: &str| {
            schema.comparable_time(&keys.created, &format!("{row}.{}", keys.created.quoted()))
        };
        let (order, previous) = (created("k"), created("previous"));
        // Stored times may be more precise than decoded ones, so that of the last key is read from
        // the database if the key still exists.
        let after = format!(
            "AND ({order}, k.{value}) < \
             (COALESCE((SELECT {previous} FROM {table} AS previous WHERE previous.{value} = ?), ?), ?)"
        );
        let page = |after: &str| {
            Statement::new(format!(
                "SELECT k.{value}, {columns} FROM {table} AS k \
                 WHERE {condition} {after} \
                 ORDER BY {order} DESC, k.{value} DESC LIMIT ?"
            ))
        };
        Self { first: page(""), after: page(&after) }
    }
}

/// The condition for keys without owner of a kind. Our own tables use a range of the primary key,
/// because most keys may have no owner. Mapped tables may have a collation of a language.
fn anonymous_of_kind(schema: &Schema, keys: &Keys) -> String {
    let (value, userid) = (&keys.value.quoted, keys.userid.quoted());
    match schema.management {
        Management::Managed => {
            let userid = schema.dialect.without_index(userid);
            format!("{value} >= ? AND {value} < ? AND {userid} IS NULL")
        }
        Management::External => {
            let prefix = schema.dialect.exact(&format!("substr({value}, 1, ?)"));
            format!("{prefix} = ? AND {userid} IS NULL")
        }
    }
}

fn touch(schema: &Schema, keys: &Keys) -> Option<Statement> {
    let (table, value) = (&keys.table, &keys.value.quoted);
    let field = keys.lastactive.as_ref()?;
    let lastactive = field.quoted();
    let recorded = schema.comparable_time(field, lastactive);
    Some(Statement::new(format!(
        "UPDATE {table} SET {lastactive} = ? \
         WHERE {value} = ? \
         AND ({lastactive} IS NULL OR {recorded} < ? OR {recorded} > ?)"
    )))
}

fn renew(schema: &Schema, keys: &Keys) -> Option<Statement> {
    let users = &schema.users;
    let (epoch, credential_epoch) =
        keys.epoch.as_ref().zip(users.columns.credential_epoch.as_ref())?;
    Some(Statement::new(format!(
        "UPDATE {table} SET {epoch} = {epoch} + 1 WHERE {value} = ? AND {userid} = ? \
         AND {epoch} = (SELECT {credential_epoch} - 1 FROM {users} WHERE {id} = ?)",
        table = keys.table,
        epoch = epoch.quoted(),
        value = keys.value.quoted,
        userid = keys.userid.quoted(),
        credential_epoch = credential_epoch.quoted(),
        users = users.table,
        id = users.id.quoted(),
    )))
}

/// The columns that are usually written for a new key.
fn insert_columns(keys: &Keys) -> Vec<String> {
    let fields = [
        Some(&keys.userid),
        Some(&keys.created),
        Some(&keys.expires),
        keys.lastactive.as_ref(),
        keys.data.as_ref(),
        keys.epoch.as_ref(),
    ];
    let columns = fields.into_iter().flatten().map(Field::quoted);
    std::iter::once(keys.value.quoted.as_str()).chain(columns).map(str::to_owned).collect()
}

#[cfg(test)]
impl KeySql {
    /// Every statement except the inserts, and the one that runs once at the start of a process.
    pub(crate) fn all(&self) -> Vec<Statement> {
        let always = [
            &self.find,
            &self.lock,
            &self.delete,
            &self.delete_owned,
            &self.delete_anonymous,
            &self.revoke_owned,
            &self.revoke_anonymous,
            &self.list_owned.first,
            &self.list_owned.after,
            &self.list_anonymous.first,
            &self.list_anonymous.after,
            &self.purge,
        ];
        let optional = [&self.renew, &self.set_data, &self.touch];
        always.into_iter().chain(optional.into_iter().flatten()).cloned().collect()
    }
}
