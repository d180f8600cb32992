//! The form under which names and addresses are looked up.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

use super::character::is_nonspacing_mark;

/// How often folding is repeated at most; two rounds are enough for every character of today.
const MAX_ROUNDS: usize = 4;

/// How names are brought to the one form under which they are stored for look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Normalization {
    /// White space around the name removed, then NFKC case folding: `ＢＯＢ＠x`, `BOB@X` and `bob@x`
    /// are one name, so are `straße` and `STRASSE`, `ΝΙΚΟΣ` and `νικος`. The dotted and dotless i
    /// of Turkish are one letter. `björn` and `bjorn` are two names.
    #[default]
    Nfkc,
    /// As upstream does: NFD, without nonspacing marks, lower case. `björn` and `bjorn` are one
    /// name. For databases that upstream filled.
    ///
    /// This is what Python does. TypeScript also removes spacing diacritics such as `^` and
    /// modifier letters, so names with these in its databases are not found.
    Crossauth,
    /// The name as it is.
    None,
}

impl Normalization {
    /// The form of `name` that is unique among users.
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
    // A dot above an i is dropped, whether it was drawn with it or not.
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
    fn spellings_of_one_name_have_one_form() {
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
    fn case_makes_no_difference_for_any_character_and_folding_is_stable() {
        for c in sample_characters() {
            let text = format!("x{c}x");
            let folded = FOLD.apply(&text);
            assert_eq!(FOLD.apply(&folded), folded, "{c:?}");
            assert_eq!(FOLD.apply(&text.to_uppercase()), folded, "{c:?} in upper case");
            assert_eq!(FOLD.apply(&text.to_lowercase()), folded, "{c:?} in lower case");
        }
    }
}
