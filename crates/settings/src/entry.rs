//! Settings as written, before they become values.

use std::collections::BTreeMap;

use crate::kind::{Kind, Raw, Secrecy};
use crate::problem::{Problem, Source};

/// What was written for one setting, and where. Has no `Debug`: it may be a secret.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) raw: Raw,
    pub(crate) source: Source,
}

/// Settings as written, by their key.
#[derive(Default)]
pub(crate) struct Entries(BTreeMap<&'static str, Entry>);

impl Entries {
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.0.get(key)
    }

    /// Adds what was written. An empty text counts as absent, unless it stands for a secret: to go
    /// on without a secret that was meant to be there would be to fail open.
    pub(crate) fn add(
        &mut self,
        key: &'static str,
        secrecy: Secrecy,
        entry: Entry,
        problems: &mut Vec<Problem>,
    ) {
        let Entry { raw, source } = entry;
        if raw.is_empty() {
            if secrecy == Secrecy::Secret {
                let reason = "is empty: give a secret, or leave the setting out";
                problems.push(Problem::new(key, reason, source));
            }
            return;
        }
        match self.0.get(key) {
            Some(earlier) if earlier.raw != raw => {
                let reason = match &earlier.source {
                    same if *same == source => "is given twice, with different values".to_owned(),
                    other => format!("{other} says something else"),
                };
                problems.push(Problem::new(key, reason, source));
            }
            Some(_) => {}
            None => {
                self.0.insert(key, Entry { raw, source });
            }
        }
    }

    /// Puts the entries of a source that takes precedence over these.
    pub(crate) fn override_with(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

/// Turns entries into typed values and collects what is wrong with them.
pub(crate) struct Reader<'a> {
    entries: &'a Entries,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(entries: &'a Entries, problems: &'a mut Vec<Problem>) -> Self {
        Self { entries, problems }
    }

    /// Puts the value of a setting into its place, which keeps its default where there is none.
    pub(crate) fn read<K: Kind>(&mut self, key: &'static str, place: &mut K::Value) {
        let Some(entry) = self.entries.get(key) else { return };
        match K::parse(&entry.raw) {
            Ok(value) => *place = value,
            Err(reason) => {
                let problem = Problem::new(key, reason.to_string(), entry.source.clone());
                self.problems.push(match K::SECRECY {
                    Secrecy::Public => problem.with_value(&entry.raw),
                    Secrecy::Secret => problem,
                });
            }
        }
    }
}
