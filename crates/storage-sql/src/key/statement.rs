//! The statements of the key store.

use std::sync::Arc;

use crossauth_core::key::Key;
use crossauth_core::storage::StorageError;

use crate::database::{Row, Statement};
use crate::schema::{Keys, Schema};

/// Most keys that a list shows.
const MAX_LISTED: u32 = 1000;

/// Built once, from the tables as they are.
pub(crate) struct KeySql {
    pub(crate) schema: Arc<Schema>,
    pub(crate) find: Statement,
    /// Finds a key and keeps others from changing it.
    pub(crate) lock: Statement,
    pub(crate) delete: Statement,
    pub(crate) delete_owned: Statement,
    pub(crate) delete_anonymous: Statement,
    /// Deletes those of an owner whose value starts with a prefix.
    pub(crate) delete_prefixed: Statement,
    pub(crate) list_owned: Statement,
    pub(crate) list_anonymous: Statement,
    pub(crate) touch: Option<Statement>,
    pub(crate) purge: Statement,
}

impl KeySql {
    pub(crate) fn new(schema: Arc<Schema>) -> Self {
        let keys = &schema.keys;
        let Keys { table, value, userid, created, expires, .. } = keys;
        let columns = keys.columns("k").join(", ");
        let find = format!("SELECT {columns} FROM {table} AS k WHERE k.{value} = ?");
        // A comparison of text, not a pattern: prefixes may hold wildcards.
        let prefixed = format!("substr({value}, 1, ?) = ?");
        let delete = |owner: &str| {
            Statement::new(format!(
                "DELETE FROM {table} WHERE {owner} AND {prefixed} AND (? = 1 OR {value} <> ?)"
            ))
        };
        let list = |owner: &str| {
            Statement::new(format!(
                "SELECT {columns} FROM {table} AS k WHERE k.{owner} \
                 ORDER BY k.{created} DESC, k.{value} LIMIT {MAX_LISTED}"
            ))
        };
        let (owned, anonymous) = (format!("{userid} = ?"), format!("{userid} IS NULL"));
        Self {
            lock: Statement::new(format!("{find}{}", schema.dialect.for_update())),
            find: Statement::new(find),
            delete: Statement::new(format!("DELETE FROM {table} WHERE {value} = ?")),
            delete_owned: delete(&owned),
            delete_anonymous: delete(&anonymous),
            delete_prefixed: Statement::new(format!(
                "DELETE FROM {table} WHERE {owned} AND {prefixed}"
            )),
            list_owned: list(&owned),
            list_anonymous: list(&anonymous),
            touch: keys.lastactive.as_ref().map(|lastactive| {
                Statement::new(format!(
                    "UPDATE {table} SET {lastactive} = ? \
                     WHERE {value} = ? AND ({lastactive} IS NULL OR {lastactive} < ?)"
                ))
            }),
            // MySQL limits no subquery but one within another.
            purge: Statement::new(format!(
                "DELETE FROM {table} WHERE {value} IN (SELECT {value} FROM \
                 (SELECT {value} FROM {table} WHERE {expires} < ? LIMIT ?) AS expired)"
            )),
            schema,
        }
    }

    pub(crate) fn decode(&self, row: Row) -> Result<Key, StorageError> {
        self.schema.keys.decode(&mut row.into_iter())
    }
}

impl Keys {
    /// What to select for [`Keys::decode`]; missing columns are null.
    pub(crate) fn columns(&self, alias: &str) -> Vec<String> {
        let known = [
            Some(&self.value),
            Some(&self.userid),
            Some(&self.created),
            Some(&self.expires),
            self.lastactive.as_ref(),
            self.data.as_ref(),
        ];
        known
            .into_iter()
            .map(|column| column.map_or("NULL".into(), |column| format!("{alias}.{column}")))
            .chain(self.extra.columns().into_iter().map(|column| format!("{alias}.{column}")))
            .collect()
    }
}
