//! The tables of `docs/security`: each known attack and each defect of upstream has a row, and the
//! tests that the rows name exist.

use std::collections::BTreeSet;
use std::fs;

use super::workspace::root;

/// How many attacks each group of the list has.
const GROUPS: [(char, u32); 19] = [
    ('S', 23),
    ('C', 15),
    ('L', 24),
    ('E', 16),
    ('B', 15),
    ('R', 20),
    ('M', 21),
    ('K', 14),
    ('A', 29),
    ('T', 19),
    ('F', 13),
    ('D', 12),
    ('J', 22),
    ('P', 18),
    ('H', 16),
    ('X', 14),
    ('I', 17),
    ('G', 8),
    ('O', 5),
];

/// The last number of the list of defects.
const DEFECTS: u32 = 70;

/// A number that no defect has.
const NO_DEFECT: u32 = 38;

#[test]
fn every_attack_has_a_row_whose_tests_exist() {
    let of_group = |(group, count)| (1..=count).map(move |number| format!("{group}{number}"));
    check("attacks.md", GROUPS.into_iter().flat_map(of_group));
}

#[test]
fn every_defect_of_upstream_has_a_row_whose_tests_exist() {
    let numbers = (1..=DEFECTS).filter(|number| *number != NO_DEFECT);
    check("defects.md", numbers.map(|number| format!("B{number}")));
}

/// Checks that the page has one row for each number, each with a test that exists or a reason.
fn check(page: &str, numbers: impl Iterator<Item = String>) {
    let text = fs::read_to_string(root().join("docs/security").join(page)).unwrap();
    let rows: Vec<_> = text.lines().filter_map(row).collect();
    let expected: Vec<_> = numbers.collect();
    let listed: Vec<_> = rows.iter().map(|row| row.number.to_owned()).collect();
    let (listed_set, expected_set): (BTreeSet<_>, BTreeSet<_>) =
        (listed.iter().collect(), expected.iter().collect());
    assert_eq!(listed_set, expected_set, "the numbers in {page}");
    assert_eq!(listed.len(), expected.len(), "a number has two rows in {page}");
    let empty: Vec<_> = rows.iter().filter(|row| !row.is_filled()).map(|row| row.number).collect();
    assert_eq!(empty, [""; 0], "neither a test nor a reason in {page}");
    let tables = text.lines().filter(|line| line.starts_with("| "));
    let absent: Vec<_> = tables.flat_map(tests).filter(|test| !exists(test)).collect();
    assert_eq!(absent, [""; 0], "tests in {page}");
}

#[test]
fn rows_name_tests_or_a_reason() {
    assert_eq!(row("| number | attack | tests |"), None);
    assert_eq!(row("|---|---|---|"), None);
    let here = "testkit/tests/testkit/architecture/attack::rows_name_tests_or_a_reason";
    let cell = format!("`{here}`. Half: `x`");
    assert_eq!(tests(&cell).collect::<Vec<_>>(), [here]);
    assert!(exists(here) && !exists(&here.replace("rows", "no")) && !exists("core/src/absent::x"));
    let is_filled = |cell: &str| row(&format!("| S1! | what | {cell} |")).unwrap().is_filled();
    for filled in [&*cell, "Later: LDAP", "Not needed: no pages"] {
        assert!(is_filled(filled), "{filled}");
    }
    for empty in ["", "Half: `x`", "Later"] {
        assert!(!is_filled(empty), "{empty}");
    }
}

/// A row of a table.
#[derive(Debug, PartialEq)]
struct Row<'a> {
    number: &'a str,
    held_by: &'a str,
}

/// The row in a line, if the line is one: its first cell is a number such as `S1!`.
fn row(line: &str) -> Option<Row<'_>> {
    let cells = line.strip_prefix("| ")?.strip_suffix('|')?;
    let (number, _) = cells.split_once(" |")?;
    let number = number.trim_end_matches('!');
    let digits = number.strip_prefix(|c: char| c.is_ascii_uppercase())?;
    digits.parse::<u32>().ok()?;
    let (_, held_by) = cells.trim_end().rsplit_once("| ").unwrap_or_default();
    Some(Row { number, held_by })
}

impl Row<'_> {
    /// Whether it names a test, or why there is none.
    fn is_filled(&self) -> bool {
        let reasons = ["Later: ", "Not needed: "];
        tests(self.held_by).next().is_some()
            || reasons.iter().any(|it| self.held_by.starts_with(it))
    }
}

/// The code spans that name a test: `path::name`.
fn tests(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2).filter(|code| code.contains("::"))
}

fn exists(test: &str) -> bool {
    let Some((path, name)) = test.split_once("::") else { return false };
    let file = format!("{path}.rs");
    let sources = [root().join("crates").join(&file), root().join(&file)];
    let source = sources.iter().find_map(|file| fs::read_to_string(file).ok());
    // A test that runs for several drivers has a parameter.
    let starts = [format!("fn {name}("), format!("fn {name}<")];
    source.is_some_and(|source| starts.iter().any(|start| source.contains(start)))
}
