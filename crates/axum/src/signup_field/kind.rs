//! Types of sign-up fields: their form controls, and the check of a value.
//!
//! A script can send what a browser's control would refuse, so each check refuses at least that
//! (HTML Standard section 4.10.5.1).

use crossauth_core::form::Rule;
use crossauth_core::user::EmailAddress;
use serde_json::{Number, Value};
use url::Url;

/// The type of a field and of its form control.
///
/// A value of another form is refused. Text has no white space around it, but in `Text`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldKind {
    /// One line of text.
    Text,
    /// An e-mail address.
    Email,
    /// A telephone number: a line of text with at least one digit, since browsers check none.
    Phone,
    /// A number, stored as a number.
    Number,
    /// A date such as `2026-03-31`.
    Date,
    /// The URL of a page, with `https` or `http`. A link to another scheme can run a script.
    Url,
}

impl FieldKind {
    /// The `type` of the control.
    pub(crate) fn control(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Email => "email",
            Self::Phone => "tel",
            Self::Number => "number",
            Self::Date => "date",
            Self::Url => "url",
        }
    }

    /// The value for `autocomplete`.
    pub(crate) fn autocomplete(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "tel",
            Self::Url => "url",
            Self::Text | Self::Number | Self::Date => "on",
        }
    }

    /// Validates a value, and converts it to what is stored.
    pub(super) fn check(self, value: &Value) -> Result<Value, Rule> {
        let text = value.as_str().map(str::trim);
        let checked = match self {
            Self::Text => return Ok(value.clone()),
            Self::Number if value.is_number() => return Ok(value.clone()),
            Self::Number => text.and_then(parse_number).map(Value::Number),
            Self::Email => text.and_then(|text| EmailAddress::parse(text).ok()).map(address),
            Self::Phone => text.filter(|text| is_phone(text)).map(Value::from),
            Self::Date => text.filter(|text| is_date(text)).map(Value::from),
            Self::Url => text.filter(|text| is_page(text)).map(Value::from),
        };
        checked.ok_or_else(|| Rule::Custom(self.requirement().to_owned()))
    }

    /// The message about an invalid value, after the label.
    fn requirement(self) -> &'static str {
        match self {
            Self::Text => "must be text",
            Self::Email => "must be an email address such as ada@example.com",
            Self::Phone => "must be a phone number",
            Self::Number => "must be a number",
            Self::Date => "must be a date in the form year-month-day, such as 2026-03-31",
            Self::Url => "must be an address that begins with https:// or http://",
        }
    }
}

/// The last date that browsers accept: the end of ECMAScript's range of times.
const LAST_DATE: (u32, u32, u32) = (275_760, 9, 13);

fn address(address: EmailAddress) -> Value {
    Value::String(address.into_string())
}

/// Parses a valid floating-point number of HTML: unlike JSON, it may begin with zeros or `.`.
fn parse_number(text: &str) -> Option<Number> {
    let (minus, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let significant = digits.trim_start_matches('0');
    let had_zero = significant.len() < digits.len();
    let zero = match significant.chars().next() {
        Some('1'..='9') => "",
        first if had_zero || first == Some('.') => "0",
        Some(_) | None => return None,
    };
    format!("{minus}{zero}{significant}").parse().ok()
}

fn is_phone(text: &str) -> bool {
    text.contains(char::is_numeric) && !text.contains(char::is_control)
}

/// Whether the text is a valid date string of HTML: a proleptic Gregorian date after year 0.
fn is_date(text: &str) -> bool {
    let mut parts = text.rsplitn(3, '-');
    let [Some(day), Some(month), Some(year)] = [(); 3].map(|()| parts.next()) else { return false };
    let number = |digits: &str| {
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { digits.parse::<u32>().ok() } else { None }
    };
    if day.len() != 2 || month.len() != 2 || !(4..=6).contains(&year.len()) {
        return false;
    }
    let (Some(day), Some(month), Some(year)) = (number(day), number(month), number(year)) else {
        return false;
    };
    let is_in_calendar = year >= 1 && day >= 1 && day <= days(year, month);
    is_in_calendar && (year, month, day) <= LAST_DATE
}

/// The number of days of a month; 0 if there is no such month.
fn days(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 0,
    }
}

