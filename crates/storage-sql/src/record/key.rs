//! Keys.

use crossauth_core::clock::Timestamp;
use crossauth_core::key::{DataChange, Key, KeyData, KeyPrefix, NAME_FIELD, PERMANENT};
use crossauth_core::storage::StorageError;
use serde_json::{Map, Value as Json};

use super::{Cells, Problem};
use crate::column::{Column, Field, Selected, Table, UNTIL_2038};
use crate::database::Row;
use crate::extra::Extra;
use crate::time_encoding::Times;
use crate::{KeyTable, Management, OpenError, TableMap};

/// The field of a key's data with its name, if the table has no column for it.
const OWN_FIELD: &str = "crossauth";

/// 2038-01-19, when the type [`UNTIL_2038`] ends.
const END_OF_TIMESTAMPS: Timestamp = Timestamp::from_secs(i32::MAX as i64);

/// The keys' table.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// Quoted name.
    pub(crate) table: String,
    /// Not an application field; for reports only.
    pub(crate) id: Option<Column>,
    /// Not selected: a look-up by value already has it.
    pub(crate) value: Column,
    /// The value as stored, in mapped tables, where the database may not compare it exactly.
    stored_value: Option<Field>,
    pub(crate) userid: Field,
    pub(crate) created: Field,
    pub(crate) expires: Field,
    pub(crate) lastactive: Option<Field>,
    pub(crate) data: Option<Field>,
    pub(crate) epoch: Option<Field>,
    pub(crate) extra: Extra,
    /// Whether the name of an API key is in its data, because there is no column for it.
    has_name_in_data: bool,
    pub(crate) times: Times,
    /// What to select for [`decode`](Self::decode).
    pub(crate) selected: Vec<Selected>,
}

impl Keys {
    pub(crate) fn new(
        mut table: Table,
        names: &KeyTable,
        map: &TableMap,
        extra: impl FnOnce(&mut Table) -> Result<Extra, OpenError>,
    ) -> Result<Self, OpenError> {
        let mut keys = Self {
            id: table.take_optional(&names.id)?,
            has_name_in_data: false,
            table: table.quoted.clone(),
            stored_value: match map.management {
                Management::Managed => None,
                Management::External => Some(table.select_shared(&names.value)?),
            },
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
        };
        keys.has_name_in_data = match &keys.extra {
            Extra::Json(_) => false,
            Extra::Columns { .. } => !keys.extra.column_names().contains(&NAME_FIELD),
        };
        Ok(keys)
    }

    /// The key with its name moved to its data; `None` if it is written as it is.
    pub(crate) fn with_name_in_data(&self, key: &Key) -> Result<Option<Key>, StorageError> {
        if !self.has_name_in_data || !key.extra.contains_key(NAME_FIELD) {
            return Ok(None);
        }
        let mut moved = key.clone();
        let name = moved.extra.remove(NAME_FIELD).unwrap_or_default();
        let own = Json::Object(Map::from_iter([(NAME_FIELD.to_owned(), name)]));
        let changed = moved.data.changed(&[DataChange::set(OWN_FIELD, own)]);
        moved.data = changed.map_err(StorageError::corrupt)?;
        Ok(Some(moved))
    }

    /// The expiry to write: a time long from now for a key that never expires, if the column cannot
    /// be null. Not later than its type allows.
    pub(crate) fn expiry(&self, key: &Key) -> Option<Timestamp> {
        let is_required = self.expires.column.not_null;
        let latest = match self.expires.column.sql_type.as_str() {
            UNTIL_2038 => END_OF_TIMESTAMPS.min(key.created + PERMANENT),
            _ => key.created + PERMANENT,
        };
        key.expires.or_else(|| is_required.then_some(latest))
    }

    /// Moves the name of an API key from its data to its field.
    fn restore_name(&self, key: &mut Key) {
        if !self.has_name_in_data || !key.value.starts_with(KeyPrefix::ApiKey.as_str()) {
            return;
        }
        let Ok(mut data) = key.data.object() else { return };
        let Some(Json::Object(mut own)) = data.remove(OWN_FIELD) else { return };
        if let Some(name) = own.remove(NAME_FIELD) {
            key.extra.insert(NAME_FIELD.to_owned(), name);
            key.data = KeyData::from_object(&data);
        }
    }

    /// Decodes the key with this value; its columns start at index `before`. `None` if the database
    /// has found one with another value, which its collation takes for the same.
    pub(crate) fn decode(
        &self,
        value: &str,
        row: &dyn Row,
        before: usize,
    ) -> Result<Option<Key>, StorageError> {
        let cells = Cells::new(row, before);
        let decode = || {
            if let Some(field) = &self.stored_value
                && cells.text(field)? != value
            {
                return Ok(None);
            }
            self.decode_fields(value, cells).map(Some)
        };
        decode().map_err(|problem: Problem| problem.of_row(&self.table, value))
    }

    /// As [`decode`](Self::decode). The reason that a key cannot be decoded does not contain its
    /// value.
    pub(crate) fn decode_or_reason(
        &self,
        value: &str,
        row: &dyn Row,
        before: usize,
    ) -> Result<Key, String> {
        self.decode_fields(value, Cells::new(row, before)).map_err(|problem| problem.reason())
    }

    fn decode_fields(&self, value: &str, cells: Cells<'_>) -> Result<Key, Problem> {
        let created = cells.time(&self.created, &self.times)?;
        let userid = cells.user_id(&self.userid)?;
        let mut key = Key {
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
        };
        self.restore_name(&mut key);
        Ok(key)
    }
}
