//! `application/x-www-form-urlencoded`, parsed strictly: invalid UTF-8 is an error, not replaced.

use percent_encoding::percent_decode;

use super::{Fields, not_utf8};
use crate::failure::Failure;

pub(super) fn parse(body: &[u8]) -> Result<Fields, Failure> {
    let mut fields = Fields::default();
    for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = decode(halves.next().unwrap_or_default())?;
        let value = decode(halves.next().unwrap_or_default())?;
        fields.add(name, value)?;
    }
    Ok(fields)
}

fn decode(text: &[u8]) -> Result<String, Failure> {
    let spaced: Vec<u8> =
        text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    String::from_utf8(percent_decode(&spaced).collect()).map_err(|_| not_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_fields_are_decoded() {
        let fields = parse(b"username=b%C3%B6b&password=a+b%2Bc&empty=&bare").unwrap();
        assert_eq!(fields.text("username"), Some("böb"));
        assert_eq!(fields.text("password"), Some("a b+c"));
        assert_eq!(fields.text("empty"), Some(""));
        assert_eq!(fields.text("bare"), Some(""));
    }

    #[test]
    fn non_utf8_fields_are_refused() {
        for body in [&b"a=%FF"[..], b"\xFF=1", b"a=\xC3"] {
            assert!(parse(body).is_err(), "{body:?}");
        }
    }
}
