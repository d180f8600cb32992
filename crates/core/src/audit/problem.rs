//! What verification of the log finds.

use std::fmt;

/// What is wrong with the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// Events of the chain are missing.
    Missing {
        /// The number of the first one.
        first: u64,
        /// The number of the last one.
        last: u64,
    },
    /// An event was changed, or is at another place than it was.
    Changed {
        /// Its number.
        number: u64,
        /// Its id.
        id: String,
    },
    /// The personal data of an event was changed.
    PersonalDataChanged {
        /// Its number.
        number: u64,
        /// Its id.
        id: String,
    },
    /// The personal data of a user was removed, and not by
    /// [`Audit::erase`](super::Audit::erase). One problem for each user, and one for each event of no
    /// user.
    PersonalDataRemoved {
        /// The number of the first such event.
        number: u64,
        /// Its id.
        id: String,
    },
    /// The row of an event cannot be decoded.
    Unreadable {
        /// Its number; `None` if it has none, or one that no event of the chain has.
        number: Option<u64>,
        /// Its id.
        id: String,
        /// What is wrong with the row.
        reason: String,
    },
    /// An event was added before the start of the chain.
    Added {
        /// Its number.
        number: u64,
        /// Its id.
        id: String,
    },
    /// An event was chained with another secret than the given ones, and cannot be verified.
    UnknownKey {
        /// Its number.
        number: u64,
        /// Identifies the key.
        key: String,
    },
    /// The start or the end of the chain was changed.
    MarkChanged {
        /// The number that it names.
        number: u64,
    },
    /// The event that was expected at a number was deleted because of its age, so that nothing can be
    /// said about it.
    ExpectedDeleted {
        /// The number.
        number: u64,
    },
    /// The event that was expected at a number has another hash, or is not there.
    Unexpected {
        /// The number.
        number: u64,
    },
}

impl fmt::Display for Problem {
    /// Text from the database is escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { first, last } if first == last => write!(f, "event {first} is missing"),
            Self::Missing { first, last } => write!(f, "events {first} to {last} are missing"),
            Self::Changed { number, id } => {
                write!(f, "event {number} ({}) was changed or moved", id.escape_debug())
            }
            Self::PersonalDataChanged { number, id } => {
                let id = id.escape_debug();
                write!(f, "the personal data of event {number} ({id}) was changed")
            }
            Self::PersonalDataRemoved { number, id } => {
                let id = id.escape_debug();
                write!(f, "the personal data of event {number} ({id}) was removed without a record")
            }
            Self::Unreadable { number, id, reason } => {
                let (id, reason) = (id.escape_debug(), reason.escape_debug());
                match number {
                    Some(number) => write!(f, "event {number} ({id}) cannot be read: {reason}"),
                    None => write!(f, "an event without a place ({id}) cannot be read: {reason}"),
                }
            }
            Self::Added { number, id } => {
                let id = id.escape_debug();
                write!(f, "event {number} ({id}) was added before the start of the chain")
            }
            Self::UnknownKey { number, key } => {
                let key = key.escape_debug();
                write!(f, "event {number} was chained with another secret (key {key})")
            }
            Self::MarkChanged { number } => {
                write!(f, "the start or the end of the chain was changed to event {number}")
            }
            Self::ExpectedDeleted { number } => write!(
                f,
                "event {number} was deleted because of its age, and cannot be compared with the \
                 expected hash: expect a newer end"
            ),
            Self::Unexpected { number } => {
                write!(f, "event {number} does not have the expected hash")
            }
        }
    }
}
