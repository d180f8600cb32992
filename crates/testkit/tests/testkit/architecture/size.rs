//! Limits on the length of files and functions.

use std::fs;

use super::workspace::{files, relative, root};

const MAX_FILE: usize = 400;
const MAX_FUNCTION: usize = 60;

#[test]
fn files_and_functions_are_short() {
    let mut long = Vec::new();
    for path in files(&root(), "rs") {
        let (file, source) = (relative(&path), fs::read_to_string(&path).unwrap());
        let lines = source.lines().count();
        if lines > MAX_FILE {
            long.push(format!("{file}: {lines} lines; split it"));
        }
        for (name, lines) in functions(&source) {
            if lines > MAX_FUNCTION {
                long.push(format!("{file}: `{name}` has {lines} lines; split it into steps"));
            }
        }
    }
    assert_eq!(long, Vec::<String>::new());
}

#[test]
fn functions_are_measured_from_their_name_to_their_end() {
    let source = "\
trait Port {
    fn declared(&self);
    fn long(
        &self,
    ) -> u8;
}

pub(crate) async fn body() {
    let closure = || {
    };
}

const fn one_line() {}

    const fn nested(
        a: u8,
    ) {
        let b = a;
    }
";
    let found: Vec<_> = functions(source).collect();
    assert_eq!(found, [("body", 4), ("nested", 5)]);
}

/// Each function with a body of more than one line, and its number of lines.
fn functions(source: &str) -> impl Iterator<Item = (&str, usize)> {
    let lines: Vec<_> = source.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function(line) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let (end, declared) = (format!("{indent}}}"), format!("{indent})"));
        let is_declared = |line: &str| line.starts_with(&declared) && line.ends_with(';');
        let is_last = |line: &str| line.trim_end() == end || is_declared(line);
        if line.ends_with(';') || line.ends_with('}') {
            continue;
        }
        if let Some(length) = lines[start..].iter().position(|line| is_last(line))
            && !is_declared(lines[start + length])
        {
            found.push((name, length + 1));
        }
    }
    found.into_iter()
}

/// The name of the function that a line begins to define.
fn function(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let is_qualifier =
        |word: &&str| ["async", "const", "default"].contains(word) || word.starts_with("pub");
    let keyword = words.by_ref().find(|word| !is_qualifier(word))?;
    if keyword != "fn" {
        return None;
    }
    words.next()?.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}
