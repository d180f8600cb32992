//! The two cookies of ours that a request may bring.

use http::{HeaderMap, header};

/// Longest cookie value that is looked at, in bytes.
const MAX_LEN: usize = 512;

/// What our cookies are called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CookieNames<'a> {
    pub(crate) session: &'a str,
    pub(crate) csrf: &'a str,
}

/// A cookie of ours in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Brought<'a> {
    /// Not there.
    #[default]
    Nothing,
    /// There once.
    Value(&'a str),
    /// There more than once, or not text, or too long. A cookie set by another host of the same
    /// site comes beside ours and cannot be told from it, so neither counts.
    Unusable,
}

impl<'a> Brought<'a> {
    pub(crate) fn value(self) -> Option<&'a str> {
        match self {
            Self::Value(value) => Some(value),
            Self::Nothing | Self::Unusable => None,
        }
    }

    fn and(self, value: &'a [u8]) -> Self {
        match (self, std::str::from_utf8(value)) {
            (Self::Nothing, Ok(value)) if value.len() <= MAX_LEN => Self::Value(value),
            _ => Self::Unusable,
        }
    }
}

/// Our cookies in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RequestCookies<'a> {
    pub(crate) session: Brought<'a>,
    pub(crate) csrf: Brought<'a>,
}

impl<'a> RequestCookies<'a> {
    /// Finds our cookies in the `Cookie` headers (RFC 6265 section 5.4).
    pub(crate) fn read(headers: &'a HeaderMap, names: CookieNames<'_>) -> Self {
        let mut found = Self::default();
        for header in headers.get_all(header::COOKIE) {
            // As bytes: what another application put into a cookie of its own may be any text.
            for pair in header.as_bytes().split(|byte| *byte == b';') {
                let mut halves = pair.splitn(2, |byte| *byte == b'=').map(<[u8]>::trim_ascii);
                let (Some(name), Some(value)) = (halves.next(), halves.next()) else { continue };
                if name == names.session.as_bytes() {
                    found.session = found.session.and(value);
                } else if name == names.csrf.as_bytes() {
                    found.csrf = found.csrf.and(value);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &HeaderMap) -> RequestCookies<'_> {
        RequestCookies::read(headers, CookieNames { session: "SESSIONID", csrf: "CSRFTOKEN" })
    }

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let header =
            |value: &&[u8]| (header::COOKIE, http::HeaderValue::from_bytes(value).unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in values.iter().map(header) {
            map.append(name, value);
        }
        map
    }

    #[test]
    fn cookies_are_found_among_others() {
        let headers =
            headers(&[b"a=b; SESSIONID=x.y;CSRFTOKEN=z", b"SESSIONID2=q; __Host-SESSIONID=r"]);
        let cookies = read(&headers);
        assert_eq!(cookies.session, Brought::Value("x.y"));
        assert_eq!(cookies.csrf, Brought::Value("z"));
    }

    #[test]
    fn a_cookie_that_comes_twice_counts_for_nothing() {
        for twice in
            [&[&b"SESSIONID=a; SESSIONID=b"[..]][..], &[&b"SESSIONID=a"[..], &b"SESSIONID=a"[..]]]
        {
            assert_eq!(read(&headers(twice)).session, Brought::Unusable);
        }
        let three = headers(&[b"SESSIONID=a; SESSIONID=b; SESSIONID=c"]);
        assert_eq!(read(&three).session, Brought::Unusable);
    }

    #[test]
    fn oversized_and_non_text_cookies_count_for_nothing() {
        let long = format!("SESSIONID={}", "a".repeat(10_000));
        assert_eq!(read(&headers(&[long.as_bytes()])).session, Brought::Unusable);
        assert_eq!(read(&headers(&[b"SESSIONID=\xFF\xFE"])).session, Brought::Unusable);
    }

    #[test]
    fn what_other_cookies_hold_does_not_matter() {
        let headers = headers(&[b"theme=d\xC3\xBCster; SESSIONID=x.y; junk=\xFF\xFE"]);
        assert_eq!(read(&headers).session, Brought::Value("x.y"));
    }
}
