//! How far an import is: a row of the target, which each batch replaces.

use serde::{Deserialize, Serialize};

use crossauth_core::storage::StorageError;

use crate::database::Value;

/// A part of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Part {
    /// Users, with their secrets.
    Users,
    /// Sessions, one-time tokens and other keys.
    Keys,
    /// The table of API keys, if there is one of their own.
    ApiKeys,
}

impl Part {
    /// All parts, in their order.
    pub const ALL: [Self; 3] = [Self::Users, Self::Keys, Self::ApiKeys];

    /// Its name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Keys => "keys",
            Self::ApiKeys => "API keys",
        }
    }
}

/// The numbers of a part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Count {
    /// Rows that were read.
    pub read: u64,
    /// Rows that were taken.
    pub taken: u64,
}

/// The key of a row of the source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Position {
    Integer(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
}

/// The state of an import.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// Number of completed parts.
    completed: usize,
    /// The last key that was read of the present part.
    position: Option<Position>,
    counts: [Count; 3],
    /// Of the taken keys, those that are not in the database.
    pub(super) placed: u64,
    /// The keys that the target had before.
    pub(super) keys_before: u64,
    /// Ids that were assigned to users whose ids are not integers.
    pub(super) assigned: i64,
    /// The number of findings.
    pub(super) findings: i64,
    /// Whether the source has rows that were not read.
    #[serde(default)]
    pub(super) has_unread: bool,
}

/// A batch that was taken.
pub(super) struct Step {
    pub(super) read: u64,
    pub(super) taken: u64,
    /// The key of its last row; `None` if it is the last batch of the part.
    pub(super) last: Option<Value<'static>>,
}

impl State {
    /// The state of an import that begins, into a database with this number of keys.
    pub(super) fn new(keys_before: u64) -> Self {
        Self { keys_before, ..Self::default() }
    }

    pub(super) fn is_new(&self) -> bool {
        *self == Self::new(self.keys_before)
    }

    /// The part that is being read; `None` after the last one.
    pub(super) fn part(&self) -> Option<Part> {
        Part::ALL.get(self.completed).copied()
    }

    pub(super) fn counts(&self) -> impl Iterator<Item = (Part, Count)> + use<> {
        Part::ALL.into_iter().zip(self.counts)
    }

    pub(super) fn count(&self, part: Part) -> Count {
        let found = self.counts().find(|(of, _)| *of == part);
        found.map(|(_, count)| count).unwrap_or_default()
    }

    /// The last key that was read.
    pub(super) fn position(&self) -> Option<Value<'static>> {
        Some(match self.position.clone()? {
            Position::Integer(integer) => Value::Integer(integer),
            Position::Real(real) => Value::Real(real),
            Position::Text(text) => Value::text(text),
            Position::Bytes(bytes) => Value::bytes(bytes),
        })
    }

    /// Goes behind a batch.
    pub(super) fn advance(&mut self, batch: Step) -> Result<(), StorageError> {
        if let Some(count) = self.counts.get_mut(self.completed) {
            count.read += batch.read;
            count.taken += batch.taken;
        }
        self.position = match batch.last {
            None => {
                self.completed += 1;
                None
            }
            Some(Value::Integer(integer)) => Some(Position::Integer(integer)),
            Some(Value::Real(real)) => Some(Position::Real(real)),
            Some(Value::Text(text)) => Some(Position::Text(text.into_owned())),
            Some(Value::Bytes(bytes)) => Some(Position::Bytes(bytes.into_owned())),
            Some(Value::Null | Value::Bool(_) | Value::Time(_)) => {
                return Err(StorageError::corrupt("a key column of the source has another type"));
            }
        };
        Ok(())
    }

    pub(super) fn to_text(&self) -> Result<String, StorageError> {
        serde_json::to_string(self).map_err(StorageError::bug)
    }

    pub(super) fn from_text(text: &str) -> Result<Self, StorageError> {
        serde_json::from_str(text).map_err(StorageError::corrupt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_is_read_back_with_every_kind_of_position() {
        for last in
            [Value::Integer(-7), Value::Real(0.1), Value::text("ä'\""), Value::bytes(vec![0, 255])]
        {
            let mut state = State::default();
            state.advance(Step { read: 3, taken: 2, last: Some(last.clone()) }).unwrap();
            let read = State::from_text(&state.to_text().unwrap()).unwrap();
            assert_eq!(read, state);
            assert_eq!((read.part(), read.position()), (Some(Part::Users), Some(last)));
        }
    }

    #[test]
    fn parts_follow_each_other() {
        let mut state = State::default();
        for part in Part::ALL {
            assert_eq!(state.part(), Some(part));
            state.advance(Step { read: 1, taken: 1, last: None }).unwrap();
        }
        assert_eq!((state.part(), state.position()), (None, None));
        assert!(state.counts().all(|(_, count)| count == Count { read: 1, taken: 1 }));
    }
}
