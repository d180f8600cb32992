//! How times are stored.

use crossauth_core::clock::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use crate::OpenError;
use crate::column::Field;
use crate::database::Value;

/// How times are written. Reading accepts every form that upstream writes: text in ISO 8601 and
/// similar forms, and numbers in the unit chosen here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeEncoding {
    /// Milliseconds since the Unix epoch, as an integer.
    Millis,
    /// Seconds since the Unix epoch, with a fraction.
    Seconds,
}

/// Name of the SQL function that converts a stored time to milliseconds, or to null if it is not a
/// time, in databases without a time type.
pub(crate) const MILLIS_FUNCTION: &str = "crossauth_millis";

/// Decodes a stored time. Public for `fuzz/` only.
#[doc(hidden)]
pub fn decode_time(
    encoding: TimeEncoding,
    zone: Option<&str>,
    value: &Value<'_>,
) -> Result<Option<Timestamp>, &'static str> {
    Times::new(encoding, zone).map_err(|_| "not a time zone")?.decode(value)
}

/// Encodes and decodes times according to a table map.
#[derive(Debug, Clone)]
pub(crate) struct Times {
    encoding: TimeEncoding,
    /// The zone of times that are stored without one.
    zone: TimeZone,
}

impl Times {
    /// `zone` is a name of the system's time zone database or an offset such as `+02:00`.
    pub(crate) fn new(encoding: TimeEncoding, zone: Option<&str>) -> Result<Self, OpenError> {
        let zone = match zone {
            None => TimeZone::UTC,
            Some(name) => match offset(name) {
                Some(offset) => TimeZone::fixed(offset),
                None => TimeZone::get(name)
                    .map_err(|_| OpenError::TimeZone { name: name.to_owned() })?,
            },
        };
        Ok(Self { encoding, zone })
    }

