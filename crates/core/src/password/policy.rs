//! The rules for new passwords.

use crate::secret::Password;

/// Well-known passwords that keep the other rules once a letter is written large; in lower case.
const COMMON: &str = include_str!("common.txt");

/// Shortest name that a password must not contain, in characters.
const MIN_NAME_LEN: usize = 4;

/// What a new password must be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// Fewest characters.
    pub min_len: usize,
    /// Most bytes.
    pub max_len: usize,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { min_len: 8, max_len: 1024 }
    }
}

impl PasswordPolicy {
    /// What is wrong with a password, in words for its user; nothing if it is good.
    pub fn problems(
        &self,
        password: &Password,
        username: &str,
        email: Option<&str>,
    ) -> Vec<String> {
        let password = password.expose();
        if password.is_empty() {
            return vec!["Password not provided".to_owned()];
        }
        if password.contains('\0') {
            return vec!["Password must not contain a NUL character".to_owned()];
        }
        if password.len() > self.max_len {
            return vec![format!("Password must have at most {} bytes", self.max_len)];
        }
        let too_short = password.chars().count() < self.min_len;
        let contains = |range: std::ops::RangeInclusive<char>| {
            password.chars().any(|character| range.contains(&character))
        };
        let lower = password.to_lowercase();
        let names = names(username, email);
        let rules = [
            (too_short, format!("Password must be at least {} characters", self.min_len)),
            (!contains('a'..='z'), one("lowercase character")),
            (!contains('A'..='Z'), one("uppercase character")),
            (!contains('0'..='9'), one("digit")),
            (is_common(&lower), "Password is too common".to_owned()),
            (
                names.iter().any(|name| lower.contains(name)),
                "Password must not contain the username or email address".to_owned(),
            ),
        ];
        rules.into_iter().filter_map(|(broken, message)| broken.then_some(message)).collect()
    }
}

fn one(kind: &str) -> String {
    format!("Password must contain at least one {kind}")
}

fn is_common(lower: &str) -> bool {
    COMMON.lines().any(|common| common == lower)
}

/// The names in lower case: username, and what stands before the `@` of either.
fn names(username: &str, email: Option<&str>) -> Vec<String> {
    let local = |name: &str| name.split('@').next().unwrap_or_default().to_lowercase();
    let email = email.unwrap_or_default();
    [local(username), username.to_lowercase(), local(email), email.to_lowercase()]
        .into_iter()
        .filter(|name| name.chars().count() >= MIN_NAME_LEN)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(password: &str) -> Vec<String> {
        PasswordPolicy::default().problems(
            &Password::new(password),
            "bobby",
            Some("robert.smith@example.com"),
        )
    }

    #[test]
    fn each_broken_rule_is_told_once() {
        for (password, count) in [
            ("AbcdEf01", 0),
            ("ABCdefgh", 1),
            ("ABCDEF01", 1),
            ("ABCDEFGHI", 2),
            ("ABCD", 3),
            ("", 1),
        ] {
            assert_eq!(problems(password).len(), count, "{password}");
        }
    }

    #[test]
    fn well_known_passwords_are_refused_however_they_are_written() {
        for password in ["Password1", "pASSWORD123", "Qwerty123", "P@ssw0rd1", "1Q2w3e4r"] {
            assert_eq!(problems(password), ["Password is too common"], "{password}");
        }
        assert!(problems("Password1-but-longer").is_empty());
    }

    #[test]
    fn the_names_of_the_user_are_refused_within_a_password() {
        let message = "Password must not contain the username or email address";
        for password in ["xxBOBBYxx1", "Robert.Smith9"] {
            assert_eq!(problems(password), [message], "{password}");
        }
        let policy = PasswordPolicy::default();
        let password = Password::new("Bob-Example1");
        assert!(policy.problems(&password, "bob", Some("bob@example.com")).is_empty());
        let password = Password::new("xxbobbyxx1A");
        assert_eq!(policy.problems(&password, "Bobby@example.com", None), [message]);
    }

    #[test]
    fn a_password_may_have_1024_bytes_and_no_more() {
        let longest = format!("aA1{}", " ".repeat(1021));
        assert!(problems(&longest).is_empty());
        assert_eq!(problems(&format!("{longest} ")), ["Password must have at most 1024 bytes"]);
    }

    #[test]
    fn the_list_has_only_what_the_other_rules_let_pass() {
        let mut lines: Vec<&str> = COMMON.lines().collect();
        for line in &lines {
            let has = |kind: fn(&u8) -> bool| line.as_bytes().iter().any(kind);
            assert!(line.len() >= 8 && has(u8::is_ascii_digit), "{line}");
            assert!(has(u8::is_ascii_lowercase) && !has(u8::is_ascii_uppercase), "{line}");
        }
        let count = lines.len();
        lines.dedup();
        assert!(lines.is_sorted() && lines.len() == count && count > 1000);
    }
}
