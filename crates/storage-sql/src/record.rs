//! From rows to records.

use std::vec::IntoIter;

use crossauth_core::key::{Key, KeyData};
use crossauth_core::storage::StorageError;
use crossauth_core::user::{User, UserId, UserSecrets, UserState};

use crate::database::Value;
use crate::schema::{Keys, Users};

/// The values of a row, taken out from the left.
pub(crate) type Cells = IntoIter<Value>;

/// The next value as text; null where there is none.
fn optional_text(cells: &mut Cells) -> Option<String> {
    match cells.next()? {
        Value::Null => None,
        Value::Text(text) => Some(text),
        Value::Integer(integer) => Some(integer.to_string()),
        Value::Real(real) => Some(real.to_string()),
    }
}

fn text(cells: &mut Cells, what: &'static str) -> Result<String, StorageError> {
    optional_text(cells).ok_or_else(|| StorageError::corrupt(format!("{what} is null")))
}

fn user_id(cells: &mut Cells) -> Option<UserId> {
    match cells.next()? {
        Value::Integer(id) => Some(UserId::Integer(id)),
        Value::Text(id) => Some(UserId::Text(id)),
        Value::Null | Value::Real(_) => None,
    }
}

impl Users {
    /// The user whose columns come next; `None` if the join found none.
    pub(crate) fn decode(&self, cells: &mut Cells) -> Result<Option<User>, StorageError> {
        let Some(id) = user_id(cells) else { return Ok(None) };
        Ok(Some(User {
            id,
            username: text(cells, "a username")?,
            username_normalized: text(cells, "a normalised username")?,
            email: optional_text(cells),
            email_normalized: optional_text(cells),
            state: UserState::from(text(cells, "a user's state")?.as_str()),
            factor1: optional_text(cells).unwrap_or_default(),
            factor2: optional_text(cells).unwrap_or_default(),
            admin: matches!(cells.next(), Some(Value::Integer(number)) if number != 0),
            extra: self.extra.decode(cells)?,
        }))
    }
}

/// The secrets whose columns come next; both originals store empty text for none.
pub(crate) fn decode_secrets(cells: &mut Cells) -> UserSecrets {
    let mut secret = || optional_text(cells).filter(|secret| !secret.is_empty());
    UserSecrets { password: secret(), totpsecret: secret() }
}

impl Keys {
    /// The key whose columns come next.
    pub(crate) fn decode(&self, cells: &mut Cells) -> Result<Key, StorageError> {
        let value = text(cells, "a key's value")?;
        let userid = user_id(cells);
        let mut moment = || self.times.decode(&cells.next().unwrap_or(Value::Null));
        let created =
            moment()?.ok_or_else(|| StorageError::corrupt("a key's time of creation is null"))?;
        let (expires, lastactive) = (moment()?, moment()?);
        let data = KeyData::from_text(optional_text(cells).unwrap_or_default());
        let extra = self.extra.decode(cells)?;
        Ok(Key { value, userid, created, expires, lastactive, data, extra })
    }
}
