//! Verification of the hash chain.

use std::collections::{HashMap, HashSet};

use super::chain::{Boundary, ChainKey};
use super::problem::Problem;
use super::{Act, Audit, AuditEntry, STEP};
use crate::secret::ServerSecret;
use crate::storage::{AuditFilter, Chained, Link, Mark, Marks, StorageError, UnreadableEvent};
use crate::user::UserId;

/// Maximum number of reported problems.
const MAX_PROBLEMS: usize = 100;

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
        let is_known = self.problems.iter().any(|known| match (known, &problem) {
            (Problem::UnknownKey { key, .. }, Problem::UnknownKey { key: other, .. }) => {
                key == other
            }
            _ => *known == problem,
        });
        if self.problems.len() < MAX_PROBLEMS && !is_known {
            self.problems.push(problem);
        }
    }

    fn report_unreadable(&mut self, event: &UnreadableEvent) {
        let UnreadableEvent { id, link, reason } = event.clone();
        self.report(Problem::Unreadable { number: link.map(|link| link.number), id, reason });
    }
}

impl Audit {
    /// Verifies the whole log: that no event of the chain was changed, removed, added or moved.
    ///
    /// Events that were chained with an earlier secret need it in `previous`. With `expected`, number
    /// and hash of an event that were noted before, a log that was replaced by an older copy is
    /// detected; an event that was deleted because of its age, except the last of these, shows
    /// nothing, and is a problem.
    pub async fn verify(
        &self,
        previous: &[ServerSecret],
        expected: Option<(u64, &str)>,
    ) -> Result<LogVerification, StorageError> {
        let previous: Vec<_> = previous.iter().filter_map(|it| ChainKey::new(it).ok()).collect();
        let keys: Vec<_> = std::iter::once(&self.key).chain(&previous).collect();
        let Marks { start, .. } = self.store.marks().await?;
        let mut run = Run::new(keys, &start, expected);
        run.check_added(&start, &self.store.chained(None, STEP).await?);
        loop {
            let before = run.last.0;
            let page = self.store.chained(Some(before), STEP).await?;
            for event in &page {
                run.check(event);
            }
            // Those without a number that can be read are the last ones.
            if page.len() < STEP as usize || run.last.0 == before {
                break;
            }
        }
        // Events may have been added since; the end is read after them.
        let Marks { start, end } = self.store.marks().await?;
        let next = self.store.chained(Some(run.last.0), 1).await?;
        run.check_end(&start, &end, next.first().and_then(link).is_some());
        run.check_expected(&start);
        let Run { last, erasures, mut found, .. } = run;
        for (user, (number, id)) in erasures.unexplained() {
            let act = Some(Act::AuditErased.as_str().to_owned());
            let filter = AuditFilter { user: Some(user), act, ..AuditFilter::default() };
            // It may have been recorded since, or wait to be chained.
            if self.store.list(&filter, None, 1).await?.is_empty() {
                found.report(Problem::PersonalDataRemoved { number, id });
            }
        }
        for waiting in self.store.unchained(None, STEP).await? {
            match waiting {
                Ok(_) => found.is_waiting = true,
                Err(unreadable) => found.report_unreadable(&unreadable),
            }
        }
        found.end = last;
        Ok(found)
    }
}

/// The place of an event in the chain, if that can be read.
fn link(event: &Result<Chained, UnreadableEvent>) -> Option<&Link> {
    event.as_ref().map_or_else(|unreadable| unreadable.link.as_ref(), |event| Some(&event.link))
}

/// Events whose personal data is erased, and the records that it was.
#[derive(Default)]
struct Erasures {
    /// The first event of each user.
    erased: HashMap<UserId, (u64, String)>,
    recorded: HashSet<UserId>,
}

impl Erasures {
    /// Adds an event; returns whether data is erased that belongs to no user, which cannot be on
    /// record.
    fn add(&mut self, number: u64, entry: &AuditEntry) -> bool {
        let AuditEntry { id, act, actor, userid, origin, about, .. } = entry;
        if *act == Act::AuditErased {
            self.recorded.extend(userid.clone());
        }
        let mut is_of_no_user = false;
        for (data, user) in [(origin, actor.user()), (about, userid.as_ref())] {
            match user.filter(|_| data.is_erased()) {
                Some(user) => {
                    let first = self.erased.entry(user.clone());
                    first.or_insert_with(|| (number, id.clone()));
                }
                None => is_of_no_user |= data.is_erased(),
            }
        }
        is_of_no_user
    }

    /// Users whose data is erased without a record in the chain, with the first event, in the order
    /// of these.
    fn unexplained(self) -> Vec<(UserId, (u64, String))> {
        let Self { erased, recorded } = self;
        let unexplained = erased.into_iter().filter(|(user, _)| !recorded.contains(user));
        let mut unexplained: Vec<_> = unexplained.collect();
        unexplained.sort_by_key(|(_, (number, _))| *number);
        unexplained
    }
}

