//! Redirect targets from requests: only paths of our origin.

use std::sync::LazyLock;

use http::Uri;
use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

/// Maximum length of a target, in bytes.
const MAX_LEN: usize = 2048;

#[expect(clippy::expect_used, reason = "a constant that parses")]
static ORIGIN: LazyLock<Url> =
    LazyLock::new(|| Url::parse("https://origin.invalid/").expect("a valid URL"));

/// A path with query and fragment on our origin, safe as a redirect target.
///
/// Stored as normalized by a URL parser, as browsers would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct NextPath(String);

/// The text is not a path of our origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a path of this site")]
pub struct ForeignTarget;

impl NextPath {
    /// Parses a target. Refuses everything that a browser could resolve to another origin: other
    /// schemes and hosts, `//host`, backslashes, control characters, and encodings of these.
    pub fn parse(target: &str) -> Result<Self, ForeignTarget> {
        if target.len() > MAX_LEN || !is_plain_path(target) || decodes_to_other_host(target) {
            return Err(ForeignTarget);
        }
        let resolved = ORIGIN.join(target).map_err(|_| ForeignTarget)?;
        let same_origin = resolved.origin() == ORIGIN.origin()
            && resolved.username().is_empty()
            && resolved.password().is_none();
        let path = &resolved[url::Position::BeforePath..];
        // Percent-encoding may have made it longer.
        let fits = path.len() <= MAX_LEN;
        if same_origin && fits && is_plain_path(path) && !decodes_to_other_host(path) {
            Ok(Self(path.to_owned()))
        } else {
            Err(ForeignTarget)
        }
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path, encoded for a query string.
    pub(crate) fn encoded(&self) -> String {
        url::form_urlencoded::byte_serialize(self.0.as_bytes()).collect()
    }
}

/// Whether a target begins with exactly one slash and has no special characters.
fn is_plain_path(target: &str) -> bool {
    target.starts_with('/')
        && !target.starts_with("//")
        && !target.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\')
}

/// Whether repeated percent-decoding, as by a misconfigured proxy, results in another host.
fn decodes_to_other_host(target: &str) -> bool {
    let mut path = target.split(['?', '#']).next().unwrap_or_default().to_owned();
    loop {
        if !is_plain_path(&path) || path.contains("/..//") || path.contains("/.//") {
            return true;
        }
        let decoded = percent_encoding::percent_decode_str(&path).decode_utf8_lossy().into_owned();
        // Terminates: decoding makes a path shorter.
        if decoded.len() >= path.len() {
            return false;
        }
        path = decoded;
    }
}

/// The `next` parameter of a query string, if it is valid.
pub(crate) fn in_query(uri: &Uri) -> Option<NextPath> {
    let query = uri.query()?;
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let (_, next) = pairs.find(|(name, _)| name == "next")?;
    NextPath::parse(&next).ok()
}

/// Deserializes a `next` field; an invalid path becomes `None`.
pub(crate) fn deserialize_lenient<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<NextPath>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| NextPath::parse(&text).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_paths_are_accepted() {
        for path in [
            "/",
            "/account",
            "/a/b?c=d&e=%2F#f",
            "/authorize?redirect_uri=https%3A%2F%2Fx.example%2F",
            "/%C3%BC",
        ] {
            assert_eq!(NextPath::parse(path).unwrap().as_str(), path);
        }
        assert_eq!(NextPath::parse("/a/../b").unwrap().as_str(), "/b");
        assert_eq!(NextPath::parse("/ü").unwrap().as_str(), "/%C3%BC");
    }

    #[test]
    fn targets_on_other_origins_are_rejected() {
        for target in [
            "",
            "account",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "\\/evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/%09/evil.example",
            "/%2F/evil.example",
            "/%2Fevil.example",
            "/%5Cevil.example",
            "/%252Fevil.example",
            "/%255Cevil.example",
            "https:evil.example",
            "https://evil.example",
            "https:///evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "good@evil.example",
            "@evil.example",
            "good.evil.example",
            " /account",
            "/account ",
            "/a\r\nLocation: https://evil.example",
            "/%0d%0aLocation:x",
            "/\u{2028}",
            "/.//evil.example",
            "/..//evil.example",
            "/a/..//evil.example",
            "?x",
            "#x",
            "/a\0b",
            "/./%2fevil.example",
            "/a/../%2fevil.example",
            "/./%252fevil.example",
            "/%252e//evil.example",
            "/%25252Fevil.example",
            "/%2525252e/%2525252fevil.example",
            "/a/%252e%252e//evil.example",
        ] {
            assert_eq!(NextPath::parse(target), Err(ForeignTarget), "{target:?}");
        }
        assert!(NextPath::parse(&format!("/{}", "a".repeat(MAX_LEN))).is_err());
        assert!(NextPath::parse(&format!("/{}", "ß".repeat(MAX_LEN / 4))).is_err());
    }

    proptest::proptest! {
        #[test]
        fn accepted_targets_resolve_to_the_same_origin(target in ".{0,40}") {
            if let Ok(path) = NextPath::parse(&target) {
                let base = Url::parse("https://here.example/x/").unwrap();
                let resolved = base.join(path.as_str()).unwrap();
                proptest::prop_assert_eq!(resolved.host_str(), Some("here.example"));
                proptest::prop_assert!(!resolved.path().starts_with("//"));
                proptest::prop_assert!(http::HeaderValue::from_str(path.as_str()).is_ok());
            }
        }
    }
}
