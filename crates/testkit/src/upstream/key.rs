//! The keys.

use super::{Preset, TOKENS};

/// A point in time that rows have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// 2020-01-01.
    Past,
    /// In November 2023.
    Winter,
    /// In July 2024, when clocks were put forward.
    Summer,
    /// In the year 2100.
    Future,
}

impl Moment {
    /// Milliseconds since the Unix epoch.
    pub fn millis(self) -> i64 {
        match self {
            Self::Past => 1_577_836_800_000,
            Self::Winter => 1_700_000_000_123,
            Self::Summer => 1_719_828_000_500,
            Self::Future => 4_102_444_800_500,
        }
    }

    pub(super) fn utc(self) -> &'static str {
        match self {
            Self::Past => "2020-01-01 00:00:00.000",
            Self::Winter => "2023-11-14 22:13:20.123",
            Self::Summer => "2024-07-01 10:00:00.500",
            Self::Future => "2100-01-01 00:00:00.500",
        }
    }

    /// In the time zone of [`Preset::time_zone`].
    pub(super) fn local(self, preset: Preset) -> &'static str {
        match (preset, self) {
            (Preset::TypeScript, _) => self.utc(),
            (Preset::Python, Self::Past) => "2020-01-01 01:00:00.000",
            (Preset::Python, Self::Winter) => "2023-11-14 23:13:20.123",
            (Preset::Python, Self::Summer) => "2024-07-01 12:00:00.500",
            (Preset::Python, Self::Future) => "2100-01-01 01:00:00.500",
        }
    }
}

/// How a time is written, where the engine has no type for times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As the implementation writes it.
    Usual,
    /// Date and time in the time zone of the machine.
    Text,
    /// ISO 8601; in TypeScript with `Z`.
    Iso,
    /// Text with an offset.
    Offset,
    /// The number as text.
    Digits,
}

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The id of its owner.
    pub owner: Option<i64>,
    /// The prefix of its stored value.
    pub prefix: &'static str,
    /// The rest of its stored value; those of [`TOKENS`] have known tokens.
    pub hash: &'static str,
    /// When it was created.
    pub created: Moment,
    /// When it expires.
    pub expires: Option<Moment>,
    /// Its data.
    pub data: Option<&'static str>,
    /// The name, if it is an API key.
    pub name: Option<&'static str>,
    pub(super) forms: [Form; 2],
}

const SESSION: Key = Key {
    owner: Some(7),
    prefix: "s:",
    hash: TOKENS[0].hash,
    created: Moment::Winter,
    expires: Some(Moment::Future),
    data: Some("{}"),
    name: None,
    forms: [Form::Usual, Form::Usual],
};

/// The keys that can be decoded.
pub const KEYS: [Key; 13] = [
    SESSION,
    Key {
        owner: Some(8),
        hash: TOKENS[1].hash,
        created: Moment::Summer,
        data: None,
        forms: [Form::Text, Form::Iso],
        ..SESSION
    },
    Key {
        owner: Some(10),
        hash: TOKENS[2].hash,
        data: Some(r#"{"cart": [1, 2], "name": "\u00c4nne"}"#),
        forms: [Form::Digits, Form::Offset],
        ..SESSION
    },
    Key { hash: "expired", expires: Some(Moment::Past), created: Moment::Past, ..SESSION },
    Key { hash: "permanent", expires: None, ..SESSION },
    Key { hash: "anonymous", owner: None, data: Some(r#"{"lang":"de"}"#), ..SESSION },
    Key { hash: "broken data", data: Some("{no JSON"), ..SESSION },
    Key { prefix: "e:", owner: Some(12), data: Some(""), ..SESSION },
    // The new address of Bob.
    Key { prefix: "e:", hash: TOKENS[1].hash, data: Some("bob@new.com"), ..SESSION },
    Key { prefix: "p:", owner: Some(8), data: Some(""), ..SESSION },
    API_KEY,
    Key { hash: "expired", name: Some("old"), expires: Some(Moment::Past), ..API_KEY },
    Key {
        hash: TOKENS[1].hash,
        owner: Some(8),
        expires: Some(Moment::Future),
        data: Some(r#"{"scope": ["read"]}"#),
        ..API_KEY
    },
];

const API_KEY: Key = Key { prefix: "api:", expires: None, name: Some("mykey"), ..SESSION };
