//! Verification of the hash chain.

use std::fmt;

use super::chain::{Boundary, ChainKey};
use super::{Audit, STEP};
use crate::secret::ServerSecret;
use crate::storage::{Chained, Mark, Marks, StorageError};

/// Maximum number of reported problems.
const MAX_PROBLEMS: usize = 100;

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
    /// The event that was expected at a number has another hash, or is not there.
    Unexpected {
        /// The number.
        number: u64,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { first, last } if first == last => write!(f, "event {first} is missing"),
            Self::Missing { first, last } => write!(f, "events {first} to {last} are missing"),
            Self::Changed { number, id } => {
                write!(f, "event {number} ({id}) was changed or moved")
            }
            Self::PersonalDataChanged { number, id } => {
                write!(f, "the personal data of event {number} ({id}) was changed")
            }
            Self::Added { number, id } => {
                write!(f, "event {number} ({id}) was added before the start of the chain")
            }
            Self::UnknownKey { number, key } => {
                write!(f, "event {number} was chained with another secret (key {key})")
            }
            Self::MarkChanged { number } => {
                write!(f, "the start or the end of the chain was changed to event {number}")
            }
            Self::Unexpected { number } => {
                write!(f, "event {number} does not have the expected hash")
            }
        }
    }
}

/// The result of verifying the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LogVerification {
    /// How many events of the chain were read.
    pub events: u64,
    /// How many of them have had personal data erased.
    pub erased: u64,
    /// How many events were deleted because of their age.
    pub deleted: u64,
    /// Whether events wait to be chained, which are not verified.
    pub is_waiting: bool,
    /// The number and the hash of the last event, to be noted elsewhere.
    pub end: (u64, String),
    /// What is wrong: up to a hundred problems.
    pub problems: Vec<Problem>,
}

impl LogVerification {
    fn report(&mut self, problem: Problem) {
        // One for each key is enough.
        let is_known = matches!(&problem, Problem::UnknownKey { key, .. } if self.problems.iter()
            .any(|known| matches!(known, Problem::UnknownKey { key: other, .. } if other == key)));
        if self.problems.len() < MAX_PROBLEMS && !is_known {
            self.problems.push(problem);
        }
    }
}

impl Audit {
    /// Verifies the whole log: that no event of the chain was changed, removed, added or moved.
    ///
    /// Events that were chained with an earlier secret need it in `previous`. With `expected`, number
    /// and hash of an event that were noted before, a log that was replaced by an older copy is
    /// detected.
    pub async fn verify(
        &self,
        previous: &[ServerSecret],
        expected: Option<(u64, &str)>,
    ) -> Result<LogVerification, StorageError> {
        let previous: Vec<_> = previous.iter().filter_map(|it| ChainKey::new(it).ok()).collect();
        let keys: Vec<_> = std::iter::once(&self.key).chain(&previous).collect();
        let mut found = LogVerification::default();
        let Marks { start, .. } = self.store.marks().await?;
        check_mark(&keys, Boundary::Start, &start, &mut found);
        found.deleted = start.number;
        let first = self.store.chained(0, 1).await?;
        if let Some(added) = first.into_iter().find(|first| first.link.number <= start.number) {
            found.report(Problem::Added { number: added.link.number, id: added.entry.id });
        }
        let is_early = |(number, hash): (u64, &str)| {
            number == start.number && hash == start.hash || number < start.number
        };
        let mut is_expected = expected.is_none_or(is_early);
        let mut last = (start.number, start.hash.clone());
        loop {
            let page = self.store.chained(last.0, STEP).await?;
            // One that was added before the start is reported, and is not a part of the chain.
            for chained in page.iter().filter(|chained| chained.link.number > start.number) {
                check(&keys, &last, chained, &mut found);
                last = (chained.link.number, chained.link.hash.clone());
                is_expected |= expected == Some((last.0, &last.1));
            }
            if page.len() < STEP as usize {
                break;
            }
        }
        // Events may have been added since; the end is read after them.
        let Marks { start, end } = self.store.marks().await?;
        check_mark(&keys, Boundary::End, &end, &mut found);
        // Old events may have been deleted since.
        let is_gone = |problem: &Problem| matches!(problem, Problem::Missing { last, .. } if *last <= start.number);
        found.problems.retain(|problem| !is_gone(problem));
        let is_behind = end.number < last.0 || end.number == last.0 && end.hash != last.1;
        if is_behind {
            found.report(Problem::MarkChanged { number: end.number });
        } else if end.number > last.0 && self.store.chained(last.0, 1).await?.is_empty() {
            found.report(Problem::Missing { first: last.0 + 1, last: end.number });
        }
        if let Some((number, _)) = expected.filter(|_| !is_expected) {
            found.report(Problem::Unexpected { number });
        }
        found.is_waiting = !self.store.unchained(1).await?.is_empty();
        found.end = last;
        Ok(found)
    }
}

/// Checks an event after the one with the number and hash `last`.
fn check(keys: &[&ChainKey], last: &(u64, String), chained: &Chained, found: &mut LogVerification) {
    let Chained { link, entry } = chained;
    let (number, id) = (link.number, entry.id.clone());
    found.events += 1;
    found.erased += u64::from(entry.origin.is_erased() || entry.about.is_erased());
    if !entry.origin.is_intact() || !entry.about.is_intact() {
        found.report(Problem::PersonalDataChanged { number, id: id.clone() });
    }
    if number > last.0 + 1 {
        // The hash of the event before is not known.
        found.report(Problem::Missing { first: last.0 + 1, last: number - 1 });
        return;
    }
    match keys.iter().find(|key| key.name() == link.key) {
        Some(key) if key.hash(&last.1, number, entry) != link.hash => {
            found.report(Problem::Changed { number, id });
        }
        Some(_) => {}
        None => found.report(Problem::UnknownKey { number, key: link.key.clone() }),
    }
}

fn check_mark(keys: &[&ChainKey], boundary: Boundary, mark: &Mark, found: &mut LogVerification) {
    let Mark { number, hash, key, .. } = mark;
    if *mark == Mark::default() {
        return;
    }
    match keys.iter().find(|known| known.name() == key) {
        Some(known) if known.mark(boundary, *number, hash.clone()) != *mark => {
            found.report(Problem::MarkChanged { number: *number });
        }
        Some(_) => {}
        None => found.report(Problem::UnknownKey { number: *number, key: key.clone() }),
    }
}
