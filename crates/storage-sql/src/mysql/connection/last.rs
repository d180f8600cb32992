//! The last statements of a transaction and its commit, in one round trip.
//!
//! The protocol cannot send several prepared statements at once, so they are one text with a literal
//! for each parameter. The server stops at the first error, before the commit. Texts and bytes are
//! written as hexadecimal digits, so that no value needs an escape.

use std::fmt::Write as _;

use mysql_async::Error;
use mysql_async::Value as MysqlValue;
use mysql_async::prelude::Queryable as _;

use super::MysqlConnection;
use crate::database::{Value, Write};
use crate::mysql::value::encode;

impl MysqlConnection {
    /// Runs statements that change rows, and commits. After an error, which has the position of the
    /// statement, the transaction has not ended. `None` if a parameter has no literal: nothing was
    /// sent.
    pub(super) async fn send_last(
        &mut self,
        writes: &[Write<'_>],
    ) -> Option<Result<(), (usize, Error)>> {
        let text = text(writes)?;
        self.is_busy = true;
        let result = self.run_all(&text, writes.len() + 1).await;
        self.is_busy = false;
        self.in_transaction = result.is_err();
        Some(result)
    }

    /// Runs the statements of a text, none of which returns rows.
    async fn run_all(&mut self, text: &str, count: usize) -> Result<(), (usize, Error)> {
        let mut results = self.conn.query_iter(text).await.map_err(|error| (0, error))?;
        // Each call takes the result, or the error, of one and reads that of the next.
        for position in 0..count {
            results.next().await.map_err(|error| (position, error))?;
        }
        results.drop_result().await.map_err(|error| (count, error))
    }
}

/// The statements and `COMMIT` as one text.
fn text(writes: &[Write<'_>]) -> Option<String> {
    let mut text = String::with_capacity(512);
    for Write { statement, params } in writes {
        let (mut params, mut quote) = (params.iter(), None);
        for c in statement.as_str().chars() {
            match (quote, c) {
                (None, '?') => {
                    push_literal(&mut text, params.next()?)?;
                    continue;
                }
                (None, '`' | '"' | '\'') => quote = Some(c),
                (Some(open), _) if open == c => quote = None,
                (None | Some(_), _) => {}
            }
            text.push(c);
        }
        text.push_str("; ");
    }
    text.push_str("COMMIT");
    Some(text)
}

/// The literal of a value, if it has one.
fn push_literal(text: &mut String, value: &Value<'_>) -> Option<()> {
    match (value, encode(value)) {
        (Value::Text(value), _) => {
            // Of no particular collation, as a parameter: that of a column counts.
            text.push_str("_utf8mb4 ");
            push_hex(text, value.as_bytes());
        }
        (Value::Bytes(value), _) => push_hex(text, value),
        (_, MysqlValue::NULL) => text.push_str("NULL"),
        (_, MysqlValue::Int(integer)) => write!(text, "{integer}").ok()?,
        (_, MysqlValue::Double(real)) if real.is_finite() => write!(text, "{real:e}").ok()?,
        (_, MysqlValue::Date(year, month, day, hour, minute, second, micros)) => write!(
            text,
            "TIMESTAMP'{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06}'"
        )
        .ok()?,
        _ => return None,
    }
    Some(())
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.push_str("x'");
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(DIGITS[usize::from(digit)]));
        }
    }
    text.push('\'');
}

#[cfg(test)]
mod tests {
    use crossauth_core::clock::Timestamp;

    use super::*;
    use crate::database::Statement;

    #[test]
    fn every_value_has_a_literal_without_its_text() {
        let statement = Statement::new("INSERT INTO `why?` VALUES ('?', ?, ?, ?, ?, ?, ?, ?)");
        let params = vec![
            Value::text("it's \\ ü"),
            Value::bytes(&[0, 255][..]),
            Value::Integer(-7),
            Value::Bool(true),
            Value::Real(0.1),
            Value::Null,
            Value::Time(Timestamp::from_millis(1_767_225_600_123)),
        ];
        assert_eq!(
            text(&[Write { statement, params }]).as_deref(),
            Some(
                "INSERT INTO `why?` VALUES ('?', _utf8mb4 x'69742773205c20c3bc', x'00ff', -7, 1, \
                 1e-1, NULL, TIMESTAMP'2026-01-01 00:00:00.123000'); COMMIT"
            )
        );
    }

    #[test]
    fn values_without_a_literal_are_not_written() {
        let statement = Statement::new("INSERT INTO a VALUES (?)");
        let of = |value| text(&[Write { statement: statement.clone(), params: vec![value] }]);
        assert_eq!(of(Value::Real(f64::NAN)), None);
        assert_eq!(of(Value::Real(f64::INFINITY)), None);
        assert_eq!(text(&[Write { statement: statement.clone(), params: vec![] }]), None);
    }
}
