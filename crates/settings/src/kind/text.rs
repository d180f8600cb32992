//! Texts, lists of texts, and names of cookies and headers.

use crossauth_core::cookie::CookieOptions;
use crossauth_core::user::ReservedNames;

use super::{Kind, Raw, Reason};

/// A line of text.
pub(crate) struct Text;

impl Kind for Text {
    type Value = String;
    const EXPECTS: &'static str = "a text on one line";

    fn parse(raw: &Raw) -> Result<String, Reason> {
        let text = raw.text()?.trim();
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(Reason::expected(Self::EXPECTS));
        }
        Ok(text.to_owned())
    }

    fn show(value: &String) -> Option<String> {
        Some(value.clone())
    }
}

/// A list of names.
pub(crate) struct List;

impl Kind for List {
    type Value = Vec<String>;
    const EXPECTS: &'static str = "a list";

    fn parse(raw: &Raw) -> Result<Vec<String>, Reason> {
        let text = match raw {
            Raw::List(items) => return Ok(items.clone()),
            Raw::Text(text) => text.trim(),
            Raw::Tables(_) => return Err(Reason::expected(Self::EXPECTS)),
        };
        if text.starts_with('[') {
            return serde_json::from_str(text).map_err(|_| {
                Reason::expected("a JSON array of strings, or names separated by commas")
            });
        }
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        Ok(names.map(str::to_owned).collect())
    }

    fn show(value: &Vec<String>) -> Option<String> {
        (!value.is_empty()).then(|| value.join(","))
    }
}

/// A list of usernames that cannot be taken.
pub(crate) struct Usernames;

impl Kind for Usernames {
    type Value = ReservedNames;
    const EXPECTS: &'static str = List::EXPECTS;

    fn parse(raw: &Raw) -> Result<ReservedNames, Reason> {
        List::parse(raw).map(ReservedNames::new)
    }

    fn show(value: &ReservedNames) -> Option<String> {
        Some(value.iter().collect::<Vec<_>>().join(","))
    }
}

/// The name of a cookie.
pub(crate) struct CookieName;

impl Kind for CookieName {
    type Value = String;
    const EXPECTS: &'static str = "a name of letters, digits, `-`, `_` and `.`";

    fn parse(raw: &Raw) -> Result<String, Reason> {
        let text = plain_name(raw)?;
        let checked = CookieOptions::new(text).check();
        checked.map(|()| text.to_owned()).map_err(|_| Reason::expected(Self::EXPECTS))
    }

    fn show(value: &String) -> Option<String> {
        Some(value.clone())
    }
}

/// The name of a custom header.
pub(crate) struct HeaderName;

impl Kind for HeaderName {
    type Value = String;
    const EXPECTS: &'static str =
        "a name that begins with `X-`, of letters, digits, `-`, `_` and `.`";

    fn parse(raw: &Raw) -> Result<String, Reason> {
        let refused = || Reason::expected(Self::EXPECTS);
        let text = plain_name(raw).map_err(|_| refused())?;
        let ours = text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("x-"));
        if ours && text.len() > 2 { Ok(text.to_owned()) } else { Err(refused()) }
    }

    fn show(value: &String) -> Option<String> {
        Some(value.clone())
    }
}

fn plain_name(raw: &Raw) -> Result<&str, Reason> {
    let text = raw.text()?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if text.is_empty() || !text.bytes().all(allowed) {
        return Err(Reason::expected(CookieName::EXPECTS));
    }
    Ok(text)
}
