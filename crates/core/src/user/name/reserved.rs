//! Reserved usernames, which look like those of the operators of a site.

use super::Normalization;

/// Usernames that cannot be taken at sign-up. Administrators can create them.
///
/// Compared ignoring case and separators (`.`, `-`, `_`).
///
/// # Defaults
///
/// Names of roles (`admin`, `root`, `support`, …), of mailboxes that prove control of a domain
/// (`postmaster`, `hostmaster`, …, RFC 2142) and of addresses of a site (`www`, `api`, `login`, …).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservedNames(Vec<String>);

const DEFAULTS: [&str; 55] = [
    "abuse",
    "account",
    "accounts",
    "admin",
    "administration",
    "administrator",
    "admins",
    "anonymous",
    "api",
    "auth",
    "billing",
    "crossauth",
    "daemon",
    "everyone",
    "guest",
    "help",
    "helpdesk",
    "hostmaster",
    "info",
    "localhost",
    "login",
    "logout",
    "mail",
    "mailerdaemon",
    "me",
    "moderator",
    "nobody",
    "none",
    "noreply",
    "null",
    "oauth",
    "official",
    "operator",
    "owner",
    "postmaster",
    "register",
    "root",
    "security",
    "self",
    "service",
    "setup",
    "signup",
    "staff",
    "superadmin",
    "superuser",
    "support",
    "sysadmin",
    "system",
    "undefined",
    "user",
    "username",
    "users",
    "web",
    "webmaster",
    "www",
];

impl Default for ReservedNames {
    fn default() -> Self {
        Self::new(DEFAULTS)
    }
}

impl ReservedNames {
    /// Reserves these names.
    pub fn new<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Self {
        Self(names.into_iter().map(|name| comparable(name.as_ref())).collect())
    }

    /// Reserves no name.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// The names, in the form that is compared.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether a username is reserved.
    pub fn contains(&self, username: &str) -> bool {
        self.0.contains(&comparable(username))
    }
}

fn comparable(name: &str) -> String {
    let mut text = Normalization::Nfkc.apply(name);
    text.retain(|c| !matches!(c, '.' | '-' | '_'));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_names_are_recognised_in_every_spelling() {
        let reserved = ReservedNames::default();
        for name in ["admin", "ADMIN", "ａｄｍｉｎ", "Admin_", "ad-min", " root ", "no-reply"]
        {
            assert!(reserved.contains(name), "{name}");
        }
        for name in ["alice", "administratrix", "adminah", "user7", "rootbeer", "admin@example.com"]
        {
            assert!(!reserved.contains(name), "{name}");
        }
        assert!(!ReservedNames::none().contains("admin"));
        let own = ReservedNames::new(["Acme.Support"]);
        assert!(own.contains("acme-support") && !own.contains("admin"));
    }
}
