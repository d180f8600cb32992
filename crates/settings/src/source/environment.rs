//! Settings in the environment: `CROSSAUTH_` followed by our name or an upstream name. A secret can
//! be read from a file instead, whose path is in the variable with `_FILE` appended.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::foreign::is_foreign;
use super::secret::read_secret;
use super::{MAX_SUGGESTIONS, nearest};
use crate::entry::{Entries, Entry};
use crate::kind::{Raw, Secrecy};
use crate::problem::{Problem, Source};
use crate::program::Program;
use crate::section::Setting;

/// Prefix of the names of all our variables.
const PREFIX: &str = "CROSSAUTH_";

/// The variable with the path of the settings file; not a setting itself.
pub const CONFIG_FILE: &str = "CROSSAUTH_CONFIG";

/// The result of reading the environment.
#[derive(Default)]
pub(crate) struct Found {
    /// The settings.
    pub(crate) entries: Entries,
    /// The file that [`CONFIG_FILE`] names.
    pub(crate) file: Option<PathBuf>,
    /// Variables that were set by orchestrators and images.
    pub(crate) ignored: Vec<String>,
}

/// Reads the settings; reports every unknown or contradictory name.
pub(crate) fn read(
    program: Program,
    variables: Vec<(OsString, OsString)>,
    problems: &mut Vec<Problem>,
) -> Found {
    let mut found = Found::default();
    for (name, value) in own_variables(program, variables) {
        let source = Source::Variable(name.clone());
        if name == CONFIG_FILE {
            found.file = Some(value).filter(|path| !path.is_empty()).map(PathBuf::from);
        } else if let Some((setting, form)) = lookup(program, &name) {
            match text(form, value) {
                Ok(text) => {
                    let entry = Entry { raw: Raw::Text(text), source };
                    found.entries.add(setting, entry, problems);
                }
                Err(reason) => problems.push(Problem::new(setting.key, reason, source)),
            }
        } else if !name.starts_with(PREFIX) {
            // Such as the path of a file for a setting that is not a secret.
            found.ignored.push(name);
        } else if is_foreign(&name[PREFIX.len()..], &value) {
            found.ignored.push(name);
        } else {
            problems.push(unknown(program, &name, source, problems.len() < MAX_SUGGESTIONS));
        }
    }
    found
}

fn own_variables(
    program: Program,
    variables: Vec<(OsString, OsString)>,
) -> Vec<(String, OsString)> {
    let bare = |name: &str| program.settings().any(|setting| setting.bare.contains(&name));
    let is_bare = |name: &str| bare(name) || name.strip_suffix("_FILE").is_some_and(bare);
    let is_own = |name: &OsStr| {
        name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) || name.to_str().is_some_and(is_bare)
    };
    let mut own: Vec<_> = variables
        .into_iter()
        .filter(|(name, _)| is_own(name))
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
        .collect();
    own.sort();
    own
}

/// Whether a variable contains the value or the path of a file with the value.
#[derive(Clone, Copy)]
enum Form {
    Value,
    File,
}

fn lookup(program: Program, name: &str) -> Option<(&'static Setting, Form)> {
    let named = |name: &str| {
        program.settings().find(|setting| setting.variables().any(|known| known == name))
    };
    if let Some(setting) = named(name) {
        return Some((setting, Form::Value));
    }
    named(name.strip_suffix("_FILE")?)
        .filter(|setting| setting.secrecy == Secrecy::Secret)
        .map(|setting| (setting, Form::File))
}

/// The text of a variable. Upstream writes `null` for absent values.
fn text(form: Form, value: OsString) -> Result<String, String> {
    match form {
        Form::File if value.is_empty() => Ok(String::new()),
        Form::File => read_secret(&PathBuf::from(value)),
        Form::Value if value == "null" => Ok(String::new()),
        Form::Value => value.into_string().map_err(|_| "expected UTF-8 text".to_owned()),
    }
}

fn unknown(program: Program, name: &str, source: Source, hint: bool) -> Problem {
    if program == Program::Application && lookup(Program::Server, name).is_some() {
        let reason = "is a setting of the server only: an application does this itself";
        return Problem::new(name, reason, source);
    }
    let known = program.settings().flat_map(Setting::variables).chain([CONFIG_FILE.to_owned()]);
    // Without the common prefix, which would make short names similar.
    let known = known.filter_map(|name| name.strip_prefix(PREFIX).map(str::to_owned));
    let meant = if hint { nearest(&name[PREFIX.len()..], known) } else { None };
    Problem::unknown(name, meant.map(|name| format!("{PREFIX}{name}")), source)
}
