//! The kinds of values that settings have, each parsed into a type of its own.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crossauth_axum::BaseUrl;
use zeroize::Zeroizing;

/// A value as it was written: one text, or several where the source knows lists.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Raw {
    /// A single value.
    Text(String),
    /// A list, written as one.
    List(Vec<String>),
}

impl Raw {
    /// Whether it stands for nothing; the originals write "null" in the environment.
    pub(super) fn says_nothing(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty() || text == "null")
    }

    /// The single value.
    pub(super) fn text(&self) -> Result<&str, Reason> {
        match self {
            Self::Text(text) => Ok(text),
            Self::List(_) => Err(Reason::expected("a single value, not a list")),
        }
    }
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::List(items) => write!(f, "{items:?}"),
        }
    }
}

/// Why a value is refused; never repeats the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reason(String);

impl Reason {
    /// The value is not what it should be.
    pub(super) fn expected(what: &str) -> Self {
        Self(format!("expected {what}"))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrecy {
    /// Anyone may see it.
    Open,
    /// It stands in no message, log or listing.
    Secret,
}

/// A type that a setting can have.
pub(crate) trait Value: Sized {
    /// What may be written, for people.
    const EXPECTS: &'static str;
    /// Whether it may be shown.
    const SECRECY: Secrecy = Secrecy::Open;

    /// Reads what was written.
    fn parse(raw: &Raw) -> Result<Self, Reason>;
}

impl<T: Value> Value for Option<T> {
    const EXPECTS: &'static str = T::EXPECTS;
    const SECRECY: Secrecy = T::SECRECY;

    fn parse(raw: &Raw) -> Result<Self, Reason> {
        match raw {
            nothing if nothing.says_nothing() => Ok(None),
            something => T::parse(something).map(Some),
        }
    }
}

impl Value for Vec<String> {
    const EXPECTS: &'static str = "a list";

    fn parse(raw: &Raw) -> Result<Self, Reason> {
        let text = match raw {
            Raw::List(items) => return Ok(items.clone()),
            Raw::Text(text) => text.trim(),
        };
        if text.starts_with('[') {
            return serde_json::from_str(text)
                .map_err(|_| Reason::expected("a JSON array of strings, or names between commas"));
        }
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        Ok(names.map(str::to_owned).collect())
    }
}

impl Value for String {
    const EXPECTS: &'static str = "text without control characters";

    fn parse(raw: &Raw) -> Result<Self, Reason> {
        let text = raw.text()?.trim();
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(Reason::expected(Self::EXPECTS));
        }
        Ok(text.to_owned())
    }
}

impl Value for SocketAddr {
    const EXPECTS: &'static str = "an address and a port such as `127.0.0.1:3000`";

    fn parse(raw: &Raw) -> Result<Self, Reason> {
        raw.text()?.parse().map_err(|_| Reason::expected(Self::EXPECTS))
    }
}

impl Value for PathBuf {
    const EXPECTS: &'static str = "a path";

    fn parse(raw: &Raw) -> Result<Self, Reason> {
        match raw.text()? {
            "" => Err(Reason::expected(Self::EXPECTS)),
            text => Ok(Self::from(text)),
        }
    }
}

impl Value for Duration {
    const EXPECTS: &'static str =
        "a duration such as `30d`, `12h`, `15m`, `90s`, `500ms` or plain seconds";

    fn parse(raw: &Raw) -> Result<Self, Reason> {
        let refused = || Reason::expected(Self::EXPECTS);
        let (number, unit) = split_unit(raw.text()?).ok_or_else(refused)?;
        let millis_per_unit = match unit {
            "ms" => 1,
            "" | "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return Err(refused()),
        };
        number.checked_mul(millis_per_unit).map(Self::from_millis).ok_or_else(refused)
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteSize(pub(crate) usize);

impl Value for ByteSize {
    const EXPECTS: &'static str = "a size such as `64KiB`, `1MiB` or plain bytes";

    fn parse(raw: &Raw) -> Result<Self, Reason> {
        let refused = || Reason::expected(Self::EXPECTS);
        let (number, unit) = split_unit(raw.text()?).ok_or_else(refused)?;
        let bytes_per_unit = match unit {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(refused()),
        };
        let bytes = number.checked_mul(bytes_per_unit).ok_or_else(refused)?;
        usize::try_from(bytes).map(Self).map_err(|_| refused())
    }
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.trim_start()))
}

/// A number of things, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u32);

impl Count {
    /// The number as a size in memory.
    pub(crate) fn to_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// The number as what is never zero.
    pub(crate) fn to_non_zero(self) -> Option<NonZeroUsize> {
        NonZeroUsize::new(self.to_usize())
    }
}

impl Value for Count {
    const EXPECTS: &'static str = "a whole number from 1";

