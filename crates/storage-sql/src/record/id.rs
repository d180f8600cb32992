//! User ids.

use crossauth_core::storage::StorageError;
use crossauth_core::user::UserId;

use crate::column::Column;
use crate::database::Value;
use crate::uuid;

/// The type of user ids in this database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdKind {
    Integer,
    Text,
    /// UUIDs in a column of type `uuid`, as text in Rust.
    Uuid,
    /// UUIDs stored as 16 bytes, as text in Rust.
    UuidBytes,
}

impl IdKind {
    /// The kind that a column is declared as. In a database without strict types, stored ids may
    /// differ.
    pub(super) fn of(column: &Column) -> Self {
        if column.sql_type == "uuid" {
            return Self::Uuid;
        }
        // Of MySQL; the others have no type with a length in bytes.
        if column.sql_type == "binary" {
            return Self::UuidBytes;
        }
        let numeric =
            ["int", "serial", "numeric"].iter().any(|name| column.sql_type.contains(name));
        if numeric { Self::Integer } else { Self::Text }
    }

    /// Whether a column of PostgreSQL can have this number, which its parameters cannot have
    /// otherwise.
    pub(super) fn has_room(column: &Column, number: i64) -> bool {
        match column.sql_type.as_str() {
            "smallint" => i16::try_from(number).is_ok(),
            "integer" => i32::try_from(number).is_ok(),
            _ => true,
        }
    }

    /// The kind of a stored id.
    pub(crate) fn of_value(value: &Value<'_>) -> Option<Self> {
        match value {
            Value::Integer(_) => Some(Self::Integer),
            Value::Text(_) => Some(Self::Text),
            Value::Bytes(bytes) if bytes.len() == 16 => Some(Self::UuidBytes),
            Value::Null | Value::Bool(_) | Value::Real(_) | Value::Bytes(_) | Value::Time(_) => {
                None
            }
        }
    }

    /// An id that a table of ours has as text.
    pub(crate) fn read_text(self, id: String) -> UserId {
        match (self, id.parse()) {
            (Self::Integer, Ok(number)) => UserId::Integer(number),
            (Self::Integer, Err(_)) | (Self::Text | Self::Uuid | Self::UuidBytes, _) => {
                UserId::Text(id)
            }
        }
    }

    /// The id as a parameter of a comparison. An id of another kind becomes null, which equals no
    /// id.
    pub(crate) fn lookup_value(self, id: &UserId) -> Value<'_> {
        self.column_value(id).unwrap_or(Value::Null)
    }

    /// The id as a parameter to store.
    pub(crate) fn column_value(self, id: &UserId) -> Result<Value<'_>, StorageError> {
        match (self, id) {
            (Self::Integer, UserId::Integer(id)) => Ok(Value::Integer(*id)),
            (Self::Text, UserId::Text(id)) => Ok(Value::text(id)),
            (Self::Uuid, UserId::Text(id)) if uuid::parse(id).is_some() => Ok(Value::text(id)),
            (Self::Uuid, _) => Err(StorageError::corrupt("user ids in this database are UUIDs")),
            (Self::UuidBytes, UserId::Text(id)) => match uuid::parse(id) {
                Some(bytes) => Ok(Value::bytes(bytes.to_vec())),
                None => Err(StorageError::corrupt("user ids in this database are UUIDs")),
            },
            (Self::Integer, UserId::Text(_))
            | (Self::Text | Self::UuidBytes, UserId::Integer(_)) => {
                Err(StorageError::corrupt("user ids in this database are of another type"))
            }
        }
    }
}

/// Decodes a stored user id; `None` if it is null.
pub(crate) fn decode_id(value: Value<'_>) -> Result<Option<UserId>, &'static str> {
    match value {
        Value::Null => Ok(None),
        Value::Integer(id) => Ok(Some(UserId::Integer(id))),
        Value::Text(id) => Ok(Some(UserId::Text(id.into_owned()))),
        Value::Bytes(bytes) => match <[u8; 16]>::try_from(bytes.as_ref()) {
            Ok(bytes) => Ok(Some(UserId::Text(uuid::format(bytes)))),
            Err(_) => Err("is not a UUID"),
        },
        Value::Bool(_) | Value::Real(_) | Value::Time(_) => Err("is neither an integer nor text"),
    }
}
