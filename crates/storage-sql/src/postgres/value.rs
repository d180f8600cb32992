//! Values in the binary format of PostgreSQL. A parameter is encoded as the type that the statement
//! expects, so that one store works with columns of different types.

use std::error::Error;

use bytes::BytesMut;
use crossauth_core::clock::Timestamp;
use crossauth_core::storage::StorageError;
use jiff::Span;
use jiff::civil::DateTime;
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

use crate::database::{Row, Value};
use crate::uuid;

type AnyError = Box<dyn Error + Sync + Send>;

/// The epoch of PostgreSQL, 2000-01-01, in milliseconds since the Unix epoch.
const EPOCH: i64 = 946_684_800_000;

/// A parameter.
#[derive(Debug)]
pub(super) struct Param<'p>(pub(super) &'p Value<'p>);

impl ToSql for Param<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, AnyError> {
        if let Kind::Domain(inner) = ty.kind() {
            return self.to_sql(inner, out);
        }
        match self.0 {
            Value::Null => return Ok(IsNull::Yes),
            Value::Bool(boolean) => encode_integer(i64::from(*boolean), ty, out)?,
            Value::Integer(integer) => encode_integer(*integer, ty, out)?,
            Value::Real(real) => encode_real(*real, ty, out)?,
            Value::Text(text) => encode_text(text, ty, out)?,
            Value::Bytes(bytes) => out.extend_from_slice(bytes),
            Value::Time(time) if is_timestamp(ty) => {
                let micros = time.as_millis().saturating_sub(EPOCH).saturating_mul(1000);
                out.extend_from_slice(&micros.to_be_bytes());
            }
            Value::Time(time) => encode_integer(time.as_millis(), ty, out)?,
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn is_timestamp(ty: &Type) -> bool {
    *ty == Type::TIMESTAMPTZ || *ty == Type::TIMESTAMP
}

fn is_text(ty: &Type) -> bool {
    const NAMES: [Type; 6] =
        [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME, Type::UNKNOWN, Type::JSON];
    NAMES.contains(ty) || matches!(ty.kind(), Kind::Enum(_)) || ty.name() == "citext"
}

fn encode_integer(integer: i64, ty: &Type, out: &mut BytesMut) -> Result<(), AnyError> {
    if *ty == Type::BOOL {
        out.extend_from_slice(&[u8::from(integer != 0)]);
    } else if *ty == Type::INT2 {
        out.extend_from_slice(&i16::try_from(integer)?.to_be_bytes());
    } else if *ty == Type::INT4 {
        out.extend_from_slice(&i32::try_from(integer)?.to_be_bytes());
    } else if *ty == Type::INT8 {
        out.extend_from_slice(&integer.to_be_bytes());
    } else if *ty == Type::FLOAT8 || *ty == Type::FLOAT4 {
        #[expect(clippy::cast_precision_loss, reason = "the column has no higher precision")]
        encode_real(integer as f64, ty, out)?;
    } else if *ty == Type::NUMERIC {
        encode_numeric(integer, out);
    } else {
        encode_text(&integer.to_string(), ty, out)?;
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "the column holds no more")]
fn encode_real(real: f64, ty: &Type, out: &mut BytesMut) -> Result<(), AnyError> {
    if *ty == Type::FLOAT8 {
        out.extend_from_slice(&real.to_be_bytes());
    } else if *ty == Type::FLOAT4 {
        out.extend_from_slice(&(real as f32).to_be_bytes());
    } else if real.fract() == 0.0 {
        encode_integer(real as i64, ty, out)?;
    } else {
        encode_text(&real.to_string(), ty, out)?;
    }
    Ok(())
}

fn encode_text(text: &str, ty: &Type, out: &mut BytesMut) -> Result<(), AnyError> {
    if *ty == Type::UUID {
        out.extend_from_slice(&uuid::parse(text).ok_or("not a UUID")?);
        return Ok(());
    }
    if *ty == Type::JSONB {
        // The version of the format.
        out.extend_from_slice(&[1]);
    } else if !is_text(ty) {
        return Err(format!("a column of type {ty} does not take this value").into());
    }
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// An integer as NUMERIC: the number of base-10000 digits, then the digits.
fn encode_numeric(integer: i64, out: &mut BytesMut) {
    let mut rest = integer.unsigned_abs();
    let mut digits = Vec::new();
    let mut count: u16 = 0;
    while rest > 0 {
        digits.push((rest % 10_000) as u16);
        rest /= 10_000;
        count += 1;
    }
    let sign: u16 = if integer < 0 { 0x4000 } else { 0 };
    for part in [count, count.saturating_sub(1), sign, 0] {
        out.extend_from_slice(&part.to_be_bytes());
    }
    for digit in digits.into_iter().rev() {
        out.extend_from_slice(&digit.to_be_bytes());
    }
}

impl Row for tokio_postgres::Row {
    fn value(&self, column: usize) -> Result<Value<'_>, StorageError> {
        // Not of the statement: another row of it may be readable.
        let cell: Option<Cell<'_>> = self.try_get(column).map_err(StorageError::bad_row)?;
        Ok(cell.map_or(Value::Null, |cell| cell.0))
    }

    fn width(&self) -> usize {
        self.len()
    }
}

/// A value that is not null.
struct Cell<'r>(Value<'r>);

impl<'r> FromSql<'r> for Cell<'r> {
    fn from_sql(ty: &Type, raw: &'r [u8]) -> Result<Self, AnyError> {
        decode(ty, raw).map(Self)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn decode<'r>(ty: &Type, raw: &'r [u8]) -> Result<Value<'r>, AnyError> {
    if let Kind::Domain(inner) = ty.kind() {
        return decode(inner, raw);
    }
    let value = if *ty == Type::BOOL {
        Value::Bool(raw != [0])
    } else if *ty == Type::INT2 {
        Value::Integer(i16::from_be_bytes(raw.try_into()?).into())
    } else if *ty == Type::INT4 {
        Value::Integer(i32::from_be_bytes(raw.try_into()?).into())
    } else if *ty == Type::INT8 {
        Value::Integer(i64::from_be_bytes(raw.try_into()?))
    } else if *ty == Type::FLOAT4 {
        Value::Real(f32::from_be_bytes(raw.try_into()?).into())
    } else if *ty == Type::FLOAT8 {
        Value::Real(f64::from_be_bytes(raw.try_into()?))
    } else if *ty == Type::NUMERIC {
        decode_numeric(raw)?
    } else if *ty == Type::UUID {
        Value::text(uuid::format(raw.try_into()?))
    } else if *ty == Type::BYTEA {
        Value::bytes(raw)
    } else if *ty == Type::TIMESTAMPTZ {
        Value::Time(instant(i64::from_be_bytes(raw.try_into()?)))
    } else if *ty == Type::TIMESTAMP {
        match i64::from_be_bytes(raw.try_into()?) {
            // Infinity is the same in every time zone.
            micros @ (i64::MIN | i64::MAX) => Value::Time(instant(micros)),
            // As text, because it has no time zone.
            micros => Value::text(local(Span::new().try_microseconds(micros)?)?.to_string()),
        }
    } else if *ty == Type::DATE {
        let days = i32::from_be_bytes(raw.try_into()?);
        Value::text(local(Span::new().try_days(days)?)?.date().to_string())
    } else if *ty == Type::JSONB {
        Value::text(std::str::from_utf8(raw.get(1..).unwrap_or_default())?)
    } else if is_text(ty) {
        Value::text(std::str::from_utf8(raw)?)
    } else {
        return Err(format!("a column of type {ty} cannot be read").into());
    };
    Ok(value)
}

