//! Values in the binary protocol of MySQL.

use std::borrow::Cow;

use crossauth_core::clock::Timestamp;
use crossauth_core::storage::StorageError;
use jiff::tz::TimeZone;
use mysql_async::consts::ColumnType;
use mysql_async::{Column, Value as MysqlValue};

use crate::database::{Row, Value};

/// The character set of columns that contain bytes.
const BINARY: u16 = 63;

/// A parameter.
pub(super) fn encode(value: &Value<'_>) -> MysqlValue {
    match value {
        Value::Null => MysqlValue::NULL,
        Value::Bool(boolean) => MysqlValue::Int(i64::from(*boolean)),
        Value::Integer(integer) => MysqlValue::Int(*integer),
        Value::Real(real) => MysqlValue::Double(*real),
        Value::Text(text) => MysqlValue::Bytes(text.as_bytes().to_vec()),
        Value::Bytes(bytes) => MysqlValue::Bytes(bytes.to_vec()),
        Value::Time(time) => encode_time(*time),
    }
}

/// A time as the date and time in UTC; null if its year has more than four digits.
fn encode_time(time: Timestamp) -> MysqlValue {
    let Ok(instant) = jiff::Timestamp::from_millisecond(time.as_millis()) else {
        return MysqlValue::NULL;
    };
    let civil = TimeZone::UTC.to_datetime(instant);
    let unsigned = |number: i8| number.unsigned_abs();
    match u16::try_from(civil.year()) {
        Ok(year) => MysqlValue::Date(
            year,
            unsigned(civil.month()),
            unsigned(civil.day()),
            unsigned(civil.hour()),
            unsigned(civil.minute()),
            unsigned(civil.second()),
            civil.subsec_nanosecond().unsigned_abs() / 1000,
        ),
        Err(_) => MysqlValue::NULL,
    }
}

impl Row for mysql_async::Row {
    fn value(&self, column: usize) -> Result<Value<'_>, StorageError> {
        match (self.as_ref(column), self.columns_ref().get(column)) {
            (Some(value), Some(column)) => decode(value, column),
            _ => Err(StorageError::bug("a row has fewer columns")),
        }
    }

    fn width(&self) -> usize {
        self.len()
    }
}

fn decode<'r>(value: &'r MysqlValue, column: &Column) -> Result<Value<'r>, StorageError> {
    Ok(match value {
        MysqlValue::NULL => Value::Null,
        MysqlValue::Int(integer) => Value::Integer(*integer),
        MysqlValue::UInt(integer) => {
            let integer = i64::try_from(*integer);
            Value::Integer(integer.map_err(|_| StorageError::bad_row("a number is too large"))?)
        }
        MysqlValue::Float(real) => Value::Real(f64::from(*real)),
        MysqlValue::Double(real) => Value::Real(*real),
        MysqlValue::Bytes(bytes) => decode_bytes(bytes, column)?,
        MysqlValue::Date(year, month, day, hour, minute, second, micros) => {
            let date = format!("{year:04}-{month:02}-{day:02}");
            if column.column_type() == ColumnType::MYSQL_TYPE_DATE {
                return Ok(Value::text(date));
            }
            let text = format!("{date} {hour:02}:{minute:02}:{second:02}.{micros:06}");
            match instant(&text) {
                Some(time) if column.column_type() == ColumnType::MYSQL_TYPE_TIMESTAMP => {
                    Value::Time(time)
                }
                // As text, because it has no time zone.
                Some(_) | None => Value::text(text),
            }
        }
        MysqlValue::Time(is_negative, days, hours, minutes, seconds, micros) => {
            let sign = if *is_negative { "-" } else { "" };
            let hours = u64::from(*days) * 24 + u64::from(*hours);
            Value::text(format!("{sign}{hours:02}:{minutes:02}:{seconds:02}.{micros:06}"))
        }
    })
}

fn decode_bytes<'r>(bytes: &'r [u8], column: &Column) -> Result<Value<'r>, StorageError> {
    let text = || std::str::from_utf8(bytes).map_err(StorageError::bad_row);
    let kind = column.column_type();
    if kind == ColumnType::MYSQL_TYPE_NEWDECIMAL || kind == ColumnType::MYSQL_TYPE_DECIMAL {
        return decode_decimal(text()?);
    }
    if kind == ColumnType::MYSQL_TYPE_BIT {
        let number = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        return Ok(Value::Integer(number.cast_signed()));
    }
    if column.character_set() == BINARY && kind != ColumnType::MYSQL_TYPE_JSON {
        return Ok(Value::bytes(bytes));
    }
    Ok(Value::Text(Cow::Borrowed(text()?)))
}

/// Integers exactly, others with the precision of a double.
fn decode_decimal(text: &str) -> Result<Value<'static>, StorageError> {
    let whole =
        text.strip_suffix(|c| c == '0' || c == '.').map_or(text, |_| match text.split_once('.') {
            Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => whole,
            Some(_) | None => text,
        });
    match whole.parse() {
        Ok(integer) => Ok(Value::Integer(integer)),
        Err(_) => text.parse().map(Value::Real).map_err(StorageError::bad_row),
    }
}

/// The point in time of a date and time in UTC, which is the zone of each connection.
fn instant(text: &str) -> Option<Timestamp> {
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    let instant = TimeZone::UTC.to_timestamp(civil).ok()?;
    Some(Timestamp::from_millis(instant.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: ColumnType, character_set: u16) -> Column {
        Column::new(kind).with_character_set(character_set)
    }

    #[test]
    fn decimals_without_a_fraction_are_integers() {
        for (text, value) in [
            ("12345678901234567", Value::Integer(12_345_678_901_234_567)),
            ("-7.000", Value::Integer(-7)),
            ("100", Value::Integer(100)),
            ("0.50", Value::Real(0.5)),
            ("123456789012345678901234567890", Value::Real(1.234_567_890_123_456_8e29)),
        ] {
            assert_eq!(decode_decimal(text).unwrap(), value, "{text}");
        }
    }

    #[test]
    fn times_are_read_as_they_are_written() {
        for millis in [0, 1_767_225_600_123, 253_402_207_199_999] {
            let time = Timestamp::from_millis(millis);
            let written = encode(&Value::Time(time));
            let read = decode(&written, &column(ColumnType::MYSQL_TYPE_TIMESTAMP, BINARY)).unwrap();
            assert_eq!(read, Value::Time(time));
        }
        let zero = MysqlValue::Date(0, 0, 0, 0, 0, 0, 0);
        let read = decode(&zero, &column(ColumnType::MYSQL_TYPE_TIMESTAMP, BINARY)).unwrap();
        assert_eq!(read, Value::text("0000-00-00 00:00:00.000000"));
    }

    #[test]
    fn bytes_are_text_unless_their_column_is_binary() {
        let bytes = MysqlValue::Bytes(b"a".to_vec());
        for (kind, character_set, expected) in [
            (ColumnType::MYSQL_TYPE_VAR_STRING, 46, Value::text("a")),
            (ColumnType::MYSQL_TYPE_BLOB, BINARY, Value::bytes(&b"a"[..])),
            (ColumnType::MYSQL_TYPE_JSON, BINARY, Value::text("a")),
            (ColumnType::MYSQL_TYPE_BIT, BINARY, Value::Integer(97)),
        ] {
            assert_eq!(decode(&bytes, &column(kind, character_set)).unwrap(), expected);
        }
    }
}
