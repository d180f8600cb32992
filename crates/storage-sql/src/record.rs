//! Decoding of rows: each file lists the columns of a record beside their decoding.

mod id;
mod key;
mod secrets;
mod user;

use std::borrow::Cow;
use std::fmt;

use crossauth_core::clock::Timestamp;
use crossauth_core::storage::{StorageError, StorageErrorKind};
use crossauth_core::user::UserId;

use crate::column::{Field, is_true};
use crate::database::{Row, Value};
use crate::time_encoding::Times;

pub(crate) use id::{IdKind, decode_id};
pub(crate) use key::Keys;
pub(crate) use secrets::Secrets;
pub use user::UserTable;
pub(crate) use user::{UserChange, UserRow, Users};

/// The values of one record within a row.
#[derive(Clone, Copy)]
pub(crate) struct Cells<'r> {
    row: &'r dyn Row,
    /// Index of the record's first column in the row.
    before: usize,
}

impl<'r> Cells<'r> {
    pub(crate) fn new(row: &'r dyn Row, before: usize) -> Self {
        Self { row, before }
    }

    pub(crate) fn cell<'f>(&self, field: &'f Field) -> Cell<'r, 'f> {
        Cell { cells: *self, field }
    }

    pub(crate) fn get(&self, field: &Field) -> Result<Value<'r>, Problem> {
        self.row.value(self.before + field.index).map_err(Problem::Driver)
    }

    /// Text, or `None` if it is null.
    pub(crate) fn optional_text(&self, field: &Field) -> Result<Option<Cow<'r, str>>, Problem> {
        self.get(field)?.into_text().map_err(|problem| Problem::column(field, problem))
    }

    pub(crate) fn text(&self, field: &Field) -> Result<Cow<'r, str>, Problem> {
        let text = self.optional_text(field)?;
        text.ok_or_else(|| Problem::column(field, "is null"))
    }

    /// Text of a column that may be missing or null.
    pub(crate) fn text_or_empty(&self, field: Option<&Field>) -> Result<Cow<'r, str>, Problem> {
        let text = field.map(|field| self.optional_text(field)).transpose()?;
        Ok(text.flatten().unwrap_or_default())
    }

    /// A credential epoch; `None` if the column is missing.
    pub(crate) fn epoch(&self, field: Option<&Field>) -> Result<Option<u64>, Problem> {
        let Some(field) = field else { return Ok(None) };
        let epoch = self.get(field)?.integer().ok().and_then(|epoch| u64::try_from(epoch).ok());
        epoch.map(Some).ok_or_else(|| Problem::column(field, "is not a credential epoch"))
    }

    pub(crate) fn user_id(&self, field: &Field) -> Result<Option<UserId>, Problem> {
        decode_id(self.get(field)?).map_err(|problem| Problem::column(field, problem))
    }

    pub(crate) fn time(&self, field: &Field, times: &Times) -> Result<Option<Timestamp>, Problem> {
        let value = self.get(field)?;
        times.decode(&value).map_err(|problem| Problem::column(field, problem))
    }
}

/// The value of one column within a row.
#[derive(Clone, Copy)]
pub(crate) struct Cell<'r, 'f> {
    cells: Cells<'r>,
    field: &'f Field,
}

impl<'r> Cell<'r, '_> {
    /// Text, or `None` if it is null.
    pub(crate) fn optional_text(&self) -> Result<Option<Cow<'r, str>>, Problem> {
        self.cells.optional_text(self.field)
    }

    pub(crate) fn text(&self) -> Result<Cow<'r, str>, Problem> {
        self.cells.text(self.field)
    }

    /// Text; empty if it is null.
    pub(crate) fn text_or_empty(&self) -> Result<Cow<'r, str>, Problem> {
        Ok(self.optional_text()?.unwrap_or_default())
    }

    /// A boolean; false if it is null.
    pub(crate) fn boolean(&self) -> Result<bool, Problem> {
        Ok(is_true(&self.cells.get(self.field)?))
    }

    /// A credential epoch.
    pub(crate) fn epoch(&self) -> Result<u64, Problem> {
        let epoch = self.cells.epoch(Some(self.field))?;
        epoch.ok_or_else(|| Problem::column(self.field, "is not a credential epoch"))
    }

    /// A time in milliseconds, or `None` if it is null.
    pub(crate) fn millis(&self) -> Result<Option<Timestamp>, Problem> {
        let value = self.cells.get(self.field)?;
        if value == Value::Null {
            return Ok(None);
        }
        match value.integer() {
            Ok(millis) => Ok(Some(Timestamp::from_millis(millis))),
            Err(_) => Err(Problem::column(self.field, "is not a time in milliseconds")),
        }
    }
}

/// Why a row could not be decoded.
#[derive(Debug)]
pub(crate) enum Problem {
    /// A column has an invalid value.
    Column {
        /// Name of the column.
        column: String,
        /// What is wrong, as a predicate: "is null".
        problem: &'static str,
    },
    /// The driver could not read the value.
    Driver(StorageError),
}

impl Problem {
    pub(crate) fn column(field: &Field, problem: &'static str) -> Self {
        Self::Column { column: field.column.name.clone(), problem }
    }

    /// What is wrong, without values of the row.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Column { column, problem } => format!("column {column:?} {problem}"),
            Self::Driver(error) => error.source.to_string(),
        }
    }

    /// The error for the row with this id in this table.
    pub(crate) fn of_row(self, table: &str, id: impl fmt::Display) -> StorageError {
        match self {
            Self::Column { column, problem } => StorageError::bad_row(format!(
                "row {id} of the table {table} cannot be used: column {column:?} {problem}"
            )),
            Self::Driver(error) if error.kind == StorageErrorKind::BadRow => StorageError::bad_row(
                format!("row {id} of the table {table} cannot be used: {}", error.source),
            ),
            Self::Driver(error) => error,
        }
    }
}