/// The point in time at this distance from 2000-01-01 in UTC.
fn instant(micros: i64) -> Timestamp {
    Timestamp::from_millis(micros.div_euclid(1000).saturating_add(EPOCH))
}

/// The date and time at this distance from 2000-01-01.
fn local(since: Span) -> Result<DateTime, AnyError> {
    Ok(DateTime::constant(2000, 1, 1, 0, 0, 0, 0).checked_add(since)?)
}

/// Decodes NUMERIC: integers exactly, others with the precision of a double.
fn decode_numeric(raw: &[u8]) -> Result<Value<'static>, AnyError> {
    let mut parts = raw.chunks_exact(2).map(|part| i16::from_be_bytes([part[0], part[1]]));
    let mut part = || parts.next().ok_or("a number is truncated");
    let (count, weight, sign, _scale) = (part()?, part()?, part()?, part()?);
    if !matches!(sign, 0 | 0x4000) {
        return Err("not a number".into());
    }
    let (mut whole, mut real) = (Some(0_i64), 0.0_f64);
    for place in 0..count {
        let digit = part()?;
        let exponent = i32::from(weight) - i32::from(place);
        real += f64::from(digit) * 10_000_f64.powi(exponent);
        let power = u32::try_from(exponent).ok().and_then(|e| 10_000_i64.checked_pow(e));
        let digit = power.and_then(|power| power.checked_mul(i64::from(digit)));
        whole = whole.zip(digit).and_then(|(whole, digit)| whole.checked_add(digit));
    }
    let negative = sign != 0;
    Ok(match whole {
        Some(whole) => Value::Integer(if negative { -whole } else { whole }),
        None => Value::Real(if negative { -real } else { real }),
    })
}
