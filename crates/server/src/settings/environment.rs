//! Settings in the environment: `CROSSAUTH_` and a name of ours or of the originals. A secret may
//! stand in a file instead, whose path is then given under the name with `_FILE` added.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::file::read_secret;
use super::nearest::nearest;
use super::problem::{Problem, Source};
use super::table::{Setting, TABLE};
use super::value::{Raw, Secrecy};
use super::{Entries, Entry};

/// How the names of all our variables begin.
const PREFIX: &str = "CROSSAUTH_";

/// Names the file with the settings, so is no setting itself.
pub(crate) const CONFIG_FILE: &str = "CROSSAUTH_CONFIG";

/// The settings found, with every misspelt or contradictory name among the problems.
pub(super) fn read(variables: Vec<(OsString, OsString)>, problems: &mut Vec<Problem>) -> Entries {
    let mut entries = Entries::new();
    for (name, value) in ours(variables) {
        let source = Source::Variable(name.clone());
        let Some((setting, form)) = lookup(&name) else {
            problems.push(unknown(&name, source));
            continue;
        };
        let raw = match form {
            Form::Value => value.into_string().map_err(|_| "expected UTF-8 text".to_owned()),
            Form::File => read_secret(&PathBuf::from(value)),
        };
        match raw {
            Ok(text) => put(&mut entries, setting, text, source, problems),
            Err(reason) => problems.push(Problem::new(setting.key, reason, source)),
        }
    }
    entries
}

fn ours(variables: Vec<(OsString, OsString)>) -> Vec<(String, OsString)> {
    let is_ours = |name: &OsStr| {
        name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) && name != CONFIG_FILE
    };
    let mut ours: Vec<_> = variables
        .into_iter()
        .filter(|(name, _)| is_ours(name))
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
        .collect();
    ours.sort();
    ours
}

fn put(
    entries: &mut Entries,
    setting: &'static Setting,
    text: String,
    source: Source,
    problems: &mut Vec<Problem>,
) {
    let raw = Raw::Text(text);
    match entries.get(setting.key) {
        Some(earlier) if earlier.raw != raw => {
            let reason = format!("{} says something else", earlier.source);
            problems.push(Problem::new(setting.key, reason, source));
        }
        Some(_) => {}
        None => {
            entries.insert(setting.key, Entry { raw, source });
        }
    }
}

enum Form {
    Value,
    File,
}

fn lookup(name: &str) -> Option<(&'static Setting, Form)> {
    let named = |name: &str| TABLE.iter().find(|setting| setting.variables().any(|n| n == name));
    if let Some(setting) = named(name) {
        return Some((setting, Form::Value));
    }
    named(name.strip_suffix("_FILE")?)
        .filter(|setting| setting.secrecy == Secrecy::Secret)
        .map(|setting| (setting, Form::File))
}

fn unknown(name: &str, source: Source) -> Problem {
    let known = TABLE.iter().flat_map(Setting::variables).chain([CONFIG_FILE.to_owned()]);
    // What all have in common would make short names look alike.
    let known = known.filter_map(|name| name.strip_prefix(PREFIX).map(str::to_owned));
    let meant = nearest(name.trim_start_matches(PREFIX), known);
    Problem::unknown(name, meant.map(|name| format!("{PREFIX}{name}")), source)
}
