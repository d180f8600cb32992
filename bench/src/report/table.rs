//! The figures in columns: for a terminal, and for Markdown.

use super::Figure;

const HEADINGS: [&str; 5] = ["Figure", "Measured", "Target", "", "Of what"];

/// Columns padded with blanks.
pub(super) fn plain(figures: &[Figure]) -> String {
    let rows: Vec<_> =
        std::iter::once(HEADINGS.map(String::from)).chain(figures.iter().map(cells)).collect();
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths: [usize; 5] = std::array::from_fn(width);
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// A Markdown table.
pub(super) fn markdown(figures: &[Figure]) -> String {
    let line = |cells: [String; 5]| format!("| {} |\n", cells.join(" | "));
    let head = line(HEADINGS.map(String::from)) + "|---|--:|--:|---|---|\n";
    figures.iter().map(|figure| line(cells(figure))).fold(head, |table, line| table + line.as_str())
}

fn cells(figure: &Figure) -> [String; 5] {
    [
        figure.name.into(),
        figure.value(),
        figure.target(),
        figure.verdict().into(),
        figure.detail.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::{Target, tests::figure};
    use super::*;

    #[test]
    fn columns_line_up() {
        let table = plain(&[figure(1.0, Target::None), figure(123.0, Target::AtLeast(0.85))]);
        let places: Vec<_> =
            table.lines().skip(1).map(|line| line.chars().position(|c| c == '<')).collect();
        assert_eq!(places.len(), 2);
        assert!(places[0].is_some() && places[0] == places[1]);
    }

    #[test]
    fn markdown_rows_have_as_many_cells_as_the_header() {
        let table = markdown(&[figure(1.0, Target::AtMost(5.0))]);
        assert!(table.lines().all(|line| line.matches('|').count() == 6), "{table}");
        assert!(table.contains("| ≤ 5 × | reached |"), "{table}");
    }
}
