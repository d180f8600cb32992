//! Kinds of setting values. A kind parses text into the type of a field in a config struct, and
//! formats values of that type.

mod address;
mod choice;
mod field;
mod ldap;
mod mail;
mod number;
mod rate;
mod secret;
mod text;

use std::fmt;
use std::marker::PhantomData;

pub(crate) use address::{
    AdminPrefix, Domain, FilePath, Hosts, Listen, LocalPath, Networks, Origins, Prefix, Url,
};
pub(crate) use choice::{Choice, Flag, Word, flag, words};
pub(crate) use field::SignupFields;
pub(crate) use ldap::{
    Attribute, AttributeFields, Attributes, GroupRoles, Groups, LdapUrls, OptionalAttribute,
};
pub(crate) use mail::{Port, SecretLine, SenderText};
pub(crate) use number::{ByteSize, Count, Kibibytes, OptionalSpan, Span};
pub(crate) use rate::OptionalRate;
pub use secret::DatabaseUrl;
pub(crate) use secret::{FirebaseKey, PepperText, RedisUrl, SecretText, ServerUrl};
pub(crate) use text::{CookieName, HeaderName, List, Text, Usernames};

/// A raw value: one text, or several if the source has lists.
///
/// Has no `Debug`: it may be a secret.
#[derive(Clone, PartialEq)]
pub(crate) enum Raw {
    /// A single value.
    Text(String),
    /// A list.
    List(Vec<String>),
    /// Tables, which only a file has.
    Tables(Vec<toml::Table>),
}

impl Raw {
    /// Whether it is empty text, which counts as absent.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }

    /// The single value.
    pub(crate) fn text(&self) -> Result<&str, Reason> {
        match self {
            Self::Text(text) => Ok(text),
            Self::List(_) | Self::Tables(_) => Err(Reason::expected("a single value, not a list")),
        }
    }
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::List(items) => write!(f, "{items:?}"),
            Self::Tables(tables) => {
                let tables = tables.iter().cloned().map(toml::Value::Table);
                write!(f, "{}", toml::Value::Array(tables.collect()))
            }
        }
    }
}

/// Why a value is invalid; never repeats the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reason(String);

impl Reason {
    /// The value has the wrong format; `what` is the expected one.
    pub(crate) fn expected(what: &str) -> Self {
        Self(format!("expected {what}"))
    }

    /// A reason in other words.
    pub(crate) fn because(reason: String) -> Self {
        Self(reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// It may be shown to anyone.
    Public,
    /// It appears in no message, log or listing.
    Secret,
}

/// What empty text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EmptyValue {
    /// The setting is absent.
    Absent,
    /// An error: without the intended secret or restriction, more would be possible than was intended.
    Invalid,
}

/// A kind of value.
pub(crate) trait Kind {
    /// The type that a config struct has.
    type Value;
    /// Description of the accepted format, for people.
    const EXPECTS: &'static str;
    /// Whether it may be shown.
    const SECRECY: Secrecy = Secrecy::Public;
    /// What empty text is.
    const EMPTY: EmptyValue = match Self::SECRECY {
        Secrecy::Public => EmptyValue::Absent,
        Secrecy::Secret => EmptyValue::Invalid,
    };

    /// Parses a raw value.
    fn parse(raw: &Raw) -> Result<Self::Value, Reason>;

    /// Formats a value as in a file; `None` if it is represented by leaving the setting out.
    fn show(value: &Self::Value) -> Option<String>;
}

/// A value that may be absent.
pub(crate) struct Optional<K>(PhantomData<K>);

impl<K: Kind> Kind for Optional<K> {
    type Value = Option<K::Value>;
    const EXPECTS: &'static str = K::EXPECTS;
    const SECRECY: Secrecy = K::SECRECY;

    fn parse(raw: &Raw) -> Result<Self::Value, Reason> {
        K::parse(raw).map(Some)
    }

    fn show(value: &Self::Value) -> Option<String> {
        value.as_ref().and_then(K::show)
    }
}

/// Why an empty restriction is invalid.
pub(crate) const EMPTY_RESTRICTION: &str =
    "is empty, which would restrict nothing: set it, or remove the setting";

/// A value that restricts what is possible without it, so that an empty one is an error.
pub(crate) struct Restriction<K>(PhantomData<K>);

impl<K: Kind> Kind for Restriction<K> {
    type Value = K::Value;
    const EXPECTS: &'static str = K::EXPECTS;
    const SECRECY: Secrecy = K::SECRECY;
    const EMPTY: EmptyValue = EmptyValue::Invalid;

    fn parse(raw: &Raw) -> Result<Self::Value, Reason> {
        let is_blank = matches!(raw, Raw::Text(text) if text.trim().is_empty());
        let value = if is_blank { None } else { Some(K::parse(raw)?) };
        let value = value.filter(|value| K::show(value).is_some());
        value.ok_or_else(|| Reason::because(EMPTY_RESTRICTION.to_owned()))
    }

    fn show(value: &Self::Value) -> Option<String> {
        K::show(value)
    }
}

#[cfg(test)]
mod tests;
