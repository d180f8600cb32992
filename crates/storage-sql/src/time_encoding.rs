//! How moments are stored.

use crossauth_core::clock::Timestamp;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::database::Value;

/// How moments are written. All that the originals wrote is read: text in either of their formats
/// (taken as UTC where it names no zone), and numbers in the unit that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeEncoding {
    /// Milliseconds since the Unix epoch, as an integer.
    Millis,
    /// Seconds since the Unix epoch, with a fraction.
    Seconds,
}

impl TimeEncoding {
    #[expect(clippy::cast_precision_loss, reason = "exact until the year 287396")]
    pub(crate) fn encode(self, moment: Timestamp) -> Value<'static> {
        match self {
            Self::Millis => Value::Integer(moment.as_millis()),
            Self::Seconds => Value::Real(moment.as_millis() as f64 / 1000.0),
        }
    }

    pub(crate) fn encode_optional(self, moment: Option<Timestamp>) -> Value<'static> {
        moment.map_or(Value::Null, |moment| self.encode(moment))
    }

    #[expect(clippy::cast_possible_truncation, reason = "a cast from float stops at the ends")]
    pub(crate) fn decode(self, value: &Value<'_>) -> Result<Option<Timestamp>, &'static str> {
        let moment = match (self, value) {
            (_, Value::Null) => return Ok(None),
            (Self::Millis, Value::Integer(millis)) => Timestamp::from_millis(*millis),
            (Self::Millis, Value::Real(millis)) => Timestamp::from_millis(millis.round() as i64),
            (Self::Seconds, Value::Integer(secs)) => Timestamp::from_secs(*secs),
            (Self::Seconds, Value::Real(secs)) => {
                Timestamp::from_millis((secs * 1000.0).round() as i64)
            }
            (_, Value::Text(text)) => parse(text).ok_or("holds a time in an unknown format")?,
            (_, Value::Time(moment)) => *moment,
            (_, Value::Bool(_) | Value::Bytes(_)) => return Err("holds no time"),
        };
        Ok(Some(moment))
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let local = format_description!(
        "[year]-[month]-[day] [hour]:[minute]:[second][optional [.[subsecond]]]"
    );
    let moment = OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| PrimitiveDateTime::parse(text, local).map(PrimitiveDateTime::assume_utc))
        .ok()?;
    i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok().map(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_the_originals_wrote_is_read() {
        let moment = Some(Timestamp::from_millis(1_767_225_600_123));
        for (encoding, value) in [
            (TimeEncoding::Millis, Value::Integer(1_767_225_600_123)),
            (TimeEncoding::Seconds, Value::Real(1_767_225_600.123)),
            (TimeEncoding::Seconds, Value::text("2026-01-01 00:00:00.123000")),
            (TimeEncoding::Millis, Value::text("2026-01-01T00:00:00.123Z")),
            (TimeEncoding::Millis, Value::text("2026-01-01T01:00:00.123+01:00")),
        ] {
            assert_eq!(encoding.decode(&value).unwrap(), moment, "{value:?}");
        }
        let whole = Some(Timestamp::from_secs(1_767_225_600));
        let seconds = TimeEncoding::Seconds;
        assert_eq!(seconds.decode(&Value::Integer(1_767_225_600)).unwrap(), whole);
        assert_eq!(seconds.decode(&Value::text("2026-01-01 00:00:00")).unwrap(), whole);
        assert_eq!(seconds.decode(&Value::Null).unwrap(), None);
        assert!(seconds.decode(&Value::text("yesterday")).is_err());
    }

    #[test]
    fn what_is_written_is_read_back_to_the_millisecond() {
        for millis in [0, 1, -1, 1_767_225_600_123, 4_102_444_800_999] {
            for encoding in [TimeEncoding::Millis, TimeEncoding::Seconds] {
                let moment = Timestamp::from_millis(millis);
                assert_eq!(encoding.decode(&encoding.encode(moment)).unwrap(), Some(moment));
            }
        }
    }
}
