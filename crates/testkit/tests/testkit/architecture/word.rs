//! Words that CONTRIBUTING.md asks to replace by the terms of the field.

use std::fs;
use std::path::PathBuf;

use super::workspace::{files, relative, root};

/// Words and phrases, in lower case.
const AVOIDED: [&str; 6] =
    ["shut", "void", "anew", "strangers", "nobody in particular", "the originals"];

/// Where such a word is the right one: the file, a part of the line, and why.
const RIGHT: &[(&str, &str, &str)] = &[
    ("CONTRIBUTING.md", "\"strangers\" or \"anew\"", "names the words to avoid"),
    ("CONTRIBUTING.md", "| ", "the table of examples quotes what was replaced"),
    ("crates/testkit/tests/testkit/architecture/word.rs", "", "lists the words"),
];

#[test]
fn the_terms_of_the_field_are_used() {
    let mut found = Vec::new();
    for path in texts() {
        let file = relative(&path);
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            let word = AVOIDED.iter().find(|word| holds(line, word));
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
    assert!(holds("Shut an account.", "shut"));
    assert!(holds("a session of Nobody in particular", "nobody in particular"));
    assert!(!holds("shutdown avoids it", "shut") && !holds("shutdown avoids it", "void"));
}

/// The code, the documents and the scripts.
fn texts() -> Vec<PathBuf> {
    let of = |extension| files(&root(), extension);
    let mut texts: Vec<_> =
        ["rs", "md", "toml", "html", "css", "js"].into_iter().flat_map(of).collect();
    for script in fs::read_dir(root().join("scripts")).unwrap() {
        texts.push(script.unwrap().path());
    }
    texts
}

fn holds(line: &str, word: &str) -> bool {
    let line = line.to_lowercase();
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(is_letter) && !line[at + word.len()..].starts_with(is_letter)
    })
}
