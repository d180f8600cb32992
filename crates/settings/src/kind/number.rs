//! Numbers, sizes and durations.

use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::time::Duration;

use super::{Kind, Raw, Reason};

/// A positive number.
pub(crate) struct Count<N>(PhantomData<N>);

/// A numeric type of a count.
pub(crate) trait Number: Copy {
    /// Converts a count; `None` if it does not fit.
    fn from_count(count: u32) -> Option<Self>;
    /// Formats the number.
    fn written(self) -> String;
}

impl Number for u32 {
    fn from_count(count: u32) -> Option<Self> {
        Some(count)
    }

    fn written(self) -> String {
        self.to_string()
    }
}

impl Number for usize {
    fn from_count(count: u32) -> Option<Self> {
        Self::try_from(count).ok()
    }

    fn written(self) -> String {
        self.to_string()
    }
}

impl Number for NonZeroUsize {
    fn from_count(count: u32) -> Option<Self> {
        usize::from_count(count).and_then(Self::new)
    }

    fn written(self) -> String {
        self.to_string()
    }
}

impl<N: Number> Kind for Count<N> {
    type Value = N;
    const EXPECTS: &'static str = "a whole number, at least 1";

    fn parse(raw: &Raw) -> Result<N, Reason> {
        let number = raw.text()?.trim().parse().ok().filter(|number| *number > 0);
        number.and_then(N::from_count).ok_or_else(|| Reason::expected(Self::EXPECTS))
    }

    fn show(value: &N) -> Option<String> {
        Some(value.written())
    }
}

/// A number of bytes.
pub(crate) struct ByteSize;

const BYTE_UNITS: [(&str, u64); 4] =
    [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("", 1)];

impl Kind for ByteSize {
    type Value = usize;
    const EXPECTS: &'static str = "a size such as `64KiB`, `1MiB` or plain bytes";

    fn parse(raw: &Raw) -> Result<usize, Reason> {
        let refused = || Reason::expected(Self::EXPECTS);
        let (number, unit) = split_unit(raw.text()?).ok_or_else(refused)?;
        let unit = if unit == "B" { "" } else { unit };
        let found = BYTE_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(refused)?;
        let bytes = number.checked_mul(found.1).ok_or_else(refused)?;
        usize::try_from(bytes).map_err(|_| refused())
    }

    fn show(value: &usize) -> Option<String> {
        Some(with_unit(u64::try_from(*value).unwrap_or(u64::MAX), &BYTE_UNITS))
    }
}

/// A number of bytes, stored in KiB.
pub(crate) struct Kibibytes;

impl Kind for Kibibytes {
    type Value = u32;
    const EXPECTS: &'static str = "a size such as `19MiB` or `19456KiB`";

    fn parse(raw: &Raw) -> Result<u32, Reason> {
        let bytes = ByteSize::parse(raw).map_err(|_| Reason::expected(Self::EXPECTS))?;
        u32::try_from(bytes / 1024).map_err(|_| Reason::expected(Self::EXPECTS))
    }

    fn show(value: &u32) -> Option<String> {
        Some(with_unit(u64::from(*value) * 1024, &BYTE_UNITS))
    }
}

/// A duration.
pub(crate) struct Span;

const TIME_UNITS: [(&str, u64); 6] = [
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

impl Kind for Span {
    type Value = Duration;
    const EXPECTS: &'static str =
        "a duration such as `30d`, `12h`, `15m`, `90s`, `500ms` or plain seconds";

    fn parse(raw: &Raw) -> Result<Duration, Reason> {
        let refused = || Reason::expected(Self::EXPECTS);
        let (number, unit) = split_unit(raw.text()?).ok_or_else(refused)?;
        let unit = if unit.is_empty() { "s" } else { unit };
        let found = TIME_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(refused)?;
        number.checked_mul(found.1).map(Duration::from_millis).ok_or_else(refused)
    }

    fn show(value: &Duration) -> Option<String> {
        let millis = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
        // Weeks are accepted, but days are easier to read.
        Some(if millis == 0 { "0s".to_owned() } else { with_unit(millis, &TIME_UNITS[1..]) })
    }
}

/// An optional duration, where 0 means "none".
pub(crate) struct OptionalSpan;

impl Kind for OptionalSpan {
    type Value = Option<Duration>;
    const EXPECTS: &'static str =
        "a duration such as `30d`, `12h`, `15m`, `90s`, `500ms` or plain seconds; `0` for none";

    fn parse(raw: &Raw) -> Result<Self::Value, Reason> {
        let span = Span::parse(raw).map_err(|_| Reason::expected(Self::EXPECTS))?;
        Ok((!span.is_zero()).then_some(span))
    }

    fn show(value: &Self::Value) -> Option<String> {
        value.as_ref().map_or_else(|| Some("0".to_owned()), Span::show)
    }
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.trim_start()))
}

/// Formats a number in the largest unit that divides it.
fn with_unit(number: u64, units: &[(&str, u64)]) -> String {
    let fitting = units.iter().find(|(_, size)| number.is_multiple_of(*size));
    fitting.map_or_else(|| number.to_string(), |(unit, size)| format!("{}{unit}", number / size))
}
