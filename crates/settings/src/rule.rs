//! What settings must satisfy together. The rules themselves are beside their sections.

use crate::entry::Entries;
use crate::problem::{Problem, Source};

/// Collects the rules that are broken.
pub(crate) struct Rules<'a> {
    entries: &'a Entries,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Rules<'a> {
    /// Rules over these entries, some of which may have problems already.
    pub(crate) fn new(entries: &'a Entries, problems: &'a mut Vec<Problem>) -> Self {
        Self { entries, problems }
    }

    /// Reports the first of `keys`, which is no secret, unless the rule holds. Says nothing where one of `keys` could
    /// not be read: the rule was applied to its default then.
    pub(crate) fn require(&mut self, holds: bool, keys: &[&'static str], reason: &str) {
        let unreadable = |key: &&str| self.problems.iter().any(|problem| problem.is_about(key));
        if holds || keys.iter().any(unreadable) {
            return;
        }
        let problem = if let Some(entry) = self.entries.get(keys[0]) {
            Problem::new(keys[0], reason, entry.source.clone()).with_value(&entry.raw)
        } else {
            // The reader of the message looks where something was written.
            let given = keys.iter().find_map(|key| self.entries.get(key));
            let source = given.map_or(Source::Default, |entry| entry.source.clone());
            Problem::new(keys[0], reason, source)
        };
        self.problems.push(problem);
    }
}
