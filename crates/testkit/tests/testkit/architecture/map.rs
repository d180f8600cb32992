//! The table of crates in `docs/architecture.md` matches the workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::workspace::{Usage, packages, root};

const HEADER: &str = "| crate | depends on | content |";

/// For each crate, the crates of ours that it depends on outside its tests.
type Map = BTreeMap<String, BTreeSet<String>>;

#[test]
fn documented_map_matches_cargo_metadata() {
    let documented = documented(&fs::read_to_string(root().join("docs/architecture.md")).unwrap());
    let built = built();
    for (name, dependencies) in &built {
        assert_eq!(documented.get(name), Some(dependencies), "{name} in docs/architecture.md");
    }
    for name in documented.keys() {
        assert!(built.contains_key(name), "{name} is in docs/architecture.md only");
    }
}

#[test]
fn row_names_a_crate_and_its_dependencies() {
    let page =
        format!("# T\n\n{HEADER}\n|---|---|---|\n| [`a`](../a) | `b`, `c` | `x` |\n\n| `z` |");
    let dependencies = BTreeSet::from(["b".to_owned(), "c".to_owned()]);
    assert_eq!(documented(&page), Map::from([("a".to_owned(), dependencies)]));
}

fn documented(page: &str) -> Map {
    let rows = page.lines().skip_while(|line| *line != HEADER).skip(2);
    rows.take_while(|line| line.starts_with('|')).map(row).collect()
}

fn row(line: &str) -> (String, BTreeSet<String>) {
    let cells: Vec<&str> = line.split('|').collect();
    (code(cells[1]).next().unwrap(), code(cells[2]).collect())
}

/// The words between backticks.
fn code(cell: &str) -> impl Iterator<Item = String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned)
}

fn built() -> Map {
    let ours = |package: super::workspace::Package| {
        let arrows = package.dependencies.into_iter();
        let arrows = arrows.filter(|to| to.folder.is_some() && to.usage == Usage::Product);
        (package.name, arrows.map(|to| to.name).collect())
    };
    packages().into_iter().map(ours).collect()
}
