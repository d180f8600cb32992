//! Suggestions for misspelt names.

/// Maximum length of a compared name, in bytes: no setting has a longer one.
const MAX_LEN: usize = 64;

/// The known name that is most similar to `name`, if one is similar enough.
pub(crate) fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    if name.len() > MAX_LEN {
        return None;
    }
    let tolerance = (name.chars().count() / 3).clamp(1, 6);
    known
        .map(|candidate| (distance(name, &candidate), candidate))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, in characters.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, have) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, want) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(have != *want);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_single_edits() {
        for (from, to, edits) in
            [("", "", 0), ("abc", "", 3), ("listen", "lisen", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(from, to), edits, "{from} {to}");
            assert_eq!(distance(to, from), edits, "{to} {from}");
        }
    }

    #[test]
    fn only_similar_names_are_suggested() {
        let known = || ["listen", "log.level"].map(str::to_owned).into_iter();
        assert_eq!(nearest("lissten", known()), Some("listen".to_owned()));
        assert_eq!(nearest("log_level", known()), Some("log.level".to_owned()));
        assert_eq!(nearest("password", known()), None);
        assert_eq!(nearest(&"l".repeat(65), [("l".repeat(64))].into_iter()), None);
    }
}
