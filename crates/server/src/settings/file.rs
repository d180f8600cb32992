//! Settings in a TOML file. A secret may stand in a file of its own, whose path is then given
//! under the key with `_file` added.

use std::fs;
use std::path::Path;

use super::nearest::nearest;
use super::problem::{Problem, Source};
use super::table::{Setting, TABLE};
use super::value::{Raw, Secrecy};
use super::{Entries, Entry};

/// The settings found, with every unknown key among the problems.
pub(super) fn read(path: &Path, problems: &mut Vec<Problem>) -> Entries {
    let source = Source::File(path.to_owned());
    let mut entries = Entries::new();
    let mut fail = |reason: String| problems.push(Problem::new("--config", reason, source.clone()));
    match fs::read_to_string(path) {
        Err(error) => fail(format!("cannot be read: {error}")),
        Ok(text) => match text.parse::<toml::Table>() {
            Err(error) => fail(syntax_problem(&text, &error)),
            Ok(table) => {
                let mut found = Found { entries: &mut entries, source: &source, problems };
                found.add_table("", table);
            }
        },
    }
    entries
}

/// Where the text is not TOML. The text itself is not repeated: it may hold a secret.
fn syntax_problem(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    format!("not TOML at line {line}: {}", error.message())
}

struct Found<'a> {
    entries: &'a mut Entries,
    source: &'a Source,
    problems: &'a mut Vec<Problem>,
}

impl Found<'_> {
    fn add_table(&mut self, prefix: &str, table: toml::Table) {
        for (name, value) in table {
            let key = format!("{prefix}{name}");
            if is_section(&key)
                && let toml::Value::Table(inner) = value
            {
                self.add_table(&format!("{key}."), inner);
            } else {
                self.add(&key, value);
            }
        }
    }

    fn add(&mut self, key: &str, value: toml::Value) {
        let source = self.source.clone();
        if let Some(setting) = Setting::find(key) {
            match raw(value) {
                Some(raw) => self.insert(setting, raw),
                None => self.problems.push(Problem::new(
                    setting.key,
                    format!("expected {}", setting.expects),
                    source,
                )),
            }
        } else if let Some(setting) = secret_of(key) {
            let path = value.as_str().map(Path::new);
            match path.map_or_else(|| Err("expected a path".to_owned()), read_secret) {
                Ok(text) => self.insert(setting, Raw::Text(text)),
                Err(reason) => self.problems.push(Problem::new(key, reason, source)),
            }
        } else {
            self.problems.push(Problem::unknown(key, nearest(key, names()), source));
        }
    }

    fn insert(&mut self, setting: &'static Setting, raw: Raw) {
        let entry = Entry { raw, source: self.source.clone() };
        if self.entries.insert(setting.key, entry).is_some() {
            let reason = "given both here and in a file of its own";
            self.problems.push(Problem::new(setting.key, reason, self.source.clone()));
        }
    }
}

fn is_section(key: &str) -> bool {
    let prefix = format!("{key}.");
    TABLE.iter().any(|setting| setting.key.starts_with(&prefix))
}

fn names() -> impl Iterator<Item = String> {
    let sections = TABLE.iter().filter_map(|setting| setting.key.split_once('.'));
    let sections = sections.map(|(section, _)| section.to_owned());
    TABLE.iter().map(|setting| setting.key.to_owned()).chain(sections)
}

fn secret_of(key: &str) -> Option<&'static Setting> {
    Setting::find(key.strip_suffix("_file")?).filter(|setting| setting.secrecy == Secrecy::Secret)
}

fn raw(value: toml::Value) -> Option<Raw> {
    match value {
        toml::Value::String(text) => Some(Raw::Text(text)),
        toml::Value::Integer(number) => Some(Raw::Text(number.to_string())),
        toml::Value::Boolean(switch) => Some(Raw::Text(switch.to_string())),
        toml::Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .map(Raw::List),
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

/// The secret in a file of its own, without the line break at its end.
pub(super) fn read_secret(path: &Path) -> Result<String, String> {
    let text = fs::read_to_string(path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    // A secret that has not been put there yet must not count as one that is not wanted.
    if secret.is_empty() {
        return Err(format!("{} is empty", path.display()));
    }
    Ok(secret.to_owned())
}
