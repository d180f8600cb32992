//! Keys of the source.

use std::collections::HashMap;

use crossauth_core::key::{Key, KeyPrefix};
use crossauth_core::storage::{KeyStore, StorageError};
use crossauth_core::user::UserId;

use super::Part;
use super::prepared::{Batch, check_text};
use super::source::SourceRow;

/// Maximum length of the column of values, in characters.
const MAX_VALUE: usize = 512;
/// Maximum length of data, in characters.
const MAX_DATA: usize = 1 << 20;

/// A key that can be written, unless there is one with the same value.
#[derive(Clone)]
pub(super) struct PreparedKey {
    /// What identifies it in reports.
    pub(super) id: String,
    pub(super) key: Key,
    /// Whether it is in another store already.
    pub(super) is_placed: bool,
}

/// Keys with the ids that their owners have here.
pub(super) fn prepare(
    rows: Vec<SourceRow<Key>>,
    owners: &HashMap<UserId, i64>,
    part: Part,
    refuses_nul: bool,
) -> Result<Batch<PreparedKey>, StorageError> {
    Batch::of(rows, part, |row, key| {
        let userid = match &key.userid {
            None => None,
            Some(owner) => match owners.get(owner) {
                Some(id) => Some(UserId::Integer(*id)),
                None => return Ok(Err(format!("its owner, the user {owner}, was not taken"))),
            },
        };
        let checked = check_text("its value", &key.value, MAX_VALUE, refuses_nul)
            .and_then(|()| check_text("its data", key.data.as_text(), MAX_DATA, refuses_nul));
        if let Err(reason) = checked {
            return Ok(Err(reason));
        }
        let key = Key { userid, epoch: None, ..key.clone() };
        Ok(Ok(PreparedKey { id: row.id.clone(), key, is_placed: false }))
    })
}

/// Stores sessions in a store of their own, those that are not there yet.
pub(super) async fn place_sessions(
    batch: &mut Batch<PreparedKey>,
    store: &dyn KeyStore,
) -> Result<(), StorageError> {
    for prepared in &mut batch.items {
        if !prepared.key.value.starts_with(KeyPrefix::Session.as_str()) {
            continue;
        }
        match store.insert_recorded(&prepared.key, &[]).await {
            // By this import, before it was interrupted.
            Err(error) if !error.is_conflict() => return Err(error),
            Ok(()) | Err(_) => {}
        }
        prepared.is_placed = true;
    }
    Ok(())
}
