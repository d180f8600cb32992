//! The end of validity of a server's certificate (RFC 5280 section 4.1), for reports. Whether it is
//! valid is decided by rustls.

use crossauth_core::clock::Timestamp;

use crate::ber::{INTEGER, Malformed, Reader, SEQUENCE};

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// When a certificate in DER expires; `None` if that cannot be read.
pub(crate) fn expiry(certificate: &[u8]) -> Option<Timestamp> {
    let (tag, text) = not_after(certificate).ok()??;
    let text = std::str::from_utf8(text).ok()?;
    match tag {
        // Two digits for the years from 1950 to 2049.
        UTC_TIME if text.is_ascii() && text.len() > 2 => {
            let century = if text.get(..2)? < "50" { "20" } else { "19" };
            generalized_time(&format!("{century}{text}"))
        }
        GENERALIZED_TIME => generalized_time(text),
        _ => None,
    }
}

fn not_after(certificate: &[u8]) -> Result<Option<(u8, &[u8])>, Malformed> {
    const VERSION: u8 = 0xa0;
    let mut signed = Reader::new(Reader::new(certificate).expect(SEQUENCE)?);
    let mut parts = Reader::new(signed.expect(SEQUENCE)?);
    parts.take(VERSION)?;
    parts.expect(INTEGER)?;
    let (_algorithm, _issuer) = (parts.expect(SEQUENCE)?, parts.expect(SEQUENCE)?);
    let mut validity = Reader::new(parts.expect(SEQUENCE)?);
    validity.next()?;
    validity.next()
}

/// A time such as `20260101000000Z`, `20260101000000.0Z` or `202601010000+0100` (RFC 4517 section
/// 3.3.13). A fraction is ignored.
pub(crate) fn generalized_time(text: &str) -> Option<Timestamp> {
    let end = text.find(['Z', '+', '-'])?;
    let (time, zone) = text.split_at(end);
    let digits = time.split(['.', ',']).next()?;
    if !text.is_ascii() || ![10, 12, 14].contains(&digits.len()) {
        return None;
    }
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or("00");
    let [year, month, day] = [part(0, 4), part(4, 6), part(6, 8)];
    let [hour, minute, second] = [part(8, 10), part(10, 12), part(12, 14)];
    let zone = match zone.len() {
        1 if zone == "Z" => "Z".to_owned(),
        3 => format!("{zone}:00"),
        5 => format!("{}:{}", &zone[..3], &zone[3..]),
        _ => return None,
    };
    Timestamp::parse_rfc3339(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}{zone}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let time = Timestamp::parse_rfc3339("2026-03-04T05:06:07Z");
        assert!(time.is_some());
        for text in ["20260304050607Z", "20260304050607.0Z", "20260304050607,123Z"] {
            assert_eq!(generalized_time(text), time, "{text}");
        }
        let minute = Timestamp::parse_rfc3339("2026-03-04T05:06:00Z");
        assert_eq!(generalized_time("202603040506Z"), minute);
        for text in ["20260304060607+01", "20260304033607-0130"] {
            assert_eq!(generalized_time(text), time, "{text}");
        }
        for text in [
            "",
            "Z",
            "20260304050607",
            "2026030405060é7Z",
            "20261304050607Z",
            "202603040506+1",
            "20260304050607+0é0",
            "2026030405060Z",
        ] {
            assert_eq!(generalized_time(text), None, "{text}");
        }
    }

    #[test]
    fn expiry_of_a_certificate_is_read() {
        let validity = b"\x30\x1e\x17\x0d260304050607Z\x17\x0d270304050607Z";
        let parts = [&b"\xa0\x03\x02\x01\x02\x02\x01\x01\x30\x00\x30\x00"[..], validity].concat();
        let length = u8::try_from(parts.len()).unwrap();
        let certificate = [&[SEQUENCE, length + 2, SEQUENCE, length][..], &parts].concat();
        assert_eq!(expiry(&certificate), Timestamp::parse_rfc3339("2027-03-04T05:06:07Z"));
        assert_eq!(expiry(b"\x30\x00"), None);
    }
}