fn is_page(text: &str) -> bool {
    let is_visible = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    let url = Url::parse(text).ok().filter(|_| is_visible);
    url.is_some_and(|url| matches!(url.scheme(), "http" | "https") && text.contains("://"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stored(kind: FieldKind, text: &str) -> Option<Value> {
        kind.check(&json!(text)).ok()
    }

    #[test]
    fn number_is_what_a_browser_sends_for_one() {
        for (text, number) in [
            ("7", json!(7)),
            (" 7.5 ", json!(7.5)),
            ("007", json!(7)),
            (".5", json!(0.5)),
            ("-.5", json!(-0.5)),
            ("-0", json!(-0.0)),
            ("1e3", json!(1000.0)),
            ("00.25e-1", json!(0.025)),
        ] {
            assert_eq!(stored(FieldKind::Number, text), Some(number), "{text}");
        }
        for text in
            ["seven", "7,5", "+7", "--7", "7 8", "0x10", "-", ".", "e3", "7.", "1e999", "NaN", "∞"]
        {
            assert_eq!(stored(FieldKind::Number, text), None, "{text}");
        }
        assert!(FieldKind::Number.check(&json!(7)).is_ok());
        assert!(FieldKind::Number.check(&json!([7])).is_err());
    }

    #[test]
    fn date_is_one_of_the_calendar() {
        for text in ["2026-03-31", "2024-02-29", "2000-02-29", "0001-01-01", "275760-09-13"] {
            assert_eq!(stored(FieldKind::Date, text), Some(json!(text)));
        }
        assert_eq!(stored(FieldKind::Date, " 2026-03-31 "), Some(json!("2026-03-31")));
        for text in [
            "2026-02-29",
            "1900-02-29",
            "2026-04-31",
            "2026-13-01",
            "2026-00-10",
            "2026-01-00",
            "0000-01-01",
            "2026-3-31",
            "31.3.2026",
            "3/31/2026",
            "20260331",
            "-2026-03-31",
            "2026-03-31T10:00",
            "26-03-31",
            "+026-03-31",
            "９９９９-01-01",
            "9999999-01-01",
            "275760-09-14",
        ] {
            assert_eq!(stored(FieldKind::Date, text), None, "{text}");
        }
    }

    #[test]
    fn url_is_that_of_a_page() {
        for text in ["https://example.com", "http://example.com/a?b=c#d", "https://bücher.example/"]
        {
            assert_eq!(stored(FieldKind::Url, text), Some(json!(text)));
        }
        for text in [
            "example.com",
            "/path",
            "https:example.com",
            "https://",
            "javascript:alert(1)",
            "javascript://example.com/%0aalert(1)",
            "data:text/html,x",
            "https://exa mple.com",
            "https://example.com/a\nb",
        ] {
            assert_eq!(stored(FieldKind::Url, text), None, "{text}");
        }
    }

    #[test]
    fn phone_and_email_refuse_what_is_neither() {
        for text in ["+43 1 234567", "(01) 234-5678 ext. 9", "٠١٢٣"] {
            assert_eq!(stored(FieldKind::Phone, text), Some(json!(text)));
        }
        for text in ["none", "+", "12\n34"] {
            assert_eq!(stored(FieldKind::Phone, text), None, "{text}");
        }
        assert_eq!(stored(FieldKind::Email, " a@b.example "), Some(json!("a@b.example")));
        for text in ["a", "a@", "a@b@c.example", "a b@c.example", "a@b..example"] {
            assert_eq!(stored(FieldKind::Email, text), None, "{text}");
        }
        for kind in [FieldKind::Phone, FieldKind::Email, FieldKind::Date, FieldKind::Url] {
            assert!(kind.check(&json!(7)).is_err() && kind.check(&json!({})).is_err(), "{kind:?}");
        }
    }
}
