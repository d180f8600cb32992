//! What a server answers, also what it must not.

use super::ber::{ENUMERATED, Element, INTEGER, OCTETS, SEQUENCE, SET};
use super::request::Request;

/// The object identifier of the control of password policies (draft-behera-ldap-password-policy).
pub const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

/// A message of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    id: i64,
    tag: u8,
    parts: Vec<Element>,
    controls: Vec<Element>,
}

impl Answer {
    /// The result of an operation: its code (RFC 4511 section 4.1.9) and the diagnostic message.
    pub fn result(request: &Request, code: i64, message: &str) -> Self {
        let parts =
            vec![Element::number(ENUMERATED, code), Element::octets(""), Element::octets(message)];
        Self { id: request.id, tag: request.response_tag(), parts, controls: Vec::new() }
    }

    /// An entry that a search finds.
    pub fn entry<V: AsRef<[u8]>>(request: &Request, dn: &str, attributes: &[(&str, &[V])]) -> Self {
        let attributes = attributes.iter().map(|(name, values)| {
            let values: Vec<_> = values.iter().map(Element::octets).collect();
            Element::of(SEQUENCE, &[Element::octets(name), Element::of(SET, &values)])
        });
        let attributes = Element::of(SEQUENCE, &attributes.collect::<Vec<_>>());
        let parts = vec![Element::octets(dn), attributes];
        Self { id: request.id, tag: 0x64, parts, controls: Vec::new() }
    }

    /// A reference to where a search should go on.
    pub fn reference(request: &Request, urls: &[&str]) -> Self {
        let parts = urls.iter().map(Element::octets).collect();
        Self { id: request.id, tag: 0x73, parts, controls: Vec::new() }
    }

    /// The announcement that the server ends the connection (RFC 4511 section 4.4.1).
    pub fn disconnection(code: i64, message: &str) -> Self {
        let parts = vec![
            Element::number(ENUMERATED, code),
            Element::octets(""),
            Element::octets(message),
            Element::new(0x8a, "1.3.6.1.4.1.1466.20036"),
        ];
        Self { id: 0, tag: 0x78, parts, controls: Vec::new() }
    }

    /// Adds the URLs to which the client should go.
    #[must_use]
    pub fn with_referral(mut self, urls: &[&str]) -> Self {
        let urls: Vec<_> = urls.iter().map(Element::octets).collect();
        self.parts.push(Element::of(0xa3, &urls));
        self
    }

    /// Adds a control.
    #[must_use]
    pub fn with_control(mut self, oid: &str, value: &[u8]) -> Self {
        let parts = [Element::octets(oid), Element::octets(value)];
        self.controls.push(Element::of(SEQUENCE, &parts));
        self
    }

    /// Adds the control of password policies: a warning, 0 for the seconds until the password expires
    /// and 1 for the number of logins that are left, with its value; and an error, such as 0 for an
    /// expired password, 1 for a locked account and 2 for a password that must be changed.
    #[must_use]
    pub fn with_policy(self, warning: Option<(u8, i64)>, error: Option<u8>) -> Self {
        let warning = warning
            .map(|(which, value)| Element::of(0xa0, &[Element::number(0x80 + which, value)]));
        let error = error.map(|error| Element::new(0x81, [error]));
        let parts: Vec<_> = warning.into_iter().chain(error).collect();
        self.with_control(PASSWORD_POLICY, &Element::of(SEQUENCE, &parts).encode())
    }

    /// With another message id than that of the request.
    #[must_use]
    pub fn with_id(mut self, id: i64) -> Self {
        self.id = id;
        self
    }

    /// With the tag of another response.
    #[must_use]
    pub fn with_tag(mut self, tag: u8) -> Self {
        self.tag = tag;
        self
    }

    /// With other parts, such as too few.
    #[must_use]
    pub fn with_parts(mut self, parts: Vec<Element>) -> Self {
        self.parts = parts;
        self
    }

    /// The octets on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let mut parts = vec![Element::number(INTEGER, self.id), Element::of(self.tag, &self.parts)];
        if !self.controls.is_empty() {
            parts.push(Element::of(0xa0, &self.controls));
        }
        Element::of(SEQUENCE, &parts).encode()
    }
}

/// Octets that are a message with the id of the request, whose operation is elements within elements,
/// to this depth.
pub fn nested(request: &Request, depth: usize) -> Vec<u8> {
    let mut inner = vec![OCTETS, 0];
    // From the inside out, written backwards: each header is in front of what it contains.
    inner.reverse();
    for _ in 0..depth {
        let mut header = super::ber::header(SEQUENCE, inner.len());
        header.reverse();
        inner.extend(header);
    }
    inner.reverse();
    let parts = [Element::number(INTEGER, request.id), Element::new(0x61, inner)];
    Element::of(SEQUENCE, &parts).encode()
}
