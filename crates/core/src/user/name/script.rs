//! Mixed scripts with letters that look alike (UTS #39, section 5).

use icu_properties::props::Script;
use icu_properties::script::ScriptWithExtensions;

/// Scripts with letters that look like Latin ones.
const CONFUSABLE_WITH_LATIN: [Script; 8] = [
    Script::Cyrillic,
    Script::Greek,
    Script::Armenian,
    Script::Cherokee,
    Script::Coptic,
    Script::Lisu,
    Script::Deseret,
    Script::OldItalic,
];

/// Scripts that are used together in one language, besides Latin.
const ALLOWED_TOGETHER: [&[Script]; 3] = [
    &[Script::Han, Script::Hiragana, Script::Katakana],
    &[Script::Han, Script::Bopomofo],
    &[Script::Han, Script::Hangul],
];

/// Whether a part of a name mixes scripts. Allowed are a single script, a script that is not
/// confusable with Latin together with Latin, and the scripts of Chinese, Japanese and Korean.
///
/// The parts between `@` and dots may differ, as in `иван@example.com`.
pub(super) fn mixes_scripts(name: &str) -> bool {
    !name.is_ascii() && name.split(['@', '.']).any(|part| !is_single_script(part))
}

fn is_single_script(part: &str) -> bool {
    let table = ScriptWithExtensions::new();
    let is_of = |c: char, scripts: &[Script]| {
        let of_c = table.get_script_extensions_val(c);
        of_c.iter().any(|script| {
            matches!(script, Script::Common | Script::Inherited) || scripts.contains(&script)
        })
    };
    let fits = |scripts: &[Script]| part.chars().all(|c| is_of(c, scripts));
    let fits_with_latin = |script: Script| fits(&[script, Script::Latin]);
    let mut scripts: Vec<Script> =
        part.chars().flat_map(|c| table.get_script_extensions_val(c).iter()).collect();
    scripts.sort_unstable();
    scripts.dedup();
    let with_latin = |together: &&[Script]| fits(&[*together, &[Script::Latin]].concat());
    scripts.iter().any(|script| fits(&[*script]))
        || scripts
            .iter()
            .any(|script| !CONFUSABLE_WITH_LATIN.contains(script) && fits_with_latin(*script))
        || ALLOWED_TOGETHER.iter().any(with_latin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confusable_scripts_are_mixed() {
        for name in [
            "\u{430}lice",
            "ALIC\u{415}",
            "b\u{3BF}b",
            "\u{3BF}\u{43E}\u{3BF}",
            "\u{13A0}dmin",
            "bob@\u{440}aypal.com",
            "\u{10A0}иван",
        ] {
            assert!(mixes_scripts(name), "{name}");
        }
    }

    #[test]
    fn names_of_one_language_are_not_mixed() {
        for name in [
            "",
            "alice_7",
            "Björn",
            "иван-7",
            "иван@example.com",
            "νίκος",
            "正樹",
            "まさき正樹Tokyo",
            "김철수金",
            "मोहित",
            "สมชายthai",
            "שלום",
            "محمد",
            "ألف7",
        ] {
            assert!(!mixes_scripts(name), "{name}");
        }
    }
}
