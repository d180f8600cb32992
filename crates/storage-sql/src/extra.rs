//! Application fields: in columns of their own, or together in one as JSON.

use std::vec::IntoIter;

use crossauth_core::storage::StorageError;
use serde_json::{Map, Number, Value as Json};

use crate::database::Value;
use crate::schema::Column;

/// Where a table keeps application fields.
#[derive(Debug, Clone)]
pub(crate) enum Extra {
    /// As a JSON object in this column (its name in quotes), null for none.
    Json(String),
    /// Each in a column of its own.
    Columns(Vec<Column>),
}

impl Extra {
    /// The columns to select, in the order [`decode`](Self::decode) takes them.
    pub(crate) fn columns(&self) -> Vec<String> {
        match self {
            Self::Json(column) => vec![column.clone()],
            Self::Columns(columns) => columns.iter().map(|column| column.quoted.clone()).collect(),
        }
    }

    /// The fields in a row; those that are null are left out.
    pub(crate) fn decode(
        &self,
        cells: &mut IntoIter<Value>,
    ) -> Result<Map<String, Json>, StorageError> {
        match self {
            Self::Json(_) => match cells.next() {
                Some(Value::Text(text)) => serde_json::from_str(&text)
                    .map_err(|_| StorageError::corrupt("application fields are no JSON object")),
                _ => Ok(Map::new()),
            },
            Self::Columns(columns) => Ok(columns
                .iter()
                .zip(cells)
                .filter_map(|(column, cell)| Some((column.name.clone(), to_json(column, cell)?)))
                .collect()),
        }
    }

    /// What to write to which columns, so that `stored` becomes what `changes` make of it.
    pub(crate) fn encode(
        &self,
        stored: &Map<String, Json>,
        changes: &Map<String, Json>,
    ) -> Result<Vec<(String, Value)>, StorageError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        match self {
            Self::Json(column) => Ok(vec![(column.clone(), merged(stored, changes))]),
            Self::Columns(columns) => changes
                .iter()
                .map(|(name, value)| Ok((find(columns, name)?.quoted.clone(), from_json(value))))
                .collect(),
        }
    }

    /// Conditions that choose rows by their fields, or `None` where SQL cannot tell.
    pub(crate) fn conditions(
        &self,
        fields: &Map<String, Json>,
    ) -> Result<Option<Vec<(String, Value)>>, StorageError> {
        match self {
            Self::Json(_) if !fields.is_empty() => Ok(None),
            Self::Json(_) | Self::Columns(_) => self.encode(&Map::new(), fields).map(Some),
        }
    }
}

fn find<'a>(columns: &'a [Column], name: &str) -> Result<&'a Column, StorageError> {
    columns
        .iter()
        .find(|column| column.name == name)
        .ok_or_else(|| StorageError::corrupt(format!("there is no column for the field {name:?}")))
}

fn merged(stored: &Map<String, Json>, changes: &Map<String, Json>) -> Value {
    let mut fields = stored.clone();
    fields.extend(changes.iter().map(|(name, value)| (name.clone(), value.clone())));
    fields.retain(|_, value| !value.is_null());
    if fields.is_empty() { Value::Null } else { Value::Text(Json::Object(fields).to_string()) }
}

fn from_json(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::from(*truth),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Value::Integer(integer),
            (None, real) => real.map_or(Value::Null, Value::Real),
        },
        Json::String(text) => Value::text(text),
        Json::Array(_) | Json::Object(_) => Value::Text(value.to_string()),
    }
}

fn to_json(column: &Column, value: Value) -> Option<Json> {
    match value {
        Value::Null => None,
        Value::Integer(integer) if column.is_boolean() => Some(Json::Bool(integer != 0)),
        Value::Integer(integer) => Some(Json::Number(integer.into())),
        Value::Real(real) => Number::from_f64(real).map(Json::Number),
        Value::Text(text) => Some(Json::String(text)),
    }
}
