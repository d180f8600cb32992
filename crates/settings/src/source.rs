//! Sources of settings: a file, the environment, the command line.

pub(crate) mod argument;
pub(crate) mod environment;
pub(crate) mod file;
mod foreign;
mod secret;

use crate::nearest::nearest;
use crate::problem::{Problem, Source};
use crate::program::Program;

/// Maximum number of problems with a suggestion; bounds the time for a large file.
const MAX_SUGGESTIONS: usize = 50;

/// Reports an unknown key, with a suggestion.
fn unknown_key(program: Program, key: &str, source: Source, problems: &mut Vec<Problem>) {
    if program == Program::Application && Program::Server.find(key).is_some() {
        let reason = "is a setting of the server only: an application does this in code";
        problems.push(Problem::new(key, reason, source));
        return;
    }
    let sections = program.settings().filter_map(|setting| setting.key.split_once('.'));
    let sections = sections.map(|(section, _)| section.to_owned());
    let keys = program.settings().map(|setting| setting.key.to_owned());
    let hint = problems.len() < MAX_SUGGESTIONS;
    let meant = if hint { nearest(key, keys.chain(sections)) } else { None };
    problems.push(Problem::unknown(key, meant, source));
}
