//! The ports, over Redis and SQL together.

mod account;
mod beginning;
mod key;
mod session;
mod update;

use std::sync::Arc;

use crossauth_core::crypto::stored_value;
use crossauth_core::key::{Key, KeyPrefix, PERMANENT};
use crossauth_core::storage::{Storage, StorageError};

use crate::session::Sessions;

/// The stores of users, keys and sessions.
pub(crate) struct Store {
    pub(crate) redis: Arc<Sessions>,
    pub(crate) sql: Storage,
}

/// Whether the key with this value is a session.
fn is_session(value: &str) -> bool {
    value.starts_with(KeyPrefix::Session.as_str())
}

/// The value of the record that a session has ended.
fn end_value(session: &str) -> String {
    stored_value(KeyPrefix::EndedSession, session).into()
}

/// The record that a session has ended. It outlives the session in Redis.
fn end_of(session: &Key) -> Key {
    let record = Key::new(end_value(&session.value), session.userid.clone(), session.created);
    Key { expires: Some(gone_at(session)), ..record }
}

/// When Redis has certainly deleted a session by its time to live. It may have got that as late as at
/// its expiry.
fn gone_at(session: &Key) -> crossauth_core::clock::Timestamp {
    match session.expires {
        Some(expires) => {
            let lifetime = expires.since(session.created);
            expires + lifetime.max(std::time::Duration::from_hours(1))
        }
        None => session.created + PERMANENT,
    }
}

/// The database in SQL has no credential epochs.
fn no_epochs() -> StorageError {
    StorageError::bug("sessions in Redis need a database with credential epochs")
}
