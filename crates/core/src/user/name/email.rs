//! E-mail addresses.

use std::fmt;
use std::net::Ipv4Addr;

use super::Normalization;
use super::character::{is_letter_or_digit, is_mark};

/// A valid e-mail address, by the rules of upstream, of at most 254 bytes. An internationalized
/// domain is in its ASCII form (RFC 5890: `xn--…`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailAddress(String);

/// The text is not an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Email is not in an allowed format")]
pub struct InvalidEmail;

impl EmailAddress {
    /// Maximum length of an address, in bytes.
    pub const MAX_LEN: usize = 254;
    /// Maximum length of the local part, in bytes.
    const MAX_LOCAL_LEN: usize = 64;

    /// Validates an address: dot-separated atoms, `@`, and a domain name of at least two labels or
    /// an IPv4 address in brackets. A quoted local part is refused, as upstream does. White space
    /// around the address is not part of it.
    pub fn parse(address: &str) -> Result<Self, InvalidEmail> {
        let address = address.trim();
        if address.len() > Self::MAX_LEN {
            return Err(InvalidEmail);
        }
        let (local, domain) = address.rsplit_once('@').ok_or(InvalidEmail)?;
        // The normalized form must also be valid: compatibility characters may hide spaces.
        if !is_local_part(local) || !is_local_part(&Normalization::Nfkc.apply(local)) {
            return Err(InvalidEmail);
        }
        let address = format!("{local}@{}", parse_domain(domain).ok_or(InvalidEmail)?);
        if address.len() > Self::MAX_LEN { Err(InvalidEmail) } else { Ok(Self(address)) }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address.
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
    let visible = |c: char| is_letter_or_digit(c) || is_mark(c);
    let atom = |c: char| (c.is_ascii_graphic() || visible(c)) && !"<>()[]\\.,;:@\"".contains(c);
    let is_atom = |part: &str| part.chars().all(atom) && part.starts_with(|c| !is_mark(c));
    local.len() <= EmailAddress::MAX_LOCAL_LEN && local.split('.').all(is_atom)
}

/// Converts a domain to ASCII; accepts an IPv4 address in brackets.
fn parse_domain(domain: &str) -> Option<String> {
    if let Some(address) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv4Addr>().is_ok().then(|| domain.to_owned());
    }
    let is_plain = domain.is_ascii() && !domain.split('.').any(is_a_label);
    // An ASCII domain keeps its case.
    let ascii = idna::domain_to_ascii_strict(domain).ok()?;
    let ascii = if is_plain { domain.to_owned() } else { ascii };
    let (rest, top) = ascii.rsplit_once('.')?;
    let is_top = is_label(top)
        && top.len() >= 2
        && (is_a_label(top) || top.bytes().all(|byte| byte.is_ascii_alphabetic()));
    (is_top && rest.split('.').all(is_label)).then_some(ascii)
}

/// Whether this is an A-label (RFC 5890).
fn is_a_label(label: &str) -> bool {
    label.as_bytes().get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"xn--"))
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::name::character::sample_characters;

    #[test]
    fn addresses_are_anchored_at_both_ends() {
        for good in ["bob@example.com", "a.b+c@x-y.example.org", "b@[127.0.0.1]", "B@Example.COM"] {
            assert_eq!(EmailAddress::parse(good).unwrap().as_str(), good);
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
            "bob@example.com.",
            "bob@-example.com",
            "bob@example-.com",
            "b\0b@example.com",
            "bob@[999.0.0.1]",
            "bob@127.0.0.1",
            "a\u{202E}b@example.com",
            "a\u{200B}@example.com",
            "\u{FEFF}a@example.com",
            "a\u{FE0F}@example.com",
            "\u{301}@example.com",
        ] {
            assert!(EmailAddress::parse(bad).is_err(), "{bad:?}");
        }
        let long = format!("{}@{}.com", "a".repeat(64), "b".repeat(63));
        assert!(EmailAddress::parse(&long).is_ok());
        assert!(EmailAddress::parse(&format!("a{long}")).is_err());
        assert!(EmailAddress::parse(&long.replace(".com", "b.com")).is_err());
    }

    #[test]
    fn whitespace_around_an_address_is_trimmed() {
        let address = EmailAddress::parse(" bob@example.com\r\n").unwrap();
        assert_eq!(address.as_str(), "bob@example.com");
    }

    #[test]
    fn domains_of_other_scripts_are_accepted_in_either_form() {
        for (typed, stored) in [
            ("ivan@пример.рф", "ivan@xn--e1afmkfd.xn--p1ai"),
            ("ivan@xn--e1afmkfd.xn--p1ai", "ivan@xn--e1afmkfd.xn--p1ai"),
            ("ivan@XN--E1afmkfd.xn--p1ai", "ivan@xn--e1afmkfd.xn--p1ai"),
            ("user@bücher.de", "user@xn--bcher-kva.de"),
            ("user@BÜCHER.example", "user@xn--bcher-kva.example"),
            ("user@例え.テスト", "user@xn--r8jz45g.xn--zckzah"),
        ] {
            assert_eq!(EmailAddress::parse(typed).unwrap().as_str(), stored, "{typed}");
        }
        for bad in ["a@xn--.com", "a@xn--zzzzzz99999.com", "a@büc her.de", "a@例え"] {
            assert!(EmailAddress::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn normalized_address_is_an_address() {
        let mut accepted = 0;
        for c in sample_characters() {
            let Ok(address) = EmailAddress::parse(&format!("{c}@x.com")) else { continue };
            accepted += 1;
            let form = Normalization::Nfkc.apply(address.as_str());
            assert!(EmailAddress::parse(&form).is_ok_and(|again| again.as_str() == form), "{c:?}");
        }
        assert!(accepted > 10_000, "{accepted}");
        assert!(EmailAddress::parse("\u{37A}@x.com").is_err());
    }
}
