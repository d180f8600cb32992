//! Settings in a TOML file. A secret can be read from a separate file, whose path is under the key
//! with `_file` appended.

use std::fs;
use std::path::Path;

use super::secret::read_secret;
use super::unknown_key;
use crate::entry::{Entries, Entry};
use crate::kind::{Raw, Secrecy};
use crate::problem::{Problem, Source};
use crate::program::Program;
use crate::section::Setting;

/// Reads the settings; reports every unknown key.
pub(crate) fn read(program: Program, path: &Path, problems: &mut Vec<Problem>) -> Entries {
    let source = Source::File(path.to_owned());
    let mut entries = Entries::default();
    let mut fail = |reason: String| problems.push(Problem::new("--config", reason, source.clone()));
    match fs::read_to_string(path) {
        Err(error) => fail(format!("cannot be read: {error}")),
        Ok(text) => match text.parse::<toml::Table>() {
            Err(error) => fail(syntax_problem(&text, &error)),
            Ok(table) => {
                let found = &mut entries;
                Found { program, entries: found, source: &source, problems }.add_table("", table);
            }
        },
    }
    entries
}

/// Describes a syntax error without repeating the text, which may contain a secret.
fn syntax_problem(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    format!("not TOML at line {line}: {}", error.message())
}

struct Found<'a> {
    program: Program,
    entries: &'a mut Entries,
    source: &'a Source,
    problems: &'a mut Vec<Problem>,
}

impl Found<'_> {
    fn add_table(&mut self, prefix: &str, table: toml::Table) {
        for (name, value) in table {
            let key = format!("{prefix}{name}");
            if self.is_section(&key)
                && let toml::Value::Table(inner) = value
            {
                self.add_table(&format!("{key}."), inner);
            } else {
                self.add(&key, value);
            }
        }
    }

    fn is_section(&self, key: &str) -> bool {
        let prefix = format!("{key}.");
        // Sections of the server, so that an application gets a problem for each server setting.
        self.program
            .settings()
            .chain(Program::Server.settings())
            .any(|s| s.key.starts_with(&prefix))
    }

    fn add(&mut self, key: &str, value: toml::Value) {
        let source = self.source.clone();
        if let Some(setting) = self.program.find(key) {
            match raw(value) {
                Some(raw) => self.insert(setting, raw),
                None => self.problems.push(Problem::new(
                    setting.key,
                    format!("expected {}", setting.expects),
                    source,
                )),
            }
        } else if let Some(setting) = self.secret_of(key) {
            let path = value.as_str().map(Path::new);
            match path.map_or_else(|| Err("expected a path".to_owned()), read_secret) {
                Ok(text) => self.insert(setting, Raw::Text(text)),
                Err(reason) => self.problems.push(Problem::new(key, reason, source)),
            }
        } else {
            unknown_key(self.program, key, source, self.problems);
        }
    }

    fn insert(&mut self, setting: &'static Setting, raw: Raw) {
        let entry = Entry { raw, source: self.source.clone() };
        self.entries.add(setting, entry, self.problems);
    }

    fn secret_of(&self, key: &str) -> Option<&'static Setting> {
        let setting = self.program.find(key.strip_suffix("_file")?);
        setting.filter(|setting| setting.secrecy == Secrecy::Secret)
    }
}

fn raw(value: toml::Value) -> Option<Raw> {
    match value {
        toml::Value::String(text) => Some(Raw::Text(text)),
        toml::Value::Integer(number) => Some(Raw::Text(number.to_string())),
        toml::Value::Boolean(switch) => Some(Raw::Text(switch.to_string())),
        toml::Value::Array(items) => list(&items).or_else(|| tables(&items)),
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

fn list(items: &[toml::Value]) -> Option<Raw> {
    let items = items.iter().map(|item| item.as_str().map(str::to_owned));
    items.collect::<Option<_>>().map(Raw::List)
}

fn tables(items: &[toml::Value]) -> Option<Raw> {
    items.iter().map(|item| item.as_table().cloned()).collect::<Option<_>>().map(Raw::Tables)
}
