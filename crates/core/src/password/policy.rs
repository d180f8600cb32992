//! The password policy: rules for new passwords.
//!
//! Following NIST SP 800-63B, the rules are a minimum length and a check for common passwords;
//! rules about character classes are off unless a site that migrates from upstream enables them.

use super::predictable::is_predictable;
use crate::form::{CharacterClass, Rule, Unit};
use crate::secret::Password;
use crate::user::nfc;

/// Minimum length of a name that a password must not contain, in characters.
const MIN_NAME_LEN: usize = 4;

/// The rules for new passwords.
///
/// # Defaults
///
/// At least 8 characters, at most 1024 bytes, any composition, no further words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// Minimum number of characters.
    pub min_len: usize,
    /// Maximum number of bytes of UTF-8.
    pub max_len: usize,
    /// Which classes of characters a password must contain.
    pub composition: Composition,
    /// Words that a password must not contain because they are easy to guess here, such as the name
    /// of the site. Words of fewer than 4 characters are ignored.
    pub context_words: Vec<String>,
}

/// Which classes of characters a password must contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Composition {
    /// Any characters.
    #[default]
    Any,
    /// At least one each of `a-z`, `A-Z` and `0-9`, as upstream requires.
    UpperLowerDigit,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            min_len: 8,
            max_len: 1024,
            composition: Composition::default(),
            context_words: Vec::new(),
        }
    }
}

impl PasswordPolicy {
    /// The rules that a password violates; empty if it is accepted.
    pub fn check(&self, password: &Password, username: &str, email: Option<&str>) -> Vec<Rule> {
        let typed = password.expose();
        if typed.is_empty() {
            return vec![Rule::Missing];
        }
        if typed.contains('\0') {
            return vec![Rule::Character];
        }
        if typed.len() > self.max_len {
            return vec![Rule::TooLong { max: self.max_len, unit: Unit::Bytes }];
        }
        let mut rules = Vec::new();
        if nfc(typed).chars().count() < self.min_len {
            rules.push(Rule::TooShort { min: self.min_len });
        }
        rules.extend(self.composition.lacking(typed).map(Rule::Lacks));
        let lower = typed.to_lowercase();
        if is_predictable(&lower) {
            rules.push(Rule::Common);
        }
        if names(username, email).iter().any(|name| lower.contains(name)) {
            rules.push(Rule::ContainsName);
        }
        let contained = self.context_words.iter().find(|word| {
            word.chars().count() >= MIN_NAME_LEN && lower.contains(&word.to_lowercase())
        });
        rules.extend(contained.map(|word| Rule::ContainsWord(word.clone())));
        rules
    }

    /// Adds a rule that passwords must not contain the name of the site.
    #[must_use]
    pub fn for_site(mut self, name: &str) -> Self {
        let joined: String = name.split_whitespace().collect();
        self.context_words.push(name.trim().to_owned());
        if joined != name.trim() {
            self.context_words.push(joined);
        }
        self
    }

    /// Describes the rules in one sentence, to show before a password is entered.
    pub fn describe(&self) -> String {
        let classes = match self.composition {
            Composition::Any => "",
            Composition::UpperLowerDigit => {
                " with an upper-case letter, a lower-case letter and a digit"
            }
        };
        format!(
            "At least {} characters{classes}. Easy to guess passwords are refused.",
            self.min_len
        )
    }
}

impl Composition {
    /// The required classes that `password` lacks.
    fn lacking(self, password: &str) -> impl Iterator<Item = CharacterClass> {
        let classes: &[_] = match self {
            Self::Any => &[],
            Self::UpperLowerDigit => &[
                (CharacterClass::Lowercase, 'a'..='z'),
                (CharacterClass::Uppercase, 'A'..='Z'),
                (CharacterClass::Digit, '0'..='9'),
            ],
        };
        classes
            .iter()
            .filter(|(_, range)| !password.chars().any(|c| range.contains(&c)))
            .map(|(class, _)| *class)
    }
}