    fn parse(raw: &Raw) -> Result<Self, Reason> {
        match raw.text()?.parse() {
            Ok(0) | Err(_) => Err(Reason::expected(Self::EXPECTS)),
            Ok(number) => Ok(Self(number)),
        }
    }
}

/// A name that can stand in a header: of a cookie, a header or a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) String);

impl Value for Token {
    const EXPECTS: &'static str = "a name of letters, digits, `-`, `_` and `.`";

    fn parse(raw: &Raw) -> Result<Self, Reason> {
        let text = raw.text()?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if text.is_empty() || !text.bytes().all(allowed) {
            return Err(Reason::expected(Self::EXPECTS));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A path on this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalPath(pub(crate) String);

impl Value for LocalPath {
    const EXPECTS: &'static str = "a path on this server such as `/auth/`";

    fn parse(raw: &Raw) -> Result<Self, Reason> {
        let text = raw.text()?;
        let leads_elsewhere = text.starts_with("//") || text.contains(['\\', ';']);
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !text.starts_with('/') || leads_elsewhere || !printable {
            return Err(Reason::expected(Self::EXPECTS));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Value for BaseUrl {
    const EXPECTS: &'static str =
        "an address such as `https://auth.example.com`, without path, query, user or password";

    fn parse(raw: &Raw) -> Result<Self, Reason> {
        // Whether plain http is accepted depends on another setting, so is a rule.
        Self::parse_insecure(raw.text()?).map_err(|_| Reason::expected(Self::EXPECTS))
    }
}

/// A text that must not be seen.
#[derive(Clone)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    /// The text itself, for what signs or hashes with it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Value for Secret {
    const EXPECTS: &'static str = "at least 16 bytes that nobody can guess";
    const SECRECY: Secrecy = Secrecy::Secret;

    fn parse(raw: &Raw) -> Result<Self, Reason> {
        let text = raw.text()?;
        if text.len() < 16 {
            return Err(Reason::expected(Self::EXPECTS));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<T: Value>(text: &str) -> Option<T> {
        T::parse(&Raw::Text(text.to_owned())).ok()
    }

    #[test]
    fn durations_have_units_or_are_seconds() {
        for (text, seconds) in
            [("30d", 2_592_000), ("15m", 900), ("90", 90), ("2 h", 7200), ("0", 0)]
        {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse("250ms"), Some(Duration::from_millis(250)));
        for text in ["", "d", "-1", "1.5h", "3 parsecs", "99999999999999999w", "1h30m"] {
            assert_eq!(parse::<Duration>(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_have_units_or_are_bytes() {
        assert_eq!(parse("64KiB"), Some(ByteSize(65_536)));
        assert_eq!(parse("10"), Some(ByteSize(10)));
        assert_eq!(parse::<ByteSize>("64KB"), None);
        assert_eq!(parse::<ByteSize>("99999999999999GiB"), None);
    }

    #[test]
    fn lists_are_json_or_between_commas() {
        let names = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(parse(r#"["a", "b"]"#), Some(names.clone()));
        assert_eq!(parse("a, b,"), Some(names));
        assert_eq!(parse("[1]"), None::<Vec<String>>);
        assert_eq!(parse(""), Some(Vec::<String>::new()));
    }

    #[test]
    fn a_path_never_leads_to_another_host() {
        assert!(parse::<LocalPath>("/auth/").is_some());
        for text in
            ["", "auth", "//evil.example", "/\\evil.example", "https://evil.example", "/a b"]
        {
            assert!(parse::<LocalPath>(text).is_none(), "{text}");
        }
    }

    #[test]
    fn secrets_are_long_and_never_shown() {
        assert!(parse::<Secret>("fifteen bytes !").is_none());
        let secret = parse::<Secret>("sixteen bytes !!").unwrap();
        assert_eq!(secret.expose(), "sixteen bytes !!");
        assert!(!format!("{secret:?}").contains("sixteen"));
    }

    #[test]
    fn nothing_is_said_by_an_empty_text_or_null() {
        assert_eq!(parse::<Option<Count>>(""), Some(None));
        assert_eq!(parse::<Option<Count>>("null"), Some(None));
        assert_eq!(parse::<Option<Count>>("0"), None);
    }
}
