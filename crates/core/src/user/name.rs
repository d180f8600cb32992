//! Usernames and e-mail addresses: what is accepted, and the form under which they are looked up.

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use crate::form::{Field, FieldError, Rule, Unit};

/// How names are brought to the one form under which they are stored for look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Normalization {
    /// NFKC, then lower case: `ＢＯＢ＠x`, `BOB@X` and `bob@x` are one name, `björn` and `bjorn` two.
    #[default]
    Nfkc,
    /// As the originals do: NFD, without nonspacing marks, lower case. `björn` and `bjorn` are one
    /// name. For databases that an original filled.
    ///
    /// The Python original exactly. The TypeScript one also strips spacing diacritics such as `^`
    /// and modifier letters, so names with these in its databases are not found.
    Crossauth,
    /// The name as it is.
    None,
}

impl Normalization {
    /// The form of `name` that is unique among users.
    pub fn apply(self, name: &str) -> String {
        match self {
            Self::Nfkc => {
                let folded: String = name.nfkc().collect::<String>().to_lowercase();
                folded.nfkc().collect()
            }
            Self::Crossauth => {
                let marks = GeneralCategory::NonspacingMark;
                name.nfd()
                    .filter(|c| c.general_category() != marks)
                    .collect::<String>()
                    .to_lowercase()
            }
            Self::None => name.to_owned(),
        }
    }
}

/// A username fit for a new account.
///
/// 2 to 254 characters: letters, marks and digits of any script and `. _ - + @ '`; the first is a
/// letter, a digit or `_`, the last is not a dot. This leaves out white space, control and
/// invisible characters, by which one name could pass for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

/// Why a username was refused: the rule that it breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", FieldError::new(Field::Username, .0.clone()).message())]
pub struct InvalidUsername(pub Rule);

impl Username {
    /// Shortest name, in characters.
    pub const MIN_LEN: usize = 2;
    /// Longest name, in characters.
    pub const MAX_LEN: usize = 254;

    /// Checks a name for a new account. White space around it is not part of it.
    pub fn parse(name: &str) -> Result<Self, InvalidUsername> {
        let name = name.trim();
        check_username(name).map_err(InvalidUsername)?;
        Ok(Self(name.to_owned()))
    }

    /// The name as it was typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as it was typed.
    pub fn into_string(self) -> String {
        self.0
    }
}

fn check_username(name: &str) -> Result<(), Rule> {
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
    let letter = |c: char| c.is_alphanumeric() && !is_invisible(c);
    let mark = |c: char| is_combining_mark(c) && !is_invisible(c);
    let allowed = |c: char| letter(c) || mark(c) || "._-+@'".contains(c);
    // The look-up form must be a good name too: compatibility characters may hide spaces.
    for form in [name.to_owned(), name.nfkc().collect()] {
        if !form.chars().all(allowed) {
            return Err(Rule::Character);
        }
        if !form.starts_with(|c| letter(c) || c == '_') {
            return Err(Rule::Start);
        }
        if form.ends_with('.') {
            return Err(Rule::End);
        }
    }
    Ok(())
}

/// Letters and marks by the Unicode tables that nothing is drawn for
/// (`Default_Ignorable_Code_Point`, as far as its members are letters or marks).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}')
        || matches!(c, '\u{180B}'..='\u{180F}' | '\u{3164}' | '\u{FFA0}')
        || matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0000}'..='\u{E0FFF}')
}

/// An e-mail address in the form both originals accept, at most 254 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailAddress(String);

/// The text is not an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Email is not in an allowed format")]
pub struct InvalidEmail;

impl EmailAddress {
    /// Checks an address: dot-separated atoms, `@`, and a domain with an alphabetic top level or
    /// an IPv4 address in brackets. A quoted local part is refused, as upstream does. White space
    /// around the address is not part of it.
    pub fn parse(address: &str) -> Result<Self, InvalidEmail> {
        let address = address.trim();
        let (local, domain) = address.rsplit_once('@').ok_or(InvalidEmail)?;
        let fits = address.len() <= 254 && local.len() <= 64;
        if fits && is_local_part(local) && is_domain(domain) {
            Ok(Self(address.to_owned()))
        } else {
            Err(InvalidEmail)
        }
    }

