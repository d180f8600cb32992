//! Raw settings, before they are parsed.

use std::collections::BTreeMap;

use crate::kind::{EMPTY_RESTRICTION, EmptyValue, Kind, Raw, Secrecy};
use crate::problem::{Problem, Source};
use crate::section::Setting;

/// The raw value of one setting and its source. Has no `Debug`: it may be a secret.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) raw: Raw,
    pub(crate) source: Source,
}

/// Raw settings by their key.
#[derive(Default)]
pub(crate) struct Entries(BTreeMap<&'static str, Entry>);

impl Entries {
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.0.get(key)
    }

    /// Adds a raw value. Empty text counts as absent, except for a secret or a restriction, where it is
    /// an error: continuing without an intended one would fail open.
    pub(crate) fn add(
        &mut self,
        setting: &'static Setting,
        entry: Entry,
        problems: &mut Vec<Problem>,
    ) {
        let key = setting.key;
        let Entry { raw, source } = entry;
        if raw.is_empty() {
            let reason = match setting.secrecy {
                Secrecy::Secret => "is empty: set a secret, or remove the setting",
                Secrecy::Public => EMPTY_RESTRICTION,
            };
            match setting.empty {
                EmptyValue::Absent => {}
                EmptyValue::Invalid => problems.push(Problem::new(key, reason, source)),
            }
            return;
        }
        match self.0.get(key) {
            Some(earlier) if earlier.raw != raw => {
                let reason = match &earlier.source {
                    same if *same == source => "is set twice, with different values".to_owned(),
                    other => format!("{other} sets a different value"),
                };
                problems.push(Problem::new(key, reason, source));
            }
            Some(_) => {}
            None => {
                self.0.insert(key, Entry { raw, source });
            }
        }
    }

    /// Overrides these entries with those of a source that takes precedence.
    pub(crate) fn override_with(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

/// Parses entries into typed values and collects the problems.
pub(crate) struct Reader<'a> {
    entries: &'a Entries,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(entries: &'a Entries, problems: &'a mut Vec<Problem>) -> Self {
        Self { entries, problems }
    }

    /// Writes the value of a setting to `target`, which keeps its default if the setting is absent.
    pub(crate) fn read<K: Kind>(&mut self, key: &'static str, target: &mut K::Value) {
        let Some(entry) = self.entries.get(key) else { return };
        match K::parse(&entry.raw) {
            Ok(value) => *target = value,
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
