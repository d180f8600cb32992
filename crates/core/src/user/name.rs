//! Usernames and e-mail addresses: validation and normalized forms.

mod character;
mod email;
mod normalization;
mod reserved;
mod script;

use self::character::{is_letter_or_digit, is_mark};
use self::normalization::nfkc;
use self::script::mixes_scripts;
use crate::form::{Field, FieldError, Rule, Unit};

pub(crate) use self::character::{is_blank, is_confusable};
pub use self::email::{EmailAddress, InvalidEmail};
pub use self::normalization::Normalization;
pub(crate) use self::normalization::{nfc, skeleton};
pub use self::reserved::ReservedNames;

/// A valid username for a new account.
///
/// 2 to 254 characters: letters, marks and digits of any script and `. _ - + @ '`; the first is a
/// letter, a digit or `_`, the last is not a dot. White space, control and invisible characters,
/// and letters of two scripts that look alike are refused: they could be used to imitate another
/// name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

/// Why a username is invalid: the rule that it violates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", FieldError::new(Field::Username, .0.clone()).message())]
pub struct InvalidUsername(pub Rule);

impl Username {
    /// Minimum length, in characters.
    pub const MIN_LEN: usize = 2;
    /// Maximum length, in characters.
    pub const MAX_LEN: usize = 254;

    /// Validates a username for a new account. Leading and trailing white space is removed.
    pub fn parse(name: &str) -> Result<Self, InvalidUsername> {
        let name = name.trim();
        check(name).map_err(InvalidUsername)?;
        Ok(Self(name.to_owned()))
    }

    /// The username as entered.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The username as entered.
    pub fn into_string(self) -> String {
        self.0
    }
}

fn check(name: &str) -> Result<(), Rule> {
    let (min, max) = (Username::MIN_LEN, Username::MAX_LEN);
    if name.is_empty() {
        return Err(Rule::Missing);
    }
    if name.chars().nth(max).is_some() {
        return Err(Rule::TooLong { max, unit: Unit::Characters });
    }
    if name.chars().nth(min - 1).is_none() {
        return Err(Rule::TooShort { min });
    }
    check_characters(name)?;
    // The normalized form must also be valid: compatibility characters may hide spaces.
    check_characters(&nfkc(name))?;
    check_characters(&Normalization::Nfkc.apply(name))?;
    if mixes_scripts(name) { Err(Rule::MixedScripts) } else { Ok(()) }
}

fn check_characters(name: &str) -> Result<(), Rule> {
    let allowed = |c: char| is_letter_or_digit(c) || is_mark(c) || "._-+@'".contains(c);
    if !name.chars().all(allowed) {
        return Err(Rule::Character);
    }
    if !name.starts_with(|c| is_letter_or_digit(c) || c == '_') {
        return Err(Rule::Start);
    }
    if name.ends_with('.') { Err(Rule::End) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::character::sample_characters;
    use super::*;

    #[test]
    fn names_that_look_like_others_are_refused() {
        for name in [
            "a",
            "",
            " ",
            "bob.",
            ".bob",
            "bo\u{200B}b",
            "bob\u{202E}",
            "bo\0b",
            "bo\nb",
            "bo b",
            "bo\u{00A0}b",
            "bo\u{FEFF}b",
            "bob\u{3164}",
            "<bob>",
            "bob\u{00AD}",
            "bob\u{FE0F}",
            "bo\u{34F}b",
            "bob\u{180B}",
            "bob\u{17B5}",
            "bob\u{E0101}",
            "\u{301}\u{301}",
            "\u{301}bob",
            "\u{345}bob",
            "\u{37A}bob",
            "\u{430}lice",
        ] {
            assert!(Username::parse(name).is_err(), "{name:?}");
        }
        assert!(Username::parse(&"a".repeat(255)).is_err());
        assert!(Username::parse(&"a".repeat(10_000)).is_err());
    }

    #[test]
    fn names_of_many_scripts_are_accepted() {
        for name in [
            "bob",
            "Björn",
            "o'brien",
            "bob@example.com",
            "正樹",
            "मोहित",
            "_x",
            "José-María",
            "иван",
        ] {
            assert!(Username::parse(name).is_ok(), "{name:?}");
        }
        assert!(Username::parse(&"a".repeat(254)).is_ok());
    }

    #[test]
    fn whitespace_around_a_name_is_trimmed() {
        for name in [" bob", "bob ", "\tbob\u{A0}\n"] {
            assert_eq!(Username::parse(name).unwrap().as_str(), "bob", "{name:?}");
        }
    }

    #[test]
    fn first_broken_rule_of_a_username_is_reported() {
        for (name, rule) in [
            ("", Rule::Missing),
            ("b", Rule::TooShort { min: 2 }),
            (&*"b".repeat(255), Rule::TooLong { max: 254, unit: Unit::Characters }),
            ("bo b", Rule::Character),
            ("-bob", Rule::Start),
            ("bob.", Rule::End),
            ("b\u{43E}b", Rule::MixedScripts),
        ] {
            assert_eq!(Username::parse(name), Err(InvalidUsername(rule)), "{name:?}");
        }
    }

    #[test]
    fn accepted_names_do_not_normalize_to_empty_text() {
        for c in sample_characters() {
            for text in [format!("{c}{c}"), format!("x{c}")] {
                let Ok(name) = Username::parse(&text) else { continue };
                for normalization in [Normalization::Nfkc, Normalization::Crossauth] {
                    let form = normalization.apply(name.as_str());
                    assert!(!form.trim().is_empty(), "{text:?}");
                    assert!(!form.contains(char::is_whitespace), "{text:?}");
                }
            }
        }
    }
}
