//! Elements of the Basic Encoding Rules, as LDAP uses them (RFC 4511 section 5.1).

use std::io::{self, Read};

/// The tag of an INTEGER.
pub const INTEGER: u8 = 0x02;
/// The tag of an OCTET STRING.
pub const OCTETS: u8 = 0x04;
/// The tag of an ENUMERATED.
pub const ENUMERATED: u8 = 0x0a;
/// The tag of a SEQUENCE.
pub const SEQUENCE: u8 = 0x30;
/// The tag of a SET.
pub const SET: u8 = 0x31;

/// No request of a client is longer.
const LONGEST: usize = 1 << 20;

/// An element: its tag, and its content as encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Element {
    /// The first octet.
    pub tag: u8,
    /// What follows the length.
    pub content: Vec<u8>,
}

impl Element {
    /// An element with this content.
    pub fn new(tag: u8, content: impl Into<Vec<u8>>) -> Self {
        Self { tag, content: content.into() }
    }

    /// An element that contains others.
    pub fn of(tag: u8, parts: &[Self]) -> Self {
        Self::new(tag, parts.iter().flat_map(Self::encode).collect::<Vec<u8>>())
    }

    /// A number with this tag.
    pub fn number(tag: u8, value: i64) -> Self {
        let bytes = value.to_be_bytes();
        let is_redundant = |&index: &usize| {
            matches!((bytes[index], bytes[index + 1]), (0, ..0x80) | (0xff, 0x80..))
        };
        let skipped = (0..bytes.len() - 1).take_while(is_redundant).count();
        Self::new(tag, &bytes[skipped..])
    }

    /// An octet string.
    pub fn octets(value: impl AsRef<[u8]>) -> Self {
        Self::new(OCTETS, value.as_ref())
    }

    /// The octets on the wire, with the shortest length.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoded = header(self.tag, self.content.len());
        encoded.extend(&self.content);
        encoded
    }

    /// Reads an element, and returns what follows; `None` if there is no complete one.
    pub fn parse(mut bytes: &[u8]) -> Option<(Self, &[u8])> {
        let element = Self::read(&mut bytes).ok()?;
        Some((element, bytes))
    }

    /// Reads an element from a connection.
    pub fn read(from: &mut impl Read) -> io::Result<Self> {
        let [tag, first] = octets(from)?;
        let mut length = usize::from(first);
        if first >= 0x80 {
            length = 0;
            for _ in 0x80..first {
                let [octet] = octets(from)?;
                length = length.saturating_mul(0x100).saturating_add(usize::from(octet));
            }
        }
        if length > LONGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a request is too long"));
        }
        let mut content = vec![0; length];
        from.read_exact(&mut content)?;
        Ok(Self { tag, content })
    }

    /// The elements that it contains, as far as they are complete.
    pub fn parts(&self) -> Vec<Self> {
        let mut rest = self.content.as_slice();
        let mut parts = Vec::new();
        while let Some((part, left)) = Self::parse(rest) {
            parts.push(part);
            rest = left;
        }
        parts
    }

    /// The content as a number.
    pub fn to_number(&self) -> i64 {
        let first = self.content.first().copied().unwrap_or_default();
        let sign = if first < 0x80 { 0 } else { -1 };
        self.content.iter().fold(sign, |value, &octet| (value << 8) | i64::from(octet))
    }

    /// The content as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }
}

fn octets<const COUNT: usize>(from: &mut impl Read) -> io::Result<[u8; COUNT]> {
    let mut octets = [0; COUNT];
    from.read_exact(&mut octets)?;
    Ok(octets)
}

/// A tag and the length of the content that should follow, which a server need not send.
pub fn header(tag: u8, length: usize) -> Vec<u8> {
    let mut header = vec![tag];
    if let Ok(short @ ..0x80) = u8::try_from(length) {
        header.push(short);
    } else {
        let length: Vec<u8> =
            length.to_be_bytes().into_iter().skip_while(|&octet| octet == 0).collect();
        header.push(0x80 + u8::try_from(length.len()).unwrap_or_default());
        header.extend(length);
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_as_they_were_written() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let element = Element::octets(vec![7; length]);
            let mut encoded = element.encode();
            encoded.push(9);
            assert_eq!(Element::parse(&encoded).unwrap(), (element, &[9][..]));
            assert_eq!(Element::parse(&encoded[..encoded.len() - 2]), None);
        }
        for value in [0, 1, 127, 128, 255, 256, 70_000, -1, -128, -129, i64::MAX, i64::MIN] {
            assert_eq!(Element::number(INTEGER, value).to_number(), value);
        }
        assert_eq!(Element::number(INTEGER, 128).encode(), [2, 2, 0, 128]);
        assert_eq!(Element::number(ENUMERATED, 49).encode(), [10, 1, 49]);
        let parts = [Element::octets("a"), Element::octets("")];
        assert_eq!(Element::of(SEQUENCE, &parts).parts(), parts);
    }
}
