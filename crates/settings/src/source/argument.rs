//! Settings on the command line. Secrets are refused there: other users of the machine see them.

use super::unknown_key;
use crate::entry::{Entries, Entry};
use crate::kind::{Raw, Secrecy};
use crate::problem::{Problem, Source};
use crate::program::Program;

/// Reads the settings; the last value of a key takes precedence.
pub(crate) fn read(
    program: Program,
    arguments: Vec<(String, Option<String>)>,
    problems: &mut Vec<Problem>,
) -> Entries {
    let mut entries = Entries::default();
    for (key, value) in arguments {
        match program.find(&key) {
            None => unknown_key(program, &key, Source::Argument, problems),
            Some(setting) if setting.secrecy == Secrecy::Secret => {
                let reason = "is a secret, which others could see on the command line: \
                              give it in the environment, or in a file";
                problems.push(Problem::new(setting.key, reason, Source::Argument));
            }
            Some(setting) => {
                let Some(value) = value else {
                    let reason = "expected `KEY=VALUE`, such as `log.level=debug`";
                    problems.push(Problem::new(setting.key, reason, Source::Argument));
                    continue;
                };
                let entry = Entry { raw: Raw::Text(value), source: Source::Argument };
                let mut one = Entries::default();
                one.add(setting, entry, problems);
                entries.override_with(one);
            }
        }
    }
    entries
}
