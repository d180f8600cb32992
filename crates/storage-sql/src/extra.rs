//! Application fields: each in its own column, or all in one JSON column.

use crossauth_core::storage::StorageError;
use serde_json::{Map, Number, Value as Json};

use crate::column::{Column, Field};
use crate::database::Value;
use crate::record::{Cells, Problem};

/// Quoted columns and the values to write to them.
pub(crate) type Assignments<'v> = Vec<(&'v str, Value<'v>)>;

/// Where a table stores application fields.
#[derive(Debug, Clone)]
pub(crate) enum Extra {
    /// As a JSON object in this column; null if there are none.
    Json(Field),
    /// Each in its own column.
    Columns {
        /// Those of the record's table.
        own: Vec<Field>,
        /// Those of other tables.
        joined: Vec<Joined>,
    },
}

/// A table whose columns are further fields of a record.
#[derive(Debug, Clone)]
pub(crate) struct Joined {
    /// Its quoted name.
    pub(crate) table: String,
    /// Its quoted column with the id of the record.
    pub(crate) reference: String,
    pub(crate) fields: Vec<Field>,
}

impl Extra {
    /// The fields in a row; those that are null are left out.
    pub(crate) fn decode(&self, cells: Cells<'_>) -> Result<Map<String, Json>, Problem> {
        match self {
            Self::Json(field) => match cells.optional_text(field)? {
                Some(text) => serde_json::from_str(&text)
                    .map_err(|_| Problem::column(field, "is not a JSON object")),
                None => Ok(Map::new()),
            },
            Self::Columns { own, joined } => {
                let mut extra = Map::new();
                for field in own.iter().chain(joined.iter().flat_map(|joined| &joined.fields)) {
                    // A value that JSON cannot represent is left out: it must not make the row
                    // unreadable.
                    let value = cells.get(field).unwrap_or(Value::Null);
                    let value = to_json(&field.column, value);
                    extra.extend(value.map(|value| (field.column.name.clone(), value)));
                }
                Ok(extra)
            }
        }
    }

    /// Names of the columns whose values in this row [`decode`](Self::decode) leaves out or changes:
    /// JSON cannot represent them.
    pub(crate) fn unrepresentable(&self, cells: Cells<'_>) -> Vec<String> {
        let Self::Columns { own, joined } = self else { return Vec::new() };
        let fields = own.iter().chain(joined.iter().flat_map(|joined| &joined.fields));
        let is_lost = |field: &&Field| match cells.get(field) {
            Err(_) => true,
            Ok(Value::Bytes(bytes)) => std::str::from_utf8(&bytes).is_err(),
            Ok(Value::Real(real)) => !real.is_finite(),
            Ok(_) => false,
        };
        fields.filter(is_lost).map(|field| field.column.name.clone()).collect()
    }

    /// Names of the application's own columns.
    pub(crate) fn column_names(&self) -> Vec<&str> {
        match self {
            Self::Json(_) => Vec::new(),
            Self::Columns { own, joined } => {
                let fields = own.iter().chain(joined.iter().flat_map(|joined| &joined.fields));
                fields.map(|field| field.column.name.as_str()).collect()
            }
        }
    }

    /// The columns of the record's table to write, and their values, to apply `changes` to the `stored` fields.
    pub(crate) fn encode<'s, 'v>(
        &'s self,
        stored: &Map<String, Json>,
        changes: &'v Map<String, Json>,
    ) -> Result<Vec<(&'s str, Value<'v>)>, StorageError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        match self {
            Self::Json(field) => Ok(vec![(field.quoted(), merged(stored, changes))]),
            Self::Columns { own, joined } => {
                let is_joined =
                    |name| joined.iter().any(|joined| find(&joined.fields, name).is_some());
                let unknown =
                    changes.keys().find(|name| find(own, name).is_none() && !is_joined(name));
                if let Some(name) = unknown {
                    let problem = format!("there is no column for the field {name:?}");
                    return Err(StorageError::corrupt(problem));
                }
                Ok(assignments(own, changes))
            }
        }
    }

    /// The columns of other tables to write, and their values; at least one of each table.
    pub(crate) fn encode_joined<'s, 'v>(
        &'s self,
        changes: &'v Map<String, Json>,
    ) -> Vec<(&'s Joined, Assignments<'s>)>
    where
        'v: 's,
    {
        let joined = match self {
            Self::Json(_) => &[],
            Self::Columns { joined, .. } => joined.as_slice(),
        };
        let written = joined.iter().map(|joined| (joined, assignments(&joined.fields, changes)));
        written.filter(|(_, assignments)| !assignments.is_empty()).collect()
    }
}

fn find<'a>(fields: &'a [Field], name: &str) -> Option<&'a Field> {
    fields.iter().find(|field| field.column.name == name)
}

fn assignments<'s, 'v>(
    fields: &'s [Field],
    changes: &'v Map<String, Json>,
) -> Vec<(&'s str, Value<'v>)> {
    let written = |(name, value)| Some((find(fields, name)?.quoted(), from_json(value)));
    changes.iter().filter_map(|(name, value): (&String, &Json)| written((name, value))).collect()
}

fn merged(stored: &Map<String, Json>, changes: &Map<String, Json>) -> Value<'static> {
    let mut fields = stored.clone();
    fields.extend(changes.iter().map(|(name, value)| (name.clone(), value.clone())));
    fields.retain(|_, value| !value.is_null());
    if fields.is_empty() { Value::Null } else { Value::text(Json::Object(fields).to_string()) }
}

fn from_json(value: &Json) -> Value<'_> {
    match value {
        Json::Null => Value::Null,
        Json::Bool(boolean) => Value::Bool(*boolean),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Value::Integer(integer),
            (None, real) => real.map_or(Value::Null, Value::Real),
        },
        Json::String(text) => Value::text(text),
        Json::Array(_) | Json::Object(_) => Value::text(value.to_string()),
    }
}

fn to_json(column: &Column, value: Value<'_>) -> Option<Json> {
    match value {
        Value::Null => None,
        Value::Bool(boolean) => Some(Json::Bool(boolean)),
        Value::Integer(integer) if column.is_boolean() => Some(Json::Bool(integer != 0)),
        Value::Integer(integer) => Some(Json::Number(integer.into())),
        Value::Real(real) => Number::from_f64(real).map(Json::Number),
        Value::Text(text) if column.is_read_as_json => {
            serde_json::from_str(&text).ok().filter(|value: &Json| !value.is_null())
        }
        Value::Text(text) => Some(Json::String(text.into_owned())),
        Value::Bytes(bytes) => Some(Json::String(String::from_utf8_lossy(&bytes).into_owned())),
        Value::Time(time) => jiff::Timestamp::from_millisecond(time.as_millis())
            .ok()
            .map(|time| Json::String(time.to_string())),
    }
}
