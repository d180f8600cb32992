//! Configuration: one table of settings, read from the command line, the environment and a file.
//!
//! Every problem is found before any is reported. To add a setting, add a line to `table`.

pub(crate) mod choice;
mod environment;
mod file;
mod nearest;
mod problem;
pub(crate) mod reference;
mod rule;
mod table;
pub(crate) mod value;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

pub(crate) use environment::CONFIG_FILE;
pub(crate) use problem::{Problem, Source};
pub(crate) use table::{Setting, Settings, TABLE};
use value::{Raw, Secrecy, Value};

/// What was written for one setting, and where. Has no `Debug`: it may be a secret.
struct Entry {
    raw: Raw,
    source: Source,
}

/// Settings as written, by their key.
type Entries = BTreeMap<&'static str, Entry>;

/// The settings in effect and where each comes from.
pub(crate) struct Configuration {
    /// The checked values.
    pub(crate) settings: Settings,
    entries: Entries,
}

impl Configuration {
    /// Every setting with its value, unless secret, and where that comes from.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        TABLE.iter().map(|setting| {
            let key = setting.key;
            match (self.entries.get(key), setting.secrecy) {
                (None, _) if setting.default.is_empty() => format!("# {key} is not set"),
                (None, _) => format!("{key} = {:?}  # default", setting.default),
                (Some(entry), Secrecy::Secret) => format!("{key} = (hidden)  # {}", entry.source),
                (Some(entry), Secrecy::Open) => {
                    format!("{key} = {}  # {}", entry.raw, entry.source)
                }
            }
        })
    }
}

/// Where settings can come from; later ones win over earlier ones.
#[derive(Default)]
pub(crate) struct Inputs<'a> {
    /// A TOML file.
    pub(crate) file: Option<&'a Path>,
    /// The environment, of which only `CROSSAUTH_…` counts.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Key and value pairs of the command line.
    pub(crate) arguments: Vec<(&'static str, String)>,
}

impl Inputs<'_> {
    /// Reads and checks everything, or says everything that is wrong.
    pub(crate) fn load(self) -> Result<Configuration, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut entries = Entries::new();
        if let Some(path) = self.file {
            entries.extend(file::read(path, &mut problems));
        }
        entries.extend(environment::read(self.environment, &mut problems));
        for (key, value) in self.arguments {
            entries.insert(key, Entry { raw: Raw::Text(value), source: Source::Argument });
        }
        let settings = Settings::read(&mut Reader { entries: &entries, problems: &mut problems });
        if let Some(settings) = &settings {
            problems.extend(rule::broken(settings, &entries));
        }
        match settings {
            Some(settings) if problems.is_empty() => Ok(Configuration { settings, entries }),
            Some(_) | None => Err(problems),
        }
    }
}

/// Turns entries into typed values and keeps account of what is wrong with them.
struct Reader<'a> {
    entries: &'a Entries,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn read<T: Value>(&mut self, key: &'static str) -> Option<T> {
        match self.entries.get(key) {
            None => Self::default(key),
            // Who names a secret means one: to go on without it would be to fail open.
            Some(entry) if T::SECRECY == Secrecy::Secret && entry.raw.says_nothing() => {
                let reason = "is empty: give a secret, or leave the setting out";
                self.problems.push(Problem::new(key, reason, entry.source.clone()));
                None
            }
            Some(entry) => match T::parse(&entry.raw) {
                Ok(value) => Some(value),
                Err(reason) => {
                    let problem = Problem::new(key, reason.to_string(), entry.source.clone());
                    self.problems.push(match T::SECRECY {
                        Secrecy::Open => problem.with_value(&entry.raw),
                        Secrecy::Secret => problem,
                    });
                    None
                }
            },
        }
    }

    fn default<T: Value>(key: &'static str) -> Option<T> {
        let default = Setting::find(key)?.default;
        T::parse(&Raw::Text(default.to_owned())).ok()
    }
}

#[cfg(test)]
mod tests;
