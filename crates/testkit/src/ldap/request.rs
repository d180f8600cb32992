//! What a client asks (RFC 4511 section 4).

use super::ber::Element;

/// The object identifier of StartTLS (RFC 4511 section 4.14).
pub const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
/// The object identifier of the modification of a password (RFC 3062).
pub const PASSWORD_MODIFY: &str = "1.3.6.1.4.1.4203.1.11.1";

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The number of the connection, from 1.
    pub connection: usize,
    /// Whether it came through TLS.
    pub is_encrypted: bool,
    /// The message id.
    pub id: i64,
    /// What is asked.
    pub operation: Operation,
    /// The object identifiers of the controls.
    pub controls: Vec<String>,
}

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// A simple bind.
    Bind {
        /// The distinguished name.
        dn: String,
        /// The password.
        password: String,
    },
    /// The end of the connection.
    Unbind,
    /// A search.
    Search {
        /// The base.
        base: String,
        /// 0 for the base itself, 1 for what is directly below it, 2 for the whole tree.
        scope: i64,
        /// The filter.
        filter: Element,
        /// The attributes that are asked for.
        attributes: Vec<String>,
    },
    /// A modification of an entry.
    Modify {
        /// The distinguished name.
        dn: String,
        /// 0 for what is added, 1 for what is deleted and 2 for what is replaced; the attribute; the
        /// values.
        changes: Vec<(i64, String, Vec<Vec<u8>>)>,
    },
    /// The start of TLS.
    StartTls,
    /// The modification of a password (RFC 3062).
    PasswordModify {
        /// Of whom.
        user: Option<String>,
        /// The old one.
        old: Option<String>,
        /// The new one.
        new: Option<String>,
    },
    /// Another operation, with its tag.
    Other(u8),
}

impl Request {
    /// Reads a message; `None` if it is none.
    pub(super) fn parse(message: &Element, connection: usize, is_encrypted: bool) -> Option<Self> {
        let parts = message.parts();
        let operation = Operation::parse(parts.get(1)?)?;
        let controls = parts.get(2).map(Element::parts).unwrap_or_default();
        let controls = controls.iter().filter_map(|control| Some(control.parts().first()?.text()));
        let id = parts.first()?.to_number();
        Some(Self { connection, is_encrypted, id, operation, controls: controls.collect() })
    }

    /// The name of a bind.
    pub fn bind_name(&self) -> Option<&str> {
        if let Operation::Bind { dn, .. } = &self.operation { Some(dn) } else { None }
    }

    /// Whether it is a bind with this name.
    pub fn is_bind(&self, name: &str) -> bool {
        self.bind_name() == Some(name)
    }

    /// Whether it is a search.
    pub fn is_search(&self) -> bool {
        matches!(self.operation, Operation::Search { .. })
    }

    /// Whether it starts TLS.
    pub fn is_start_tls(&self) -> bool {
        self.operation == Operation::StartTls
    }

    /// Whether it modifies a password (RFC 3062).
    pub fn is_password_modify(&self) -> bool {
        matches!(self.operation, Operation::PasswordModify { .. })
    }

    /// The tag of its response; that of an extended one for requests that have none.
    pub(super) fn response_tag(&self) -> u8 {
        match self.operation {
            Operation::Bind { .. } => 0x61,
            Operation::Search { .. } => 0x65,
            Operation::Modify { .. } => 0x67,
            Operation::StartTls | Operation::PasswordModify { .. } | Operation::Unbind => 0x78,
            Operation::Other(tag) => tag + 1,
        }
    }
}

impl Operation {
    fn parse(element: &Element) -> Option<Self> {
        let parts = element.parts();
        let text = |index: usize| parts.get(index).map(Element::text);
        Some(match element.tag {
            0x42 => Self::Unbind,
            0x60 => Self::Bind { dn: text(1)?, password: text(2)? },
            0x63 => Self::Search {
                base: text(0)?,
                scope: parts.get(1)?.to_number(),
                filter: parts.get(6)?.clone(),
                attributes: parts.get(7)?.parts().iter().map(Element::text).collect(),
            },
            0x66 => Self::Modify {
                dn: text(0)?,
                changes: parts.get(1)?.parts().iter().filter_map(change).collect(),
            },
            0x77 if text(0)? == START_TLS => Self::StartTls,
            0x77 if text(0)? == PASSWORD_MODIFY => password_modify(parts.get(1)),
            tag => Self::Other(tag),
        })
    }
}

fn change(element: &Element) -> Option<(i64, String, Vec<Vec<u8>>)> {
    let parts = element.parts();
    let attribute = parts.get(1)?.parts();
    let values = attribute.get(1)?.parts().into_iter().map(|value| value.content).collect();
    Some((parts.first()?.to_number(), attribute.first()?.text(), values))
}

fn password_modify(value: Option<&Element>) -> Operation {
    let inner = value.and_then(|value| Some(Element::parse(&value.content)?.0));
    let parts = inner.map(|inner| inner.parts()).unwrap_or_default();
    let find = |tag| parts.iter().find(|part| part.tag == tag).map(Element::text);
    Operation::PasswordModify { user: find(0x80), old: find(0x81), new: find(0x82) }
}
