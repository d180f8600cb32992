//! Messages of the protocol (RFC 4511 section 4).

use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use crate::ber::{
    BOOLEAN, ENUMERATED, INTEGER, Malformed, OCTET_STRING, Reader, SEQUENCE, SET, Writer,
};
use crate::filter::Filter;
use crate::{RawEntry, dn, policy};

pub(crate) const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
const CONTROLS: u8 = 0xa0;
const EXTENDED_RESPONSE: u8 = 0x78;
/// Of a diagnostic message, in characters.
const MAX_TEXT: usize = 1000;
const MAX_CONTROLS: usize = 16;
const MAX_ATTRIBUTES: usize = 1000;

/// A search.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    pub(crate) base: String,
    pub(crate) depth: Depth,
    pub(crate) filter: Filter,
    pub(crate) attributes: Vec<String>,
    /// Maximum number of entries.
    pub(crate) limit: usize,
}

impl Search {
    /// Reads one entry.
    pub(crate) fn entry(dn: &str, attributes: Vec<String>) -> Self {
        let (depth, filter) = (Depth::Base, Filter::any_entry());
        Self { base: dn.to_owned(), depth, filter, attributes, limit: 1 }
    }

    /// Whether it reads the base, which may not exist.
    pub(crate) fn is_read(&self) -> bool {
        self.depth == Depth::Base
    }
}

/// Which entries are searched; its number is that of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    Base = 0,
    OneLevel = 1,
    Subtree = 2,
}

/// What is asked.
pub(crate) enum Request<'a> {
    /// Simple authentication.
    Bind {
        dn: &'a str,
        password: &'a str,
    },
    Search {
        search: &'a Search,
        seconds: u32,
    },
    /// Removes one value of an attribute and adds another one.
    Replace {
        dn: &'a str,
        attribute: &'a str,
        old: &'a [u8],
        new: &'a [u8],
    },
    StartTls,
    /// A new password (RFC 3062).
    ChangePassword {
        dn: &'a str,
        old: &'a str,
        new: &'a str,
    },
    Unbind,
}

impl Request<'_> {
    /// The whole message.
    pub(crate) fn encode(&self, id: u32) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::new();
        writer.nest(SEQUENCE, |message| {
            message.number(INTEGER, id);
            self.write(message);
            if self.asks_for_policy() {
                message.nest(CONTROLS, |controls| {
                    controls.nest(SEQUENCE, |control| {
                        control.bytes(OCTET_STRING, policy::CONTROL.as_bytes());
                    });
                });
            }
        });
        writer.finish()
    }

    const fn asks_for_policy(&self) -> bool {
        matches!(self, Self::Bind { .. } | Self::Replace { .. } | Self::ChangePassword { .. })
    }

    fn write(&self, message: &mut Writer) {
        match self {
            Self::Bind { dn, password } => message.nest(0x60, |bind| {
                bind.number(INTEGER, 3);
                bind.bytes(OCTET_STRING, dn.as_bytes());
                bind.bytes(0x80, password.as_bytes());
            }),
            Self::Search { search, seconds } => write_search(message, search, *seconds),
            Self::Replace { dn, attribute, old, new } => message.nest(0x66, |modify| {
                modify.bytes(OCTET_STRING, dn.as_bytes());
                modify.nest(SEQUENCE, |changes| {
                    for (operation, value) in [(1, old), (0, new)] {
                        changes.nest(SEQUENCE, |change| {
                            change.number(ENUMERATED, operation);
                            change.nest(SEQUENCE, |part| {
                                part.bytes(OCTET_STRING, attribute.as_bytes());
                                part.nest(SET, |values| values.bytes(OCTET_STRING, value));
                            });
                        });
                    }
                });
            }),
            Self::StartTls => {
                message.nest(0x77, |extended| extended.bytes(0x80, START_TLS.as_bytes()));
            }
            Self::ChangePassword { dn, old, new } => message.nest(0x77, |extended| {
                extended.bytes(0x80, b"1.3.6.1.4.1.4203.1.11.1");
                extended.nest(0x81, |value| {
                    value.nest(SEQUENCE, |parts| {
                        parts.bytes(0x80, dn.as_bytes());
                        parts.bytes(0x81, old.as_bytes());
                        parts.bytes(0x82, new.as_bytes());
                    });
                });
            }),
            Self::Unbind => message.bytes(0x42, &[]),
        }
    }
}

fn write_search(message: &mut Writer, search: &Search, seconds: u32) {
    message.nest(0x63, |body| {
        body.bytes(OCTET_STRING, search.base.as_bytes());
        body.number(ENUMERATED, search.depth as u32);
        // Aliases are not followed.
        body.number(ENUMERATED, 0);
        body.number(INTEGER, u32::try_from(search.limit).unwrap_or_default());
        body.number(INTEGER, seconds);
        body.boolean(BOOLEAN, false);
        search.filter.write(body);
        body.nest(SEQUENCE, |attributes| {
            for attribute in &search.attributes {
                attributes.bytes(OCTET_STRING, attribute.as_bytes());
            }
        });
    });
}

/// What a server answers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Response {
    Bind(Outcome),
    Entry(RawEntry),
    /// An entry with too many attributes.
    Oversized,
    /// A reference to where the search could be continued, which is not followed: the distinguished
    /// names there.
    Reference(Vec<String>),
    /// An intermediate response.
    Ignored,
    SearchDone(Outcome),
    Modify(Outcome),
    Extended(Outcome),
}

/// The result of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) code: u32,
    /// The diagnostic message, on one line and not long. For the log only.
    pub(crate) text: String,
    /// The code of Active Directory that the message has.
    pub(crate) windows: Option<u32>,
    pub(crate) controls: Vec<Control>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Control {
    pub(crate) oid: String,
    pub(crate) value: Vec<u8>,
}

