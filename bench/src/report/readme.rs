//! The figures in the README: those that have a target, and whether they reach it.

use anyhow::{Context as _, Result};

const BEGIN: &str = "<!-- The benchmark writes this table. -->\n";
const END: &str = "<!-- End of the table. -->";

/// The README with the rows of a table by [`table::markdown`](super::table::markdown).
pub(super) fn update(readme: &str, table: &str) -> Result<String> {
    let (before, rest) = readme.split_once(BEGIN).context("the README has no place for figures")?;
    let (_, after) = rest.split_once(END).context("the place in the README has no end")?;
    Ok(format!("{before}{BEGIN}\n{}\n\n{END}{after}", shortened(table)))
}

/// The columns up to the verdict, without figures that have no target.
fn shortened(table: &str) -> String {
    let rows = table.lines().map(|row| row.split('|').collect::<Vec<_>>());
    let rows = rows.filter(|row| row.get(3).is_some_and(|target| target.trim() != "–"));
    rows.map(|row| format!("|{}|", row[1..5].join("|"))).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const TABLE: &str = "| Figure | Measured | Target |  | Of what |\n|---|--:|--:|---|---|\n\
                         | A | 1 | ≥ 2 | missed | x |\n| B | 1 | – | – | y |\n";

    #[test]
    fn figures_with_a_target_are_written_between_the_markers() {
        let readme = format!("# A\n{BEGIN}old\n{END}\nB\n");
        let updated = update(&readme, TABLE).unwrap();
        let rows =
            "| Figure | Measured | Target |  |\n|---|--:|--:|---|\n| A | 1 | ≥ 2 | missed |\n";
        assert_eq!(updated, format!("# A\n{BEGIN}\n{rows}\n{END}\nB\n"));
        assert_eq!(update(&updated, TABLE).unwrap(), updated);
    }

    #[test]
    fn readme_without_markers_is_an_error() {
        assert!(update("# A\n", TABLE).is_err());
        assert!(update(&format!("{BEGIN}no end"), TABLE).is_err());
    }

    #[test]
    fn readme_shows_the_latest_figures() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let readme = fs::read_to_string(root.join("README.md")).unwrap();
        let page = fs::read_to_string(root.join("bench/results/latest.md")).unwrap();
        let rows = page.lines().skip_while(|line| !line.starts_with("| Figure"));
        let table: Vec<_> = rows.take_while(|line| line.starts_with('|')).collect();
        assert_eq!(update(&readme, &table.join("\n")).unwrap(), readme);
    }
}
