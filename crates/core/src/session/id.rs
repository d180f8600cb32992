//! Session ids.

use std::fmt;

use crate::crypto::{equal, hash};

/// Maximum length of an id that is stored without an allocation, in bytes: the length of new ids.
const INLINE_LEN: usize = 22;

/// The secret session id from the cookie. `Debug` is redacted.
#[derive(Clone)]
pub struct SessionId(Text);

/// Every request with a session creates one, so the usual length does not allocate.
#[derive(Clone)]
enum Text {
    Inline { bytes: [u8; INLINE_LEN], len: u8 },
    Heap(Box<str>),
}

impl SessionId {
    pub(crate) fn new(id: &str) -> Self {
        let mut bytes = [0; INLINE_LEN];
        match (bytes.get_mut(..id.len()), u8::try_from(id.len())) {
            (Some(start), Ok(len)) => {
                start.copy_from_slice(id.as_bytes());
                Self(Text::Inline { bytes, len })
            }
            _ => Self(Text::Heap(id.into())),
        }
    }

    /// The id in plaintext.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "the bytes are a copy of a text, and a default would be the id of many sessions"
    )]
    pub fn expose(&self) -> &str {
        match &self.0 {
            Text::Inline { bytes, len } => {
                str::from_utf8(&bytes[..usize::from(*len)]).expect("a copy of a text")
            }
            Text::Heap(id) => id,
        }
    }

    /// A hash of the id, for correlation in logs.
    pub fn digest(&self) -> String {
        hash(self.expose())
    }
}

impl PartialEq for SessionId {
    fn eq(&self, other: &Self) -> bool {
        equal(self.expose().as_bytes(), other.expose().as_bytes())
    }
}

impl Eq for SessionId {}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_any_length_are_kept_and_redacted() {
        let long = "ä".repeat(300);
        for len in [0, 2, 22, 30, 32, 600] {
            let text = &long[..len];
            let id = SessionId::new(text);
            assert_eq!(id.expose(), text);
            assert_eq!(id, id.clone());
            assert_eq!(format!("{id:?}"), "SessionId(…)");
            assert_ne!(id, SessionId::new(&format!("{text}x")));
        }
    }
}
