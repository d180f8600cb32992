//! Values that are one of several words.

use std::marker::PhantomData;

use super::{Kind, Raw, Reason};

/// A type whose values are written as words.
pub(crate) trait Word: Copy + PartialEq + 'static {
    /// Description of the accepted words, for people.
    const EXPECTS: &'static str;
    /// Each word with its value; values are formatted as the first of their words.
    const WORDS: &'static [(&'static str, Self)];
}

/// Implements [`Word`] for a type: `words! { SameSite, "`strict` or `lax`" { "strict" =
/// SameSite::Strict } }`.
macro_rules! words {
    ($type:ty, $expects:literal { $( $word:literal = $value:expr; )+ }) => {
        impl $crate::kind::Word for $type {
            const EXPECTS: &'static str = $expects;
            const WORDS: &'static [(&'static str, Self)] = &[ $( ($word, $value) ),+ ];
        }
    };
}

/// Implements [`Word`] for a type with two states, on and off.
macro_rules! flag {
    ($type:ty, $on:expr, $off:expr) => {
        $crate::kind::words! { $type, "`true` or `false`" {
            "true" = $on;
            "false" = $off;
            "1" = $on;
            "0" = $off;
        } }
    };
}
pub(crate) use {flag, words};

/// One of the words of `W`, ignoring case.
pub(crate) struct Choice<W>(PhantomData<W>);

impl<W: Word> Kind for Choice<W> {
    type Value = W;
    const EXPECTS: &'static str = W::EXPECTS;

    fn parse(raw: &Raw) -> Result<W, Reason> {
        let text = raw.text()?.trim();
        let found = W::WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        found.map(|(_, value)| *value).ok_or_else(|| Reason::expected(W::EXPECTS))
    }

    fn show(value: &W) -> Option<String> {
        let found = W::WORDS.iter().find(|(_, known)| known == value);
        found.map(|(word, _)| (*word).to_owned())
    }
}

flag! { bool, true, false }

/// On or off.
pub(crate) type Flag = Choice<bool>;
