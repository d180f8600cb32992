//! Normalization: the normalized form of usernames and e-mail addresses.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

use super::character::{is_blank, is_confusable, is_nonspacing_mark};

/// Maximum number of folding rounds; two are enough for every character of Unicode 16.
const MAX_ROUNDS: usize = 4;

/// How the normalized forms of usernames and e-mail addresses are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Normalization {
    /// Leading and trailing white space removed, then NFKC case folding: `ＢＯＢ＠x`, `BOB@X` and
    /// `bob@x` are the same name, and so are `straße` and `STRASSE`, `ΝΙΚΟΣ` and `νικος`. The dotted
    /// and dotless i of Turkish are the same letter. `björn` and `bjorn` are different names.
    #[default]
    Nfkc,
    /// That of upstream: NFD, without nonspacing marks, lower case. `björn` and `bjorn` are the
    /// same name. For databases of upstream.
    ///
    /// This is exact for Python. TypeScript also removes spacing diacritics such as `^` and
    /// modifier letters, so names with these in its databases are not found.
    Crossauth,
    /// The unchanged name.
    None,
}

impl Normalization {
    /// The normalized form of `name`.
    pub fn apply(self, name: &str) -> String {
        match self {
            Self::Nfkc => fold(name.trim()),
            Self::Crossauth => {
                let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(name);
                let bare: String = decomposed.chars().filter(|c| !is_nonspacing_mark(*c)).collect();
                bare.to_lowercase()
            }
            Self::None => name.to_owned(),
        }
    }
}

/// What all spellings of a name have in common that a directory may read as the same: its letters,
/// digits and punctuation, without case, accents, white space and invisible characters.
///
/// RFC 4518 ignores case, invisible characters and the number of spaces; Active Directory accents, too.
/// For counters only: names that differ have the same skeleton.
pub(crate) fn skeleton(name: &str) -> String {
    let bare = |c: char| !(is_blank(c) || is_nonspacing_mark(c) || is_confusable(c));
    let folded = fold(name);
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd().normalize(&folded);
    decomposed.chars().filter(|c| bare(*c)).collect()
}

/// NFKC case folding, repeated until nothing changes.
fn fold(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    let mut folded = fold_once(name);
    for _ in 1..MAX_ROUNDS {
        let again = fold_once(&folded);
        if again == folded {
            break;
        }
        folded = again;
    }
    folded
}

fn fold_once(name: &str) -> String {
    let case = CaseMapper::new();
    let nfkd = DecomposingNormalizerBorrowed::new_nfkd().normalize(name);
    let folded = case.fold_string(&nfkd);
    // Removes the combining dot above after an i.
    let dotless = folded.replace('\u{131}', "i").replace("i\u{307}", "i");
    ComposingNormalizerBorrowed::new_nfkc().normalize(&dotless).into_owned()
}

/// Unicode normalization form C.
pub(crate) fn nfc(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

/// Unicode normalization form KC.
pub(super) fn nfkc(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfkc().normalize(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::name::character::sample_characters;

    const FOLD: Normalization = Normalization::Nfkc;

    #[test]
    fn equivalent_names_have_one_normalized_form() {
        for (spellings, form) in [
            (&["BOB@example.com", "bob＠example.com", "ｂｏｂ@EXAMPLE.com"][..], "bob@example.com"),
            (&[" bob", "bob\u{A0}", "\tBOB\n"], "bob"),
            (&["ΝΙΚΟΣ", "νικος", "νικοσ", "Νικος"], "νικοσ"),
            (&["straße", "STRASSE", "STRAẞE"], "strasse"),
            (&["İbrahim", "İBRAHİM", "ibrahim", "IBRAHIM", "i\u{307}brahim"], "ibrahim"),
            (&["ışık", "IŞIK", "is\u{327}ik"], "işik"),
            (&["Ångström", "A\u{30A}NGSTRO\u{308}M", "\u{212B}ngström"], "ångström"),
            (&["ﬁnn", "FINN"], "finn"),
        ] {
            for spelling in spellings {
                assert_eq!(FOLD.apply(spelling), form, "{spelling}");
            }
        }
        assert_ne!(FOLD.apply("björn"), FOLD.apply("bjorn"));
        assert_eq!(Normalization::Crossauth.apply("Björn"), "bjorn");
        assert_eq!(Normalization::None.apply(" Björn"), " Björn");
    }

    #[test]
    fn spellings_that_a_directory_may_read_as_one_have_one_skeleton() {
        for spelling in [
            "john smith",
            " John   Smith ",
            "JOHN\u{A0}\u{3000}SMITH",
            "john\t smith\u{0}",
            "jo\u{AD}hn\u{200B} smi\u{FE0F}th\u{FEFF}",
            "Jöhn Smíth",
            "ｊｏｈｎ ｓｍｉｔｈ",
        ] {
            assert_eq!(skeleton(spelling), "johnsmith", "{spelling:?}");
        }
        assert_ne!(skeleton("john.smith"), skeleton("john smith"));
        assert_ne!(skeleton("john"), skeleton("joan"));
    }

    #[test]
    fn folding_ignores_case_and_is_idempotent() {
        for c in sample_characters() {
            let text = format!("x{c}x");
            let folded = FOLD.apply(&text);
            assert_eq!(FOLD.apply(&folded), folded, "{c:?}");
            assert_eq!(FOLD.apply(&text.to_uppercase()), folded, "{c:?} in upper case");
            assert_eq!(FOLD.apply(&text.to_lowercase()), folded, "{c:?} in lower case");
        }
    }
}
