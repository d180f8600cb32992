//! Conversion of UUIDs between text, in user ids, and bytes, in columns.

use std::fmt::Write as _;

/// The bytes of a UUID in its usual text form, with or without dashes.
pub(crate) fn parse(text: &str) -> Option<[u8; 16]> {
    let dashes: Vec<usize> = text.match_indices('-').map(|(at, _)| at).collect();
    let digits = text.replace('-', "");
    let well_formed = dashes.is_empty() || dashes == [8, 13, 18, 23];
    if !well_formed || digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let number = u128::from_str_radix(&digits, 16).ok()?;
    Some(number.to_be_bytes())
}

/// The usual text form: lower case, with dashes.
pub(crate) fn format(bytes: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_read_with_and_without_dashes() {
        let text = "00112233-4455-6677-8899-aabbccddeeff";
        let bytes = parse(text).unwrap();
        assert_eq!(bytes[..3], [0x00, 0x11, 0x22]);
        assert_eq!(format(bytes), text);
        assert_eq!(parse("00112233445566778899AABBCCDDEEFF"), Some(bytes));
    }

    #[test]
    fn other_text_is_not_a_uuid() {
        for text in ["", "7", "0011223-34455-6677-8899-aabbccddeeff", "+".repeat(32).as_str()] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
