//! Filters of searches (RFC 4511 section 4.5.1.7).
//!
//! Values are bytes that are never part of a text, so none has to be escaped. Only a filter of the
//! options is parsed from text (RFC 4515).

mod text;

use crate::ber::{OCTET_STRING, SEQUENCE, Writer};

/// A filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filter {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    /// A comparison of an attribute with a value.
    Compare(Comparison, String, Vec<u8>),
    Substrings {
        attribute: String,
        parts: Vec<(Place, Vec<u8>)>,
    },
    Present(String),
    Extensible {
        rule: Option<String>,
        attribute: Option<String>,
        value: Vec<u8>,
        dn: bool,
    },
}

/// How values are compared; its number is the tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal = 0xa3,
    GreaterOrEqual = 0xa5,
    LessOrEqual = 0xa6,
    Approximate = 0xa8,
}

/// Where a substring is; its number is the tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Start = 0x80,
    Any = 0x81,
    End = 0x82,
}

impl Filter {
    /// An attribute has exactly this value, whatever characters it contains.
    pub(crate) fn equal(attribute: &str, value: impl Into<Vec<u8>>) -> Self {
        Self::Compare(Comparison::Equal, attribute.to_owned(), value.into())
    }

    /// The attribute has some value.
    pub(crate) fn present(attribute: &str) -> Self {
        Self::Present(attribute.to_owned())
    }

    /// Every entry.
    pub(crate) fn any_entry() -> Self {
        Self::present("objectClass")
    }

    /// A value matches by the rule with this object identifier.
    pub(crate) fn by_rule(attribute: &str, rule: &str, value: &str) -> Self {
        Self::Extensible {
            rule: Some(rule.to_owned()),
            attribute: Some(attribute.to_owned()),
            value: value.as_bytes().to_vec(),
            dn: false,
        }
    }

    /// Parses the text of an option. The error says what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        text::parse(text)
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        match self {
            Self::And(parts) => write_all(writer, 0xa0, parts),
            Self::Or(parts) => write_all(writer, 0xa1, parts),
            Self::Not(part) => writer.nest(0xa2, |inside| part.write(inside)),
            Self::Compare(comparison, attribute, value) => {
                writer.nest(*comparison as u8, |inside| {
                    inside.bytes(OCTET_STRING, attribute.as_bytes());
                    inside.bytes(OCTET_STRING, value);
                });
            }
            Self::Substrings { attribute, parts } => writer.nest(0xa4, |inside| {
                inside.bytes(OCTET_STRING, attribute.as_bytes());
                inside.nest(SEQUENCE, |list| {
                    for (place, part) in parts {
                        list.bytes(*place as u8, part);
                    }
                });
            }),
            Self::Present(attribute) => writer.bytes(0x87, attribute.as_bytes()),
            Self::Extensible { rule, attribute, value, dn } => writer.nest(0xa9, |inside| {
                if let Some(rule) = rule {
                    inside.bytes(0x81, rule.as_bytes());
                }
                if let Some(attribute) = attribute {
                    inside.bytes(0x82, attribute.as_bytes());
                }
                inside.bytes(0x83, value);
                if *dn {
                    inside.boolean(0x84, true);
                }
            }),
        }
    }
}

fn write_all(writer: &mut Writer, tag: u8, parts: &[Filter]) {
    writer.nest(tag, |inside| parts.iter().for_each(|part| part.write(inside)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(filter: &Filter) -> Vec<u8> {
        let mut writer = Writer::new();
        filter.write(&mut writer);
        writer.finish().to_vec()
    }

    #[test]
    fn filters_are_encoded_with_their_tags() {
        assert_eq!(bytes(&Filter::present("cn")), b"\x87\x02cn");
        assert_eq!(bytes(&Filter::equal("cn", "*)(\0")), b"\xa3\x0a\x04\x02cn\x04\x04*)(\0");
        let both =
            Filter::And(vec![Filter::present("a"), Filter::Not(Filter::present("b").into())]);
        assert_eq!(bytes(&both), b"\xa0\x08\x87\x01a\xa2\x03\x87\x01b");
        let rule = Filter::by_rule("member", "1.2", "dc=x");
        assert_eq!(bytes(&rule), b"\xa9\x13\x81\x031.2\x82\x06member\x83\x04dc=x");
        let text = Filter::parse("(cn=a*b*c)").unwrap();
        assert_eq!(bytes(&text), b"\xa4\x0f\x04\x02cn\x30\x09\x80\x01a\x81\x01b\x82\x01c");
    }
}
