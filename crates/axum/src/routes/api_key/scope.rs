//! The scopes in a form.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// Scopes: a list, or one text with spaces between them (RFC 6749 section 3.3).
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Scopes(Vec<String>);

impl Scopes {
    pub(crate) fn into_vec(self) -> Vec<String> {
        self.0
    }

    fn add(&mut self, text: &str) {
        self.0.extend(text.split_ascii_whitespace().map(str::to_owned));
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScopesVisitor)
    }
}

struct ScopesVisitor;

impl<'de> Visitor<'de> for ScopesVisitor {
    type Value = Scopes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of scopes, or one text with spaces between them")
    }

    fn visit_unit<E: Error>(self) -> Result<Scopes, E> {
        Ok(Scopes::default())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Scopes, E> {
        let mut scopes = Scopes::default();
        scopes.add(text);
        Ok(scopes)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut texts: A) -> Result<Scopes, A::Error> {
        let mut scopes = Scopes::default();
        while let Some(text) = texts.next_element::<String>()? {
            scopes.add(&text);
        }
        Ok(scopes)
    }
}
