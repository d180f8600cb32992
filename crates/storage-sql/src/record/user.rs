//! Users.

use std::borrow::Cow;

use crossauth_core::storage::StorageError;
use crossauth_core::user::{FactorName, Normalization, User, UserId, UserState};

use super::{Cells, Problem};
use crate::column::{Column, Field, Table};
use crate::database::{Row, Value};
use crate::extra::Extra;
use crate::{OpenError, TableMap, uuid};

/// The users' table.
#[derive(Debug, Clone)]
pub(crate) struct Users {
    /// Quoted name.
    pub(crate) table: String,
    pub(crate) id: Field,
    pub(crate) id_kind: IdKind,
    pub(crate) username: Field,
    pub(crate) username_normalized: Option<Field>,
    pub(crate) email: Option<Field>,
    pub(crate) email_normalized: Option<Field>,
    pub(crate) state: Field,
    pub(crate) factor1: Field,
    pub(crate) factor2: Option<Field>,
    pub(crate) admin: Option<Field>,
    pub(crate) credential_epoch: Option<Field>,
    pub(crate) extra: Extra,
    pub(crate) normalization: Normalization,
    /// What to select for [`decode`](Self::decode).
    pub(crate) selected: Vec<String>,
}

impl Users {
    pub(crate) fn new(
        mut table: Table,
        map: &TableMap,
        extra: impl FnOnce(&mut Table) -> Result<Extra, OpenError>,
    ) -> Result<Self, OpenError> {
        let names = &map.users;
        let id = table.select(&names.id)?;
        Ok(Self {
            table: table.quoted.clone(),
            id_kind: IdKind::of(&id.column),
            id,
            username: table.select(&names.username)?,
            username_normalized: table.select_optional(&names.username_normalized)?,
            email: table.select_optional(&names.email)?,
            email_normalized: table.select_optional(&names.email_normalized)?,
            state: table.select(&names.state)?,
            factor1: table.select(&names.factor1)?,
            factor2: table.select_optional(&names.factor2)?,
            admin: table.select_optional(&names.admin)?,
            credential_epoch: table.select_optional(&names.credential_epoch)?,
            extra: extra(&mut table)?,
            normalization: map.normalization,
            selected: table.into_selected(),
        })
    }

    /// Decodes the user whose columns start at index `before`; `None` if the join found no user.
    pub(crate) fn decode(
        &self,
        row: &dyn Row,
        before: usize,
    ) -> Result<Option<User>, StorageError> {
        let cells = Cells::new(row, before);
        let id = cells.user_id(&self.id).map_err(|problem| problem.of_row(&self.table, "?"))?;
        let Some(id) = id else { return Ok(None) };
        self.decode_fields(cells, id.clone())
            .map(Some)
            .map_err(|problem| problem.of_row(&self.table, id))
    }

    fn decode_fields(&self, cells: Cells<'_>, id: UserId) -> Result<User, Problem> {
        let username = cells.text(&self.username)?.into_owned();
        let email = self.email.as_ref().map(|field| cells.optional_text(field)).transpose()?;
        let email = email.flatten().map(Cow::into_owned);
        Ok(User {
            id,
            username_normalized: match &self.username_normalized {
                Some(field) => cells
                    .optional_text(field)?
                    .map_or_else(|| self.normalization.apply(&username), Cow::into_owned),
                None => username.clone(),
            },
            email_normalized: match (&self.email_normalized, &email) {
                (Some(field), Some(email)) => Some(
                    cells
                        .optional_text(field)?
                        .map_or_else(|| self.normalization.apply(email), Cow::into_owned),
                ),
                (_, email) => email.clone(),
            },
            username,
            email,
            // Null in rows that were inserted before the column was added.
            state: match cells.optional_text(&self.state)? {
                Some(state) => UserState::from(&*state),
                None => UserState::Active,
            },
            factor1: FactorName::from(&*cells.text_or_empty(Some(&self.factor1))?),
            factor2: FactorName::optional(&cells.text_or_empty(self.factor2.as_ref())?),
            admin: cells.boolean(self.admin.as_ref())?,
            extra: self.extra.decode(cells)?,
        })
    }

    /// The credential epoch in the same row; `None` if the database has no such column.
    pub(crate) fn decode_epoch(
        &self,
        row: &dyn Row,
        before: usize,
    ) -> Result<Option<u64>, StorageError> {
        Cells::new(row, before)
            .epoch(self.credential_epoch.as_ref())
            .map_err(|problem| problem.of_row(&self.table, "?"))
    }

    /// The column by which usernames are looked up.
    pub(crate) fn lookup_name(&self) -> &Field {
        self.username_normalized.as_ref().unwrap_or(&self.username)
    }

    /// The column by which e-mail addresses are looked up.
    pub(crate) fn lookup_address(&self) -> Option<&Field> {
        self.email.as_ref().map(|email| self.email_normalized.as_ref().unwrap_or(email))
    }

    /// The form in which a username is looked up.
    pub(crate) fn lookup_username(&self, username: &str) -> String {
        match self.username_normalized {
            Some(_) => self.normalization.apply(username),
            None => username.to_owned(),
        }
    }

    /// The form in which an e-mail address is looked up.
    pub(crate) fn lookup_email(&self, email: &str) -> String {
        match self.email_normalized {
            Some(_) => self.normalization.apply(email),
            None => email.to_owned(),
        }
    }
}

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
    fn of(column: &Column) -> Self {
        if column.sql_type == "uuid" {
            return Self::Uuid;
        }
        let numeric =
            ["int", "serial", "numeric"].iter().any(|name| column.sql_type.contains(name));
        if numeric { Self::Integer } else { Self::Text }
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
