//! Entries as a directory returns them.

use crate::dn::{naming_value, value_key};
use crate::message::Response;

/// Attributes that are never kept, in lower case: hashes of passwords, which a careless access control
/// list of a directory shows.
const SECRET: [&str; 8] = [
    "userpassword",
    "unicodepwd",
    "dbcspwd",
    "sambantpassword",
    "sambalmpassword",
    "krbprincipalkey",
    "pwdhistory",
    "authpassword",
];

/// An entry as the directory returns it. Names of attributes are compared without their options and
/// in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawEntry {
    dn: String,
    attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl RawEntry {
    /// An entry with this distinguished name and these attributes, for tests.
    pub fn new(dn: impl Into<String>, attributes: Vec<(String, Vec<Vec<u8>>)>) -> Self {
        let is_kept = |name: &str| !SECRET.contains(&base(name).to_ascii_lowercase().as_str());
        let attributes = attributes.into_iter().filter(|(name, _)| is_kept(name)).collect();
        Self { dn: dn.into(), attributes }
    }

    /// Reads the entry of a message of a server as the client does (RFC 4511 section 4.5.2); `None` for
    /// another or a malformed message.
    pub fn parse(message: &[u8]) -> Option<Self> {
        let Ok((_, Response::Entry(entry))) = Response::parse(message) else { return None };
        Some(entry)
    }

    /// The distinguished name.
    pub fn dn(&self) -> &str {
        &self.dn
    }

    /// The names of the attributes, with their options, and their values.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &[Vec<u8>])> {
        self.attributes.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// The values of an attribute.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let is_it = move |found: &str| base(found).eq_ignore_ascii_case(name);
        let found = self.attributes.iter().filter(move |(found, _)| is_it(found));
        found.flat_map(|(_, values)| values.iter().map(Vec::as_slice))
    }

    /// The values of an attribute that are text.
    pub fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.values(name).filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// The first value of an attribute that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts(name).next()
    }

    /// The value of an attribute that is in the distinguished name, of which there is only one, or else
    /// the first one: the values of an attribute have no order.
    pub(crate) fn main_text(&self, name: &str) -> Option<&str> {
        let naming = naming_value(&self.dn, name);
        let is_naming = |value: &&str| Some(value_key(value)) == naming;
        self.texts(name).find(is_naming).or_else(|| self.text(name))
    }

    /// Whether the entry has a value of an attribute.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// Whether the directory is Active Directory.
    pub(crate) fn is_active_directory(&self) -> bool {
        self.has("objectGUID")
    }
}

/// The name of an attribute without options such as `;binary`.
fn base(name: &str) -> &str {
    name.split(';').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_in_any_case_and_without_options() {
        let attributes =
            [("Mail;x-home", "a"), ("mail", "b"), ("UserPassword", "{SSHA}x"), ("cn", "")];
        let attributes =
            attributes.map(|(name, value)| (name.to_owned(), vec![value.as_bytes().to_vec()]));
        let entry = RawEntry::new("dc=x", attributes.to_vec());
        assert_eq!(entry.texts("MAIL").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((entry.text("cn"), entry.text("sn")), (Some(""), None));
        assert!(!entry.has("userPassword") && entry.has("CN"));
        assert!(!format!("{entry:?}").contains("SSHA"));
    }
}
