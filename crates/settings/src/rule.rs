//! Constraints between settings. The rules themselves are beside their sections.

use crate::entry::Entries;
use crate::kind::Secrecy;
use crate::problem::{Problem, Source};
use crate::program::Program;

/// Collects the violated rules.
pub(crate) struct Rules<'a> {
    entries: &'a Entries,
    problems: &'a mut Vec<Problem>,
    warnings: &'a mut Vec<Problem>,
}

impl<'a> Rules<'a> {
    /// Rules for these entries, some of which may already have problems.
    pub(crate) fn new(
        entries: &'a Entries,
        problems: &'a mut Vec<Problem>,
        warnings: &'a mut Vec<Problem>,
    ) -> Self {
        Self { entries, problems, warnings }
    }

    /// Reports the first of `keys` unless the rule holds. Does nothing if one of `keys` could not
    /// be parsed: its value would be the default.
    pub(crate) fn require(&mut self, holds: bool, keys: &[&'static str], reason: &str) {
        let unreadable = |key: &&str| self.problems.iter().any(|problem| problem.is_about(key));
        if holds || keys.iter().any(unreadable) {
            return;
        }
        self.problems.push(self.problem(keys, reason));
    }

    /// As [`require`](Self::require), but only warns.
    pub(crate) fn advise(&mut self, holds: bool, keys: &[&'static str], reason: &str) {
        if !holds {
            self.warnings.push(self.problem(keys, reason));
        }
    }

    /// As [`require`](Self::require), but only warns where the first of `keys` was given in one of
    /// `variables`: an upstream configuration must work unchanged.
    pub(crate) fn require_unless_in(
        &mut self,
        variables: &[&str],
        holds: bool,
        keys: &[&'static str],
        reason: &str,
    ) {
        let source = self.entries.get(keys[0]).map(|entry| &entry.source);
        match source {
            Some(Source::Variable(name)) if variables.contains(&name.as_str()) => {
                self.advise(holds, keys, reason);
            }
            Some(_) | None => self.require(holds, keys, reason),
        }
    }

    /// Whether there is a problem with a setting whose key begins with `prefix`.
    #[cfg(feature = "ldap")]
    pub(crate) fn has_problem(&self, prefix: &str) -> bool {
        self.problems.iter().any(|problem| problem.is_below(prefix))
    }

    /// Whether a setting was given, in any source.
    pub(crate) fn is_given(&self, key: &str) -> bool {
        self.entries.get(key).is_some()
    }

    /// Whether each of `keys` that was given was given in one of `variables`.
    pub(crate) fn is_only_in(&self, variables: &[&str], keys: &[&str]) -> bool {
        keys.iter().filter_map(|key| self.entries.get(key)).all(|entry| match &entry.source {
            Source::Variable(name) => variables.contains(&name.as_str()),
            Source::Default | Source::File(_) | Source::Argument => false,
        })
    }

    fn problem(&self, keys: &[&'static str], reason: &str) -> Problem {
        if let Some(entry) = self.entries.get(keys[0]) {
            let problem = Problem::new(keys[0], reason, entry.source.clone());
            if is_public(keys[0]) { problem.with_value(&entry.raw) } else { problem }
        } else {
            // Reports a setting that was set rather than one that has its default.
            let given = keys.iter().find_map(|key| self.entries.get(key));
            let source = given.map_or(Source::Default, |entry| entry.source.clone());
            Problem::new(keys[0], reason, source)
        }
    }
}

fn is_public(key: &str) -> bool {
    Program::Server.find(key).is_some_and(|setting| setting.secrecy == Secrecy::Public)
}
