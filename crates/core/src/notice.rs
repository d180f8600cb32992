//! Notices to users about their accounts.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::factor::email;
use crate::message::{Message, MessageKind, Messages, Recipient};
use crate::storage::StorageError;
use crate::user::User;

/// Composes notices.
pub(crate) struct Notices(Arc<Messages>);

impl Notices {
    pub(crate) fn new(messages: Arc<Messages>) -> Self {
        Self(messages)
    }

    /// A notice to the address of a user; `None` if the user has none.
    pub(crate) fn compose(
        &self,
        kind: MessageKind,
        user: &User,
        variables: &[(&str, Value)],
    ) -> Result<Option<Message>, StorageError> {
        let Some(address) = email(user) else { return Ok(None) };
        let username = ("username", Value::from(user.username.as_str()));
        let variables = variables.iter().cloned().chain([username]);
        let variables: Map<String, Value> =
            variables.map(|(name, value)| (name.to_owned(), value)).collect();
        let to = Recipient::Email(address);
        self.0.compose(kind, to, Some(&user.id), variables).map(Some)
    }
}
