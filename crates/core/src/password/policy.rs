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
