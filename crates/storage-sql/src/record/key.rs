//! Keys.

use crossauth_core::key::{Key, KeyData};
use crossauth_core::storage::StorageError;

use super::{Cells, Problem};
use crate::column::{Column, Field, Table};
use crate::database::Row;
use crate::extra::Extra;
use crate::time_encoding::Times;
use crate::{OpenError, TableMap};

/// The keys' table.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// Quoted name.
    pub(crate) table: String,
    /// Not selected: a look-up by value already has it.
    pub(crate) value: Column,
    pub(crate) userid: Field,
    pub(crate) created: Field,
    pub(crate) expires: Field,
    pub(crate) lastactive: Option<Field>,
    pub(crate) data: Option<Field>,
    pub(crate) epoch: Option<Field>,
    pub(crate) extra: Extra,
    pub(crate) times: Times,
    /// What to select for [`decode`](Self::decode).
    pub(crate) selected: Vec<String>,
}

impl Keys {
    pub(crate) fn new(
        mut table: Table,
        map: &TableMap,
        extra: impl FnOnce(&mut Table) -> Result<Extra, OpenError>,
    ) -> Result<Self, OpenError> {
        let names = &map.keys;
        // Never read, but not an application field either.
        table.take_optional(&names.id)?;
        Ok(Self {
            table: table.quoted.clone(),
            value: table.take(&names.value)?,
            userid: table.select(&names.userid)?,
            created: table.select(&names.created)?,
            expires: table.select(&names.expires)?,
            lastactive: table.select_optional(&names.lastactive)?,
            data: table.select_optional(&names.data)?,
            epoch: table.select_optional(&names.epoch)?,
            extra: extra(&mut table)?,
            times: Times::new(map.times, map.time_zone.as_deref())?,
            selected: table.into_selected(),
        })
    }

    /// Decodes the key with this value; its other columns start at index `before`.
    pub(crate) fn decode(
        &self,
        value: &str,
        row: &dyn Row,
        before: usize,
    ) -> Result<Key, StorageError> {
        self.decode_fields(value, Cells::new(row, before))
            .map_err(|problem| problem.of_row(&self.table, value))
    }

    fn decode_fields(&self, value: &str, cells: Cells<'_>) -> Result<Key, Problem> {
        let created = cells.time(&self.created, &self.times)?;
        let userid = cells.user_id(&self.userid)?;
        Ok(Key {
            value: value.to_owned(),
            epoch: match userid {
                Some(_) => cells.epoch(self.epoch.as_ref())?,
                None => None,
            },
            userid,
            created: created.ok_or_else(|| Problem::column(&self.created, "is null"))?,
            expires: cells.time(&self.expires, &self.times)?,
            lastactive: match &self.lastactive {
                Some(field) => cells.time(field, &self.times)?,
                None => None,
            },
            data: KeyData::from_text(cells.text_or_empty(self.data.as_ref())?),
            extra: self.extra.decode(cells)?,
        })
    }
}
