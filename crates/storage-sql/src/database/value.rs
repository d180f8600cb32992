//! Values of columns and parameters.

use std::borrow::Cow;

use crossauth_core::clock::Timestamp;
use crossauth_core::storage::StorageError;

/// A row in the driver's memory.
pub trait Row {
    /// The value in a column of the statement, counted from 0.
    fn value(&self, column: usize) -> Result<Value<'_>, StorageError>;

    /// The number of columns.
    fn width(&self) -> usize;
}

/// The value of a column or a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'v> {
    /// Null.
    Null,
    /// A boolean; a database without this type stores 0 or 1.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// Text.
    Text(Cow<'v, str>),
    /// Bytes, or text that is not UTF-8.
    Bytes(Cow<'v, [u8]>),
    /// A point in time, in a database that has a type for it.
    Time(Timestamp),
}

impl<'v> Value<'v> {
    /// Text.
    pub fn text(text: impl Into<Cow<'v, str>>) -> Self {
        Self::Text(text.into())
    }

    /// Text, or null.
    pub fn optional_text(text: Option<impl Into<Cow<'v, str>>>) -> Self {
        text.map_or(Self::Null, Self::text)
    }

    /// Bytes.
    pub fn bytes(bytes: impl Into<Cow<'v, [u8]>>) -> Self {
        Self::Bytes(bytes.into())
    }

    /// The integer; an error for any other value.
    pub fn integer(&self) -> Result<i64, StorageError> {
        if let Self::Integer(integer) = self {
            return Ok(*integer);
        }
        Err(StorageError::corrupt("expected an integer"))
    }

    /// As text, whatever the type of the column; `None` if it is null.
    pub(crate) fn into_text(self) -> Result<Option<Cow<'v, str>>, &'static str> {
        Ok(Some(match self {
            Self::Null => return Ok(None),
            Self::Text(text) => text,
            Self::Integer(integer) => integer.to_string().into(),
            Self::Real(real) => real.to_string().into(),
            Self::Bool(boolean) => boolean.to_string().into(),
            Self::Bytes(bytes) => {
                String::from_utf8(bytes.into_owned()).map_err(|_| "is not UTF-8")?.into()
            }
            Self::Time(_) => return Err("contains a time"),
        }))
    }

    /// Copies borrowed text and bytes.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(boolean) => Value::Bool(boolean),
            Self::Integer(integer) => Value::Integer(integer),
            Self::Real(real) => Value::Real(real),
            Self::Text(text) => Value::Text(text.into_owned().into()),
            Self::Bytes(bytes) => Value::Bytes(bytes.into_owned().into()),
            Self::Time(time) => Value::Time(time),
        }
    }
}

impl From<bool> for Value<'_> {
    fn from(boolean: bool) -> Self {
        Self::Bool(boolean)
    }
}

impl From<i64> for Value<'_> {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}
