//! The page of upstream's names has every published name, and nothing that does not exist.

use std::collections::BTreeSet;
use std::fs;

use super::workspace::{files, root};

/// The published names of Crossauth for Python: modules, classes, methods, fields and options.
const PUBLISHED: &str = include_str!("upstream_names.txt");

/// The section whose left column has names that are not among those of Python.
const TYPESCRIPT: &str = "Names of TypeScript only";

/// A row of a table: patterns of upstream's names, and what has their place.
struct Row {
    patterns: Vec<String>,
    ours: String,
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn rows() -> Vec<Row> {
    let page = read("docs/reference/upstream-names.md");
    let (page, typescript) = page.split_once(&format!("## {TYPESCRIPT}")).unwrap();
    let rows = [page, typescript].into_iter().flat_map(str::lines);
    let rows = rows.filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = rows.map(|line| line.split_once(" | ").unwrap());
    let rows = rows.filter(|(upstream, _)| *upstream != "upstream");
    rows.map(|(upstream, ours)| Row { patterns: spans(upstream), ours: ours.to_owned() }).collect()
}

/// The texts in code spans.
fn spans(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whether a name has the form of a pattern, in which `*` stands for any part without a dot.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(before) else { return false };
    let end = rest.find('.').unwrap_or(rest.len());
    (0..=end).any(|length| rest.is_char_boundary(length) && matches(after, &rest[length..]))
}

/// The rows whose patterns match a name best: those with the longest.
fn best<'a>(rows: &'a [Row], name: &str) -> Vec<&'a Row> {
    let length = |row: &Row| {
        let matching = row.patterns.iter().filter(|pattern| matches(pattern, name));
        matching.map(|pattern| pattern.replace('*', "").len()).max()
    };
    let longest = rows.iter().filter_map(length).max();
    rows.iter().filter(|row| longest.is_some() && length(row) == longest).collect()
}

#[test]
fn every_published_name_has_one_row() {
    let rows = rows();
    let found = |name: &&str| best(&rows, name).len();
    let wrong: Vec<_> = PUBLISHED.lines().filter(|name| found(name) != 1).collect();
    let wrong: Vec<_> = wrong.iter().map(|name| format!("{name}: {}", found(name))).collect();
    assert_eq!(wrong, [""; 0], "names with the number of their rows");
}

#[test]
fn every_name_of_a_row_is_published() {
    let rows = rows();
    let patterns = rows.iter().flat_map(|row| &row.patterns);
    let is_published = |pattern: &&String| PUBLISHED.lines().any(|name| matches(pattern, name));
    let unknown: Vec<_> = patterns.filter(|pattern| !is_published(pattern)).collect();
    assert_eq!(unknown, [""; 0]);
}

#[test]
fn what_has_the_place_of_a_name_exists() {
    let sources = ["core", "axum", "mail", "settings", "storage-ldap", "storage-sql"]
        .map(|name| files(&root().join("crates").join(name).join("src"), "rs"));
    let sources: Vec<String> =
        sources.iter().flatten().map(|path| fs::read_to_string(path).unwrap()).collect();
    let files: Vec<_> = sources.iter().map(|source| (source, definitions(source))).collect();
    // A member is defined in a file that names its type.
    let is_defined = |name: &str| {
        let name = name.strip_prefix("Option<").unwrap_or(name).trim_end_matches('>');
        let (owner, member) = name.rsplit_once("::").unwrap_or(("", name));
        files.iter().any(|(source, names)| names.contains(member) && source.contains(owner))
    };
    let settings = read("docs/reference/settings.md");
    let upstream: BTreeSet<&str> = PUBLISHED.lines().collect();
    let exists = |name: &String| {
        is_defined(name)
            || settings.contains(&format!("\n### `{name}`\n"))
            || root().join("crates/axum/templates").join(name).is_file()
            || upstream.contains(name.as_str())
    };
    let rows = rows();
    let missing: BTreeSet<String> =
        rows.iter().flat_map(|row| spans(&row.ours)).filter(|name| !exists(name)).collect();
    assert_eq!(missing, BTreeSet::new());
}

/// The names of items, fields and variants.
fn definitions(source: &str) -> BTreeSet<&str> {
    const ITEMS: [&str; 7] = ["fn", "struct", "enum", "trait", "type", "const", "mod"];
    let mut names = BTreeSet::new();
    for line in source.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        let after_item = words.windows(2).filter(|pair| ITEMS.contains(&pair[0]));
        names.extend(after_item.map(|pair| pair[1]));
        let is_field = line.starts_with("pub ") && line.contains(": ");
        let is_variant = words.first().is_some_and(|word| word.starts_with(char::is_uppercase));
        match words[..] {
            ["pub", name, ..] if is_field => names.extend([name]),
            [name, ..] if is_variant => names.extend([name]),
            _ => {}
        }
    }
    names
}

#[test]
fn patterns_and_definitions_are_read() {
    for (pattern, name, expected) in [
        ("A.b", "A.b", true),
        ("A.b", "A.bc", false),
        ("*Options.b", "XOptions.b", true),
        ("*Options.b", "X.yOptions.b", false),
        ("OAuth*", "OAuthClient", true),
        ("OAuth*", "OAuthClient.id", false),
        ("OAuth*.*", "OAuthClient.id", true),
        ("A.add_*", "A.add_b", true),
    ] {
        assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
    }
    let source =
        "pub struct A {\n pub b: u8,\n}\nenum C {\n X,\n}\n  D = \"d\",\nasync fn e() {}\n// fn f";
    assert_eq!(definitions(source), BTreeSet::from(["A", "C", "D", "X", "b", "e"]));
}