    /// The address as it was typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address as it was typed.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_local_part(local: &str) -> bool {
    let visible = |c: char| (c.is_alphanumeric() || is_combining_mark(c)) && !is_invisible(c);
    let atom = |c: char| (c.is_ascii_graphic() || visible(c)) && !"<>()[]\\.,;:@\"".contains(c);
    local.split('.').all(|part| !part.is_empty() && part.chars().all(atom))
}

fn is_domain(domain: &str) -> bool {
    if let Some(address) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<std::net::Ipv4Addr>().is_ok();
    }
    let mut labels: Vec<&str> = domain.split('.').collect();
    let top = labels.pop().unwrap_or_default();
    let label = |l: &&str| {
        !l.is_empty() && l.len() <= 63 && l.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    !labels.is_empty()
        && labels.iter().all(label)
        && top.len() >= 2
        && top.chars().all(|c| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_meet_in_one_form() {
        for spelling in ["BOB@example.com", "bob＠example.com", "ｂｏｂ@EXAMPLE.com"] {
            assert_eq!(Normalization::Nfkc.apply(spelling), "bob@example.com");
        }
        assert_ne!(Normalization::Nfkc.apply("björn"), Normalization::Nfkc.apply("bjorn"));
        assert_eq!(Normalization::Crossauth.apply("Björn"), "bjorn");
    }

    #[test]
    fn names_that_could_pass_for_others_are_refused() {
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
        ] {
            assert!(Username::parse(name).is_err(), "{name:?}");
        }
        assert!(Username::parse(&"a".repeat(255)).is_err());
        assert!(Username::parse(&"a".repeat(10_000)).is_err());
    }

    #[test]
    fn names_of_many_scripts_are_accepted() {
        for name in
            ["bob", "Björn", "o'brien", "bob@example.com", "正樹", "मोहित", "_x", "José-María"]
        {
            assert!(Username::parse(name).is_ok(), "{name:?}");
        }
        assert!(Username::parse(&"a".repeat(254)).is_ok());
    }

    #[test]
    fn white_space_around_names_and_addresses_is_ignored() {
        for name in [" bob", "bob ", "\tbob\u{A0}\n"] {
            assert_eq!(Username::parse(name).unwrap().as_str(), "bob", "{name:?}");
        }
        let address = EmailAddress::parse(" bob@example.com\r\n").unwrap();
        assert_eq!(address.as_str(), "bob@example.com");
    }

    #[test]
    fn the_first_broken_rule_of_a_username_is_reported() {
        for (name, rule) in [
            ("", Rule::Missing),
            ("b", Rule::TooShort { min: 2 }),
            (&*"b".repeat(255), Rule::TooLong { max: 254, unit: Unit::Characters }),
            ("bo b", Rule::Character),
            ("-bob", Rule::Start),
            ("bob.", Rule::End),
        ] {
            assert_eq!(Username::parse(name), Err(InvalidUsername(rule)), "{name:?}");
        }
    }

    #[test]
    fn addresses_are_anchored_at_both_ends() {
        for good in ["bob@example.com", "a.b+c@x-y.example.org", "b@[127.0.0.1]"] {
            assert!(EmailAddress::parse(good).is_ok(), "{good:?}");
        }
        for bad in [
            "bob@example.com\nx",
            "a@x.com,b@y.com",
            "<bob@example.com>",
            "bob@",
            "@example.com",
            "bob",
            "bob@example",
            "bob@exa mple.com",
            "bob@@example.com",
            "\"a\"b\"@example.com",
            "\"bob b\"@example.com",
            "b..b@example.com",
            "bob@example.c0m",
            "bob@.com",
            "b\0b@example.com",
            "bob@[999.0.0.1]",
            "a\u{202E}b@example.com",
            "a\u{200B}@example.com",
            "\u{FEFF}a@example.com",
            "a\u{FE0F}@example.com",
        ] {
            assert!(EmailAddress::parse(bad).is_err(), "{bad:?}");
        }
    }
}