impl Response {
    /// Parses a message, and returns the id of the request that it answers.
    pub(crate) fn parse(message: &[u8]) -> Result<(i32, Self), Malformed> {
        let mut message = Reader::new(Reader::new(message).expect(SEQUENCE)?);
        let id = message.number(INTEGER)?;
        let (tag, body) = message.next()?.ok_or(Malformed)?;
        let controls = message.take(CONTROLS)?.map_or(Ok(Vec::new()), controls)?;
        let body = Reader::new(body);
        let outcome = || outcome(body, controls);
        let response = match tag {
            0x61 => Self::Bind(outcome()?),
            0x64 => entry(body)?.map_or(Self::Oversized, Self::Entry),
            0x73 => Self::Reference(references(body)?),
            0x79 => Self::Ignored,
            0x65 => Self::SearchDone(outcome()?),
            0x67 => Self::Modify(outcome()?),
            EXTENDED_RESPONSE => Self::Extended(outcome()?),
            _ => return Err(Malformed),
        };
        Ok((id, response))
    }
}

/// The distinguished names to which a reference leads, as they are in its URLs (RFC 4516); an empty one
/// is that of the search.
fn references(mut urls: Reader<'_>) -> Result<Vec<String>, Malformed> {
    let mut names = Vec::new();
    while let Some((_, url)) = urls.next()? {
        let url = String::from_utf8_lossy(url);
        let (_, rest) = url.split_once("://").unwrap_or_default();
        let (_, name) = rest.split_once('/').unwrap_or_default();
        let name = name.split('?').next().unwrap_or_default();
        names.push(percent_decode_str(name).decode_utf8_lossy().into_owned());
    }
    Ok(names)
}

fn outcome(mut body: Reader<'_>, controls: Vec<Control>) -> Result<Outcome, Malformed> {
    let code = u32::try_from(body.number(ENUMERATED)?).map_err(|_| Malformed)?;
    body.expect(OCTET_STRING)?;
    let text = printable(body.expect(OCTET_STRING)?);
    let windows = policy::windows_code(&text);
    Ok(Outcome { code, text, windows, controls })
}

impl Outcome {
    /// Removes a secret from the message, in case that the server quotes it.
    pub(crate) fn redact(&mut self, secret: &str) {
        let secret = printable(secret.as_bytes());
        if !secret.is_empty() {
            self.text = self.text.replace(&secret, "…");
        }
    }
}

impl Outcome {
    /// Removes the message if it quotes the first value of a distinguished name, however the server
    /// spells it: what was typed as a username may be a password.
    pub(crate) fn redact_name(&mut self, dn: &str) {
        const ENOUGH: usize = 64;
        let text = spelling(&self.text);
        let quotes = |value: &str| {
            // Long messages are cut.
            let start: String = spelling(value).chars().take(ENOUGH).collect();
            text.contains(&format!("={start}"))
        };
        if dn::naming_values(dn).iter().any(|value| quotes(value)) {
            self.text = "…".into();
        }
        self.redact(dn);
    }
}

/// A text without what differs between spellings of a name: escapes, quotation marks, spaces and case.
fn spelling(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((&byte, after)) = rest.split_first() {
        let hex = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        let escaped = hex(0).zip(hex(1)).filter(|_| byte == b'\\');
        let value = escaped.and_then(|(high, low)| u8::try_from(16 * high + low).ok());
        bytes.push(value.unwrap_or(byte));
        rest = if value.is_some() { &after[2..] } else { after };
    }
    let text = String::from_utf8_lossy(&bytes).to_lowercase();
    let is_kept = |c: &char| !c.is_whitespace() && !c.is_control() && !"\\\"'".contains(*c);
    text.chars().filter(is_kept).collect()
}

/// Text of a server for the log, on one line and not long.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(4 * MAX_TEXT)];
    let text = String::from_utf8_lossy(start);
    let text = text.trim_end_matches('\0').trim();
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(shown).take(MAX_TEXT).collect()
}

/// An entry; `None` if it has too many attributes.
fn entry(mut body: Reader<'_>) -> Result<Option<RawEntry>, Malformed> {
    let dn = body.text(OCTET_STRING)?;
    let mut list = Reader::new(body.expect(SEQUENCE)?);
    let mut attributes = Vec::new();
    while let Some(attribute) = list.take(SEQUENCE)? {
        if attributes.len() == MAX_ATTRIBUTES {
            return Ok(None);
        }
        let mut attribute = Reader::new(attribute);
        let name = attribute.text(OCTET_STRING)?.to_owned();
        let mut set = Reader::new(attribute.expect(SET)?);
        let mut values = Vec::new();
        while let Some(value) = set.take(OCTET_STRING)? {
            values.push(value.to_vec());
        }
        if set.next()?.is_some() {
            return Err(Malformed);
        }
        attributes.push((name, values));
    }
    if list.next()?.is_some() {
        return Err(Malformed);
    }
    Ok(Some(RawEntry::new(dn, attributes)))
}

fn controls(list: &[u8]) -> Result<Vec<Control>, Malformed> {
    let mut list = Reader::new(list);
    let mut controls = Vec::new();
    while let Some(control) = list.take(SEQUENCE)? {
        if controls.len() == MAX_CONTROLS {
            return Err(Malformed);
        }
        let mut control = Reader::new(control);
        let oid = control.text(OCTET_STRING)?.to_owned();
        control.take(BOOLEAN)?;
        let value = control.take(OCTET_STRING)?.unwrap_or_default().to_vec();
        controls.push(Control { oid, value });
    }
    if list.next()?.is_some() { Err(Malformed) } else { Ok(controls) }
}

#[cfg(test)]
mod tests;
