//! Times in databases of other programs.

use crossauth_core::clock::Timestamp;
use crossauth_storage_sql::database::Value;
use crossauth_storage_sql::{TimeEncoding, decode_time};

/// Numbers keep their value; NaN and infinity are not times.
pub(crate) fn any(input: &[u8]) {
    if let Some(bytes) = input.first_chunk() {
        let number = i64::from_le_bytes(*bytes);
        let time = decode_time(TimeEncoding::Millis, None, &Value::Integer(number));
        assert_eq!(time, Ok(Some(Timestamp::from_millis(number))));
        let number = f64::from_le_bytes(*bytes);
        for encoding in [TimeEncoding::Millis, TimeEncoding::Seconds] {
            let time = decode_time(encoding, None, &Value::Real(number));
            assert_eq!(time.is_ok(), number.is_finite(), "{number} as {encoding:?}");
        }
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (zone, text) =
        text.split_once('\n').map_or((None, text), |(zone, text)| (Some(zone), text));
    let time = decode_time(TimeEncoding::Millis, zone, &Value::Text(text.into()));
    if let (Ok(Some(time)), Ok(number)) = (time, text.trim().parse()) {
        assert_eq!(time, Timestamp::from_millis(number), "{text:?}");
    }
}
