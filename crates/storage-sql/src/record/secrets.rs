//! The users' secrets.

use crossauth_core::storage::StorageError;
use crossauth_core::user::UserSecrets;

use super::{Cells, Problem};
use crate::column::{Column, Field, Selected, Table};
use crate::database::Row;
use crate::{OpenError, TableMap};

/// The secrets' table.
#[derive(Debug, Clone)]
pub(crate) struct Secrets {
    /// Quoted name.
    pub(crate) table: String,
    pub(crate) userid: Column,
    pub(crate) password: Field,
    pub(crate) totpsecret: Option<Field>,
    /// What to select for [`decode`](Self::decode).
    pub(crate) selected: Vec<Selected>,
}

impl Secrets {
    pub(crate) fn new(mut table: Table, map: &TableMap) -> Result<Self, OpenError> {
        let names = &map.secrets;
        Ok(Self {
            table: table.quoted.clone(),
            userid: table.take(&names.userid)?,
            password: table.select(&names.password)?,
            totpsecret: table.select_optional(&names.totpsecret)?,
            selected: table.into_selected(),
        })
    }

    /// Decodes the secrets whose columns start at index `before`.
    pub(crate) fn decode(&self, row: &dyn Row, before: usize) -> Result<UserSecrets, StorageError> {
        let cells = Cells::new(row, before);
        // Upstream stores empty text for "none".
        let secret = |field: Option<&Field>| {
            let secret = cells.text_or_empty(field)?;
            Ok::<_, Problem>((!secret.is_empty()).then(|| secret.into_owned()))
        };
        let decode = || {
            Ok(UserSecrets {
                password: secret(Some(&self.password))?,
                totpsecret: secret(self.totpsecret.as_ref())?,
            })
        };
        decode().map_err(|problem: Problem| problem.of_row(&self.table, "?"))
    }
}
