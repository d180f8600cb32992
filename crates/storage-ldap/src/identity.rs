//! What identifies an entry for ever.

use std::fmt::Write as _;

use crate::RawEntry;
use crate::dn::{Dn, Key, canonical};
use crate::filter::Filter;

const ENTRY_UUID: &str = "entryUUID";
const OBJECT_GUID: &str = "objectGUID";

/// The attribute that identifies entries; `None` for the first of `entryUUID`, `objectGUID` and the
/// distinguished name.
#[derive(Debug, Clone)]
pub(crate) struct Identity(pub(crate) Option<String>);

/// How the entry with an id is found.
#[derive(Debug, PartialEq)]
pub(crate) enum Query {
    ByFilter(Filter),
    ByName(Dn),
}

impl Identity {
    /// The attributes to read.
    pub(crate) fn attributes(&self) -> Vec<&str> {
        self.0.as_deref().map_or(vec![ENTRY_UUID, OBJECT_GUID], |attribute| vec![attribute])
    }

    /// The id of an entry; `None` if it has no value of the attribute.
    pub(crate) fn of(&self, entry: &RawEntry) -> Option<String> {
        match &self.0 {
            Some(attribute) if attribute.eq_ignore_ascii_case(OBJECT_GUID) => guid(entry),
            Some(attribute) => entry.text(attribute).map(str::to_owned),
            None => {
                let uuid = entry.text(ENTRY_UUID).map(str::to_ascii_lowercase);
                Some(uuid.or_else(|| guid(entry)).unwrap_or_else(|| canonical(entry.dn())))
            }
        }
    }

    /// How the entry with an id is found; `None` for a text that is no id.
    pub(crate) fn query(&self, id: &str) -> Option<Query> {
        let by_guid = || parse_guid(id).map(|guid| Filter::equal(OBJECT_GUID, guid));
        match &self.0 {
            Some(attribute) if attribute.eq_ignore_ascii_case(OBJECT_GUID) => {
                by_guid().map(Query::ByFilter)
            }
            Some(attribute) => Some(Query::ByFilter(Filter::equal(attribute, id))),
            None => match by_guid() {
                Some(by_guid) => {
                    let either = vec![Filter::equal(ENTRY_UUID, id), by_guid];
                    Some(Query::ByFilter(Filter::Or(either)))
                }
                None => Dn::parse(id).map(Query::ByName),
            },
        }
    }

    /// Whether an id is the value of an attribute, and not a distinguished name.
    pub(crate) fn is_attribute_value(&self, id: &str) -> bool {
        matches!(self.query(id), Some(Query::ByFilter(_)))
    }

    /// Whether two ids are of one entry.
    pub(crate) fn is_same(&self, one: &str, other: &str) -> bool {
        one == other || (self.0.is_none() && Key::of(one) == Key::of(other))
    }
}

/// The `objectGUID` of an entry as text.
fn guid(entry: &RawEntry) -> Option<String> {
    let bytes: [u8; 16] = entry.values(OBJECT_GUID).next()?.try_into().ok()?;
    let mut text = String::with_capacity(36);
    for (place, byte) in swapped(bytes).into_iter().enumerate() {
        if [4, 6, 8, 10].contains(&place) {
            text.push('-');
        }
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    Some(text)
}

fn parse_guid(text: &str) -> Option<[u8; 16]> {
    let is_hyphen = |place: usize| [8, 13, 18, 23].contains(&place);
    let is_valid = text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| {
            if is_hyphen(place) { byte == b'-' } else { byte.is_ascii_hexdigit() }
        });
    if !is_valid {
        return None;
    }
    let digits = text.replace('-', "");
    let byte = |place: usize| u8::from_str_radix(digits.get(2 * place..2 * place + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..16).map(byte).collect();
    Some(swapped(bytes?.try_into().ok()?))
}

/// The first three parts are stored with the lowest byte first.
fn swapped(mut bytes: [u8; 16]) -> [u8; 16] {
    bytes[..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "33221100-5544-7766-8899-aabbccddeeff";

    fn entry(attribute: &str, value: impl Into<Vec<u8>>) -> RawEntry {
        RawEntry::new("CN=A,DC=x", vec![(attribute.into(), vec![value.into()])])
    }

    fn guid_bytes() -> Vec<u8> {
        (0..16).map(|byte| byte * 0x11).collect()
    }

    #[test]
    fn ids_find_their_entry_again() {
        let any = Identity(None);
        let by_guid = Filter::equal(OBJECT_GUID, guid_bytes());
        let both = Filter::Or(vec![Filter::equal(ENTRY_UUID, UUID), by_guid.clone()]);
        assert_eq!(any.of(&entry("objectGUID", guid_bytes())).as_deref(), Some(UUID));
        assert_eq!(any.of(&entry("entryuuid", UUID.to_uppercase())).as_deref(), Some(UUID));
        assert_eq!(any.query(UUID), Some(Query::ByFilter(both)));
        assert_eq!(any.of(&entry("cn", "a")).as_deref(), Some("cn=a,dc=x"));
        let dn = Dn::parse("CN=A,DC=x").unwrap();
        assert_eq!(any.query("CN=A,DC=x"), Some(Query::ByName(dn)));
        assert_eq!(any.query("a"), None);

        let guid = Identity(Some("objectguid".into()));
        assert_eq!(guid.of(&entry("objectGUID", guid_bytes())).as_deref(), Some(UUID));
        assert_eq!(guid.query(UUID), Some(Query::ByFilter(by_guid)));
        assert_eq!(guid.of(&entry("objectGUID", "short")), None);
        assert_eq!(guid.query("*"), None);

        let number = Identity(Some("employeeNumber".into()));
        assert_eq!(number.of(&entry("employeeNumber", "7")).as_deref(), Some("7"));
        let equal = Filter::equal("employeeNumber", "7");
        assert_eq!(number.query("7"), Some(Query::ByFilter(equal)));
        assert_eq!(number.of(&entry("cn", "a")), None);
    }

    #[test]
    fn names_as_ids_are_compared_by_what_they_mean() {
        assert!(Identity(None).is_same("CN=A, DC=x", "cn=a,dc=x"));
        assert!(!Identity(None).is_same("cn=a,dc=x", "cn=b,dc=x"));
        assert!(!Identity(Some("uid".into())).is_same("A", "a"));
    }

    #[test]
    fn name_has_one_id_however_the_server_spells_it_and_is_found_by_it() {
        let id = |dn: &str| Identity(None).of(&RawEntry::new(dn, Vec::new())).unwrap();
        for (one, other) in [
            ("CN=A B,DC=x", "cn=a  b, dc=X"),
            ("CN=Smith\\, \\\"J\\\" \\<x\\>\\#,DC=x", "cn=smith\\2c \\22j\\22 \\3cX\\3e\\23,dc=x"),
            ("CN=\\#1,DC=x", "cn=\\231,dc=x"),
            ("CN=É\\+,DC=x", "cn=\\c3\\89\\2b,dc=x"),
        ] {
            assert_eq!(id(one), id(other), "{one}");
            assert!(Dn::parse(&id(one)).is_some_and(|dn| Key::of(dn.as_str()) == Key::of(one)));
        }
        assert_ne!(id("CN=A,DC=x"), id("CN=B,DC=x"));
    }

    #[test]
    fn texts_that_are_no_ids_are_refused() {
        for text in ["", "33221100554477668899aabbccddeeff", &UUID.replace('3', "g"), "é"] {
            assert_eq!(parse_guid(text), None, "{text}");
        }
        assert_eq!(parse_guid("33221100-5544-7766-8899-aabbccddee-f"), None);
    }
}