/// The names in lower case: the username, and the part before the `@` of username and address.
fn names(username: &str, email: Option<&str>) -> Vec<String> {
    let local = |name: &str| name.split('@').next().unwrap_or_default().trim().to_lowercase();
    let email = email.unwrap_or_default();
    [local(username), username.trim().to_lowercase(), local(email), email.to_lowercase()]
        .into_iter()
        .filter(|name| name.chars().count() >= MIN_NAME_LEN)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(policy: &PasswordPolicy, password: &str) -> Vec<Rule> {
        policy.check(&Password::new(password), "bobby", Some("robert.smith@example.com"))
    }

    fn rules(password: &str) -> Vec<Rule> {
        check(&PasswordPolicy::default(), password)
    }

    #[test]
    fn default_policy_checks_length_and_not_character_classes() {
        for good in [
            "correct horse battery staple",
            "lowercase but long",
            "Pässwörter zählen",
            "密码一二三四五六",
        ] {
            assert_eq!(rules(good), [], "{good}");
        }
        assert_eq!(rules("kgjwqxz"), [Rule::TooShort { min: 8 }]);
        assert_eq!(rules(""), [Rule::Missing]);
        assert_eq!(rules("kgjw\0qxzp"), [Rule::Character]);
    }

    #[test]
    fn length_counts_composed_characters() {
        assert_eq!(rules("e\u{301}e\u{301}e\u{301}xyzt"), [Rule::TooShort { min: 8 }]);
        assert_eq!(rules("e\u{301}e\u{301}e\u{301}xyztp"), []);
    }

    #[test]
    fn policy_may_require_character_classes() {
        use CharacterClass::{Digit, Lowercase, Uppercase};
        let policy =
            PasswordPolicy { composition: Composition::UpperLowerDigit, ..Default::default() };
        for (password, lacking) in [
            ("kgjwQxz1", vec![]),
            ("kgjwQxzp", vec![Digit]),
            ("kgjwqxz1", vec![Uppercase]),
            ("KGJWQXZ1", vec![Lowercase]),
            ("密码一二三四五六", vec![Lowercase, Uppercase, Digit]),
        ] {
            let expected: Vec<_> = lacking.into_iter().map(Rule::Lacks).collect();
            assert_eq!(check(&policy, password), expected, "{password}");
        }
    }

    #[test]
    fn predictable_passwords_are_refused() {
        for password in ["Password1", "iloveyou", "12345678", "P@ssw0rd1", "qwertyuiop"] {
            assert_eq!(rules(password), [Rule::Common], "{password}");
        }
    }

    #[test]
    fn passwords_with_the_username_or_address_are_rejected() {
        for password in ["xxBOBBYxx1", "Robert.Smith9"] {
            assert_eq!(rules(password), [Rule::ContainsName], "{password}");
        }
        let policy = PasswordPolicy::default();
        let password = Password::new("Bob-Example1");
        assert_eq!(policy.check(&password, "bob", Some("bob@example.com")), []);
        let password = Password::new("xxbobbyxx1A");
        assert_eq!(policy.check(&password, "Bobby@example.com", None), [Rule::ContainsName]);
        assert_eq!(policy.check(&password, "bobby ", None), [Rule::ContainsName]);
    }

    #[test]
    fn passwords_with_context_words_are_rejected() {
        let context_words = vec!["Acme".to_owned(), "io".to_owned()];
        let policy = PasswordPolicy { context_words, ..PasswordPolicy::default() };
        assert_eq!(check(&policy, "my-ACME-login"), [Rule::ContainsWord("Acme".into())]);
        assert_eq!(check(&policy, "violin lessons"), []);
    }

    #[test]
    fn passwords_with_the_site_name_are_rejected() {
        let policy = PasswordPolicy::default().for_site("Acme Bank");
        for (password, word) in [("my acme bank", "Acme Bank"), ("myAcmeBank!", "AcmeBank")] {
            assert_eq!(check(&policy, password), [Rule::ContainsWord(word.into())]);
        }
        assert_eq!(check(&policy, "acme has a bank"), []);
    }

    #[test]
    fn password_may_have_1024_bytes_and_no_more() {
        let longest = format!("aA1{}", " ".repeat(1021));
        assert_eq!(rules(&longest), []);
        let too_long = Rule::TooLong { max: 1024, unit: Unit::Bytes };
        assert_eq!(rules(&format!("{longest} ")), [too_long]);
    }

    #[test]
    fn hint_names_the_rules_of_the_policy() {
        let policy = PasswordPolicy { min_len: 14, ..PasswordPolicy::default() };
        assert!(policy.describe().starts_with("At least 14 characters."));
        let policy = PasswordPolicy { composition: Composition::UpperLowerDigit, ..policy };
        assert!(policy.describe().contains("a lower-case letter and a digit"));
    }
}