    /// What to write to `field`.
    #[expect(clippy::cast_precision_loss, reason = "exact until the year 287396")]
    pub(crate) fn encode(&self, field: &Field, time: Timestamp) -> Value<'static> {
        let column = &field.column;
        if column.sql_type == "timestamp without time zone" {
            return Value::Time(self.to_local(time));
        }
        if column.sql_type.starts_with("timestamp with time zone") {
            return Value::Time(time);
        }
        match self.encoding {
            _ if column.is_text() => Value::text(self.text(time)),
            TimeEncoding::Millis => Value::Integer(time.as_millis()),
            // A number that is rounded up would be a time in the future.
            TimeEncoding::Seconds if column.is_integer() => Value::Integer(time.as_secs()),
            TimeEncoding::Seconds => Value::Real(time.as_millis() as f64 / 1000.0),
        }
    }

    /// A time as text in the form of Python, in the zone of the map, or in that of JavaScript.
    fn text(&self, time: Timestamp) -> String {
        let instant = jiff::Timestamp::from_millisecond(time.as_millis()).unwrap_or_default();
        match self.encoding {
            TimeEncoding::Millis => instant.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            TimeEncoding::Seconds => {
                let civil = self.zone.to_datetime(instant);
                civil.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string()
            }
        }
    }

    /// The date and time to the second, to compare them as text with others in the form that is
    /// written.
    pub(crate) fn comparable_text(&self, time: Timestamp) -> Value<'static> {
        let text = self.text(time).replace('T', " ");
        Value::text(text.get(..19).unwrap_or_default().to_owned())
    }

    pub(crate) fn encode_optional(&self, field: &Field, time: Option<Timestamp>) -> Value<'static> {
        time.map_or(Value::Null, |time| self.encode(field, time))
    }

    /// Decodes a time; `None` if it is null.
    pub(crate) fn decode(&self, value: &Value<'_>) -> Result<Option<Timestamp>, &'static str> {
        let time = match value {
            Value::Null => return Ok(None),
            Value::Integer(number) => Some(self.whole(*number)),
            Value::Real(number) => self.fractional(*number),
            Value::Text(text) => self.parse(text),
            Value::Time(time) => Some(*time),
            Value::Bool(_) | Value::Bytes(_) => None,
        };
        time.map(Some).ok_or("has a time in an unknown format")
    }

    fn whole(&self, number: i64) -> Timestamp {
        match self.encoding {
            TimeEncoding::Millis => Timestamp::from_millis(number),
            TimeEncoding::Seconds => Timestamp::from_secs(number),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a cast from float stops at the ends")]
    fn fractional(&self, number: f64) -> Option<Timestamp> {
        if !number.is_finite() {
            return None;
        }
        Some(Timestamp::from_millis(match self.encoding {
            TimeEncoding::Millis => number.round() as i64,
            // Integer and fraction separately: the product of large seconds would be rounded.
            TimeEncoding::Seconds => (number.trunc() as i64)
                .saturating_mul(1000)
                .saturating_add((number.fract() * 1000.0).round() as i64),
        }))
    }

    fn parse(&self, text: &str) -> Option<Timestamp> {
        let text = text.trim();
        if let Ok(number) = text.parse() {
            return Some(self.whole(number));
        }
        if !text.contains(':') && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return self.fractional(text.parse().ok()?);
        }
        let (civil, zone) = split_zone(text)?;
        let civil: DateTime = civil.parse().ok()?;
        let zone = zone.map_or_else(|| self.zone.clone(), TimeZone::fixed);
        let time = zone.to_timestamp(civil).ok()?;
        Some(Timestamp::from_millis(time.as_millisecond()))
    }

    /// Shifts a time by the offset of the zone, for columns that store local time.
    fn to_local(&self, time: Timestamp) -> Timestamp {
        let instant = jiff::Timestamp::from_millisecond(time.as_millis());
        let offset = instant.map_or(0, |instant| self.zone.to_offset(instant).seconds());
        Timestamp::from_millis(time.as_millis() + i64::from(offset) * 1000)
    }
}

/// Whether a value is a time stored as text without a zone.
pub(crate) fn is_local(value: &Value<'_>) -> bool {
    let Value::Text(text) = value else { return false };
    let split = split_zone(text.trim());
    split.is_some_and(|(civil, zone)| zone.is_none() && civil.parse::<DateTime>().is_ok())
}

/// Splits text into the date and time, and the offset that follows it.
fn split_zone(text: &str) -> Option<(&str, Option<Offset>)> {
    // A dash before this index belongs to the date.
    let Some(time) = text.get(10..) else { return Some((text, None)) };
    for name in ["Z", "z", "UTC", "GMT"] {
        if let Some(civil) = text.strip_suffix(name).filter(|civil| civil.len() >= 10) {
            return Some((civil.trim_end(), Some(Offset::UTC)));
        }
    }
    match time.find(['+', '-']) {
        None => Some((text, None)),
        Some(at) => {
            let (civil, zone) = text.split_at(10 + at);
            Some((civil.trim_end(), Some(offset(zone)?)))
        }
    }
}

/// An offset such as `+02`, `+02:00`, `-0330`.
fn offset(text: &str) -> Option<Offset> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let digits = digits.replace(':', "");
    if !matches!(digits.len(), 2 | 4 | 6) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize| digits.get(from..from + 2).map_or(Ok(0), str::parse::<i32>).ok();
    let (hours, minutes, seconds) = (part(0)?, part(2)?, part(4)?);
    if minutes > 59 || seconds > 59 {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60 + seconds)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::Column;

    fn times(encoding: TimeEncoding) -> Times {
        Times::new(encoding, None).unwrap()
    }

    fn field(sql_type: &str) -> Field {
        let column = Column {
            name: "created".into(),
            quoted: "created".into(),
            sql_type: sql_type.into(),
            not_null: false,
            has_default: false,
            is_read_as_json: false,
        };
        Field { column, index: 0 }
    }

    #[test]
    fn every_format_of_a_time_is_read() {
        let time = Some(Timestamp::from_millis(1_767_225_600_123));
        for (encoding, value) in [
            (TimeEncoding::Millis, Value::Integer(1_767_225_600_123)),
            (TimeEncoding::Millis, Value::text("1767225600123")),
            (TimeEncoding::Seconds, Value::Real(1_767_225_600.123)),
            (TimeEncoding::Seconds, Value::text("1767225600.123")),
            (TimeEncoding::Seconds, Value::text("2026-01-01 00:00:00.123000")),
            (TimeEncoding::Seconds, Value::text("2026-01-01T00:00:00.123")),
            (TimeEncoding::Seconds, Value::text("2026-01-01T00:00:00.123456")),
            (TimeEncoding::Millis, Value::text("2026-01-01T00:00:00.123Z")),
            (TimeEncoding::Millis, Value::text("2026-01-01 00:00:00.123 UTC")),
            (TimeEncoding::Millis, Value::text("2026-01-01T01:00:00.123+01:00")),
            (TimeEncoding::Millis, Value::text("2026-01-01 01:00:00.123 +01:00")),
            (TimeEncoding::Millis, Value::text("2025-12-31 20:30:00.123-0330")),
            (TimeEncoding::Millis, Value::text("2026-01-01 02:00:00.123+02")),
        ] {
            assert_eq!(times(encoding).decode(&value), Ok(time), "{value:?}");
        }
        let whole = Ok(Some(Timestamp::from_secs(1_767_225_600)));
        let seconds = times(TimeEncoding::Seconds);
        assert_eq!(seconds.decode(&Value::Integer(1_767_225_600)), whole);
        for text in ["2026-01-01 00:00:00", "2026-01-01 00:00", "2026-01-01T00:00", "2026-01-01"] {
            assert_eq!(seconds.decode(&Value::text(text)), whole, "{text}");
        }
        assert_eq!(seconds.decode(&Value::Null), Ok(None));
    }

    #[test]
    fn invalid_times_are_errors() {
        for value in [
            Value::text("yesterday"),
            Value::text(""),
            Value::text("0000-00-00 00:00:00"),
            Value::text("2026-02-30 00:00:00"),
            Value::text("2026-01-01 00:00:00+99:00"),
            Value::text("2026-01-01 00:00:00 Mars"),
            Value::text("2026-01-01é00:00:00"),
            Value::text("12.5.2026"),
            Value::text("NaN"),
            Value::Real(f64::NAN),
            Value::Real(f64::INFINITY),
            Value::bytes(&b"x"[..]),
        ] {
            for encoding in [TimeEncoding::Millis, TimeEncoding::Seconds] {
                assert!(times(encoding).decode(&value).is_err(), "{value:?}");
            }
        }
    }

    #[test]
    fn written_times_are_read_back_to_the_millisecond() {
        for millis in [0, 1, -1, 1_767_225_600_123, 4_102_444_800_999, 253_402_300_799_999] {
            for encoding in [TimeEncoding::Millis, TimeEncoding::Seconds] {
                let (time, times) = (Timestamp::from_millis(millis), times(encoding));
                let written = times.encode(&field("datetime"), time);
                assert_eq!(times.decode(&written), Ok(Some(time)));
            }
        }
    }

    #[test]
    fn numbers_near_the_limit_of_doubles_are_exact() {
        let (millis, seconds) = (times(TimeEncoding::Millis), times(TimeEncoding::Seconds));
        for number in [9_007_199_254_740_991, 9_007_199_254_740_993] {
            let time = Ok(Some(Timestamp::from_millis(number)));
            assert_eq!(millis.decode(&Value::Integer(number)), time);
            assert_eq!(millis.decode(&Value::text(number.to_string())), time);
        }
        let time = Ok(Some(Timestamp::from_millis(9_007_199_254_740_991_000)));
        assert_eq!(seconds.decode(&Value::Real(9_007_199_254_740_991.0)), time);
    }

    #[test]
    fn times_without_a_zone_are_in_the_zone_of_the_map() {
        let noon = Value::text("2026-07-01 12:00:00");
        let named = Value::text("2026-07-01 12:00:00Z");
        let utc = times(TimeEncoding::Seconds).decode(&named).unwrap().unwrap();
        for (zone, hours) in [("+02:00", 2), ("-03", -3), ("Europe/Vienna", 2), ("UTC", 0)] {
            let times = Times::new(TimeEncoding::Seconds, Some(zone)).unwrap();
            let local = times.decode(&noon).unwrap().unwrap();
            assert_eq!(utc.as_secs() - local.as_secs(), hours * 3600, "{zone}");
            assert_eq!(times.decode(&named), Ok(Some(utc)), "{zone}");
            let written = times.encode(&field("timestamp without time zone"), local);
            assert_eq!(written, Value::Time(utc), "{zone}");
        }
        let error = Times::new(TimeEncoding::Seconds, Some("Europe/Nowhere")).unwrap_err();
        assert_eq!(error.to_string(), "there is no time zone \"Europe/Nowhere\"");
    }
}