/// A verification that goes on.
struct Run<'a> {
    keys: Vec<&'a ChainKey>,
    expected: Option<(u64, &'a str)>,
    is_expected: bool,
    /// Number and hash of the last event.
    last: (u64, String),
    erasures: Erasures,
    found: LogVerification,
}

impl<'a> Run<'a> {
    fn new(keys: Vec<&'a ChainKey>, start: &Mark, expected: Option<(u64, &'a str)>) -> Self {
        // Before the first event, each chain is the same.
        let is_expected = expected.is_none_or(|expected| expected == (0, ""));
        let found = LogVerification { deleted: start.number, ..LogVerification::default() };
        let (last, erasures) = ((start.number, start.hash.clone()), Erasures::default());
        let mut run = Self { keys, expected, is_expected, last, erasures, found };
        run.check_mark(Boundary::Start, start);
        run
    }

    /// Reports events before the start of the chain, given the first ones.
    fn check_added(&mut self, start: &Mark, first: &[Result<Chained, UnreadableEvent>]) {
        let is_before = |event: &&Result<Chained, UnreadableEvent>| {
            link(event).is_none_or(|link| link.number <= start.number)
        };
        for event in first.iter().take_while(is_before) {
            match event {
                Ok(Chained { link, entry }) => {
                    let (number, id) = (link.number, entry.id.clone());
                    self.found.report(Problem::Added { number, id });
                }
                Err(unreadable) => self.found.report_unreadable(unreadable),
            }
        }
    }

    /// Checks the next event.
    fn check(&mut self, event: &Result<Chained, UnreadableEvent>) {
        match event {
            Ok(Chained { link, entry }) => {
                self.check_data(link.number, entry);
                // After a gap, the hash of the event before is not known.
                if !self.has_gap_before(link.number) {
                    self.check_hash(link, entry);
                }
            }
            Err(unreadable) => {
                self.found.report_unreadable(unreadable);
                if let Some(link) = &unreadable.link {
                    self.has_gap_before(link.number);
                }
            }
        }
        if let Some(Link { number, hash, .. }) = link(event) {
            self.last = (*number, hash.clone());
            self.is_expected |= self.expected == Some((*number, hash));
        }
    }

    fn check_data(&mut self, number: u64, entry: &AuditEntry) {
        let AuditEntry { id, origin, about, .. } = entry;
        self.found.events += 1;
        self.found.erased += u64::from(origin.is_erased() || about.is_erased());
        if !origin.is_intact() || !about.is_intact() {
            self.found.report(Problem::PersonalDataChanged { number, id: id.clone() });
        }
        if self.erasures.add(number, entry) {
            self.found.report(Problem::PersonalDataRemoved { number, id: id.clone() });
        }
    }

    /// Whether events are missing before this one; reports them.
    fn has_gap_before(&mut self, number: u64) -> bool {
        let first = self.last.0 + 1;
        if number > first {
            self.found.report(Problem::Missing { first, last: number - 1 });
        }
        number > first
    }

    fn check_hash(&mut self, link: &Link, entry: &AuditEntry) {
        let Link { number, key, hash } = link.clone();
        match self.keys.iter().find(|known| known.name() == key) {
            Some(key) if key.hash(&self.last.1, number, entry) != hash => {
                self.found.report(Problem::Changed { number, id: entry.id.clone() });
            }
            Some(_) => {}
            None => self.found.report(Problem::UnknownKey { number, key }),
        }
    }

    /// Checks the marks as they are after the last event; `has_next` if more events were added since.
    fn check_end(&mut self, start: &Mark, end: &Mark, has_next: bool) {
        self.check_mark(Boundary::End, end);
        // Old events may have been deleted since.
        let is_gone = |problem: &Problem| matches!(problem, Problem::Missing { last, .. } if *last <= start.number);
        self.found.problems.retain(|problem| !is_gone(problem));
        let (number, hash) = &self.last;
        if end.number < *number || end.number == *number && end.hash != *hash {
            self.found.report(Problem::MarkChanged { number: end.number });
        } else if end.number > *number && !has_next {
            self.found.report(Problem::Missing { first: number + 1, last: end.number });
        }
    }

    /// Checks the expected event. The start of the chain proves the last event that was deleted.
    fn check_expected(&mut self, start: &Mark) {
        let Some((number, hash)) = self.expected.filter(|_| !self.is_expected) else { return };
        if number < start.number {
            self.found.report(Problem::ExpectedDeleted { number });
        } else if (number, hash) != (start.number, start.hash.as_str()) {
            self.found.report(Problem::Unexpected { number });
        }
    }

    fn check_mark(&mut self, boundary: Boundary, mark: &Mark) {
        let Mark { number, hash, key, .. } = mark;
        if *mark == Mark::default() {
            return;
        }
        match self.keys.iter().find(|known| known.name() == key) {
            Some(known) if known.mark(boundary, *number, hash.clone()) != *mark => {
                self.found.report(Problem::MarkChanged { number: *number });
            }
            Some(_) => {}
            None => self.found.report(Problem::UnknownKey { number: *number, key: key.clone() }),
        }
    }
}
