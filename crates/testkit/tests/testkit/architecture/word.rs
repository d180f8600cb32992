//! Words that CONTRIBUTING.md forbids in favour of the terms of the field.

use std::fs;
use std::path::PathBuf;

use super::workspace::{files, relative, root};

/// Words and phrases, in lower case.
const AVOIDED: [&str; 17] = [
    "all the same",
    "anew",
    "counts for nothing",
    "leads somewhere",
    "litter",
    "lives on",
    "look-up form",
    "meanwhile",
    "nobody in particular",
    "says so",
    "shut",
    "strangers",
    "the originals",
    "thereby",
    "void",
    "whence",
    "whoever",
];

/// Exceptions: the file, a part of the line, and the reason.
const RIGHT: &[(&str, &str, &str)] = &[
    ("CONTRIBUTING.md", "\"strangers\" or \"anew\"", "lists the words to avoid"),
    ("CONTRIBUTING.md", "| ", "the table of examples quotes replaced text"),
    ("crates/testkit/tests/testkit/architecture/word.rs", "", "lists the words"),
    ("scripts/faults", "const void *", "a part of it is C"),
    ("scripts/faults-ldap", "SHUT_RDWR", "a constant of Python"),
];

#[test]
fn avoided_words_are_absent() {
    let mut found = Vec::new();
    for path in texts() {
        let file = relative(&path);
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            let word = AVOIDED.iter().find(|word| contains_word(line, word));
            let right = RIGHT.iter().any(|(name, part, _)| *name == file && line.contains(part));
            if let Some(word) = word.filter(|_| !right) {
                found.push(format!("{file}:{}: {word}", number + 1));
            }
        }
    }
    assert_eq!(found, Vec::<String>::new(), "see the table in CONTRIBUTING.md");
}

#[test]
fn words_are_found_whole_and_in_any_case() {
    assert!(contains_word("Shut an account.", "shut"));
    assert!(contains_word("a session of Nobody in particular", "nobody in particular"));
    assert!(contains_word("fn a_cookie_is_void()", "void"));
    assert!(
        !contains_word("shutdown avoids it", "shut")
            && !contains_word("shutdown avoids it", "void")
    );
}

/// The code, the documents and the scripts.
fn texts() -> Vec<PathBuf> {
    let of = |extension| files(&root(), extension);
    let mut texts: Vec<_> =
        ["rs", "md", "toml", "html", "css", "js"].into_iter().flat_map(of).collect();
    for script in fs::read_dir(root().join("scripts")).unwrap() {
        let path = script.unwrap().path();
        if path.is_dir() {
            texts.extend(files(&path, "py"));
        } else {
            texts.push(path);
        }
    }
    texts
}

/// Whether a line contains a word or phrase, also as a part of an identifier in snake case.
fn contains_word(line: &str, word: &str) -> bool {
    let line = line.to_lowercase().replace('_', " ");
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(char::is_alphanumeric)
            && !line[at + word.len()..].starts_with(char::is_alphanumeric)
    })
}
