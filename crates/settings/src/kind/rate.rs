//! How often something is allowed.

use std::time::Duration;

use crossauth_core::limit::Rate;

use super::{Kind, Raw, Reason, Span};

/// A rate such as `20/h`, or `off`.
pub(crate) struct OptionalRate;

/// More than any useful limit.
const MAX_COUNT: u32 = 1_000_000;

/// Longer than any useful time.
const MAX_WINDOW: Duration = Duration::from_hours(365 * 24);

impl Kind for OptionalRate {
    type Value = Option<Rate>;
    const EXPECTS: &'static str =
        "a number and a time such as `20/h`, `5/10m` or `100/1d`; `off` for no limit";

    fn parse(raw: &Raw) -> Result<Self::Value, Reason> {
        let refused = || Reason::expected(Self::EXPECTS);
        let text = raw.text()?.trim();
        if text == "off" {
            return Ok(None);
        }
        let (count, window) = text.split_once('/').ok_or_else(refused)?;
        let count = count.trim().parse().ok().filter(|count| (1..=MAX_COUNT).contains(count));
        let window = window.trim();
        let has_number = window.starts_with(|c: char| c.is_ascii_digit());
        let window = if has_number { window.to_owned() } else { format!("1{window}") };
        let is_plain_number = window.ends_with(|c: char| c.is_ascii_digit());
        let window = Span::parse(&Raw::Text(window)).ok().filter(|window| {
            !is_plain_number && *window >= Duration::from_secs(1) && *window <= MAX_WINDOW
        });
        let (count, window) = count.zip(window).ok_or_else(refused)?;
        Ok(Some(Rate { count, window }))
    }

    fn show(value: &Self::Value) -> Option<String> {
        let Some(Rate { count, window }) = value else { return Some("off".to_owned()) };
        let window = Span::show(window)?;
        let unit = window.strip_prefix('1').filter(|unit| !unit.starts_with(char::is_numeric));
        Some(format!("{count}/{}", unit.unwrap_or(&window)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<Rate>, Reason> {
        OptionalRate::parse(&Raw::Text(text.to_owned()))
    }

    #[test]
    fn rates_are_read_and_shown() {
        for (text, count, minutes, shown) in [
            ("20/h", 20, 60, "20/h"),
            (" 5 / 10m ", 5, 10, "5/10m"),
            ("5/600s", 5, 10, "5/10m"),
            ("100/1d", 100, 24 * 60, "100/d"),
            ("1/11m", 1, 11, "1/11m"),
        ] {
            let rate = Rate { count, window: Duration::from_mins(minutes) };
            assert_eq!(parse(text), Ok(Some(rate)), "{text}");
            assert_eq!(OptionalRate::show(&Some(rate)).as_deref(), Some(shown));
        }
        assert_eq!(parse("off"), Ok(None));
        assert_eq!(OptionalRate::show(&None).as_deref(), Some("off"));
    }

    #[test]
    fn text_that_is_no_rate_is_refused() {
        for text in [
            "",
            "20",
            "20/",
            "/h",
            "0/h",
            "-1/h",
            "20/60",
            "20/y",
            "20/10ms",
            "5/h/h",
            "on",
            "1e3/h",
            "99999999/h",
            "1/500d",
            "0",
            "none",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
