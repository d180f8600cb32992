//! Our cookies in a request: the session cookie and the CSRF cookie.

use http::{HeaderMap, header};
use memchr::memchr;

/// Maximum length of an accepted cookie value, in bytes.
const MAX_LEN: usize = 512;

/// Names of our cookies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CookieNames<'a> {
    pub(crate) session: &'a str,
    pub(crate) csrf: &'a str,
}

/// One of our cookies in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum CookieValue<'a> {
    /// No cookie of this name.
    #[default]
    Absent,
    /// One cookie of this name.
    Present(&'a str),
    /// More than one, or not text, or too long. A cookie set by another host of the same domain
    /// cannot be distinguished from ours, so neither is accepted.
    Ambiguous,
}

impl<'a> CookieValue<'a> {
    pub(crate) fn value(self) -> Option<&'a str> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent | Self::Ambiguous => None,
        }
    }

    fn add(self, value: &'a [u8]) -> Self {
        match (self, std::str::from_utf8(value)) {
            (Self::Absent, Ok(value)) if value.len() <= MAX_LEN => Self::Present(value),
            _ => Self::Ambiguous,
        }
    }
}

/// Our cookies in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RequestCookies<'a> {
    pub(crate) session: CookieValue<'a>,
    pub(crate) csrf: CookieValue<'a>,
}

impl<'a> RequestCookies<'a> {
    /// Finds our cookies in the `Cookie` headers (RFC 6265 section 5.4).
    pub(crate) fn read(headers: &'a HeaderMap, names: CookieNames<'_>) -> Self {
        let mut found = Self::default();
        for header in headers.get_all(header::COOKIE) {
            // As bytes: cookies of other applications may contain anything.
            let mut rest = header.as_bytes();
            while !rest.is_empty() {
                let end = memchr(b';', rest).unwrap_or(rest.len());
                found.add(&rest[..end], names);
                rest = rest.get(end + 1..).unwrap_or_default();
            }
        }
        found
    }

    fn add(&mut self, pair: &'a [u8], names: CookieNames<'_>) {
        let Some(equals) = memchr(b'=', pair) else { return };
        let (name, value) = (pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii());
        if name == names.session.as_bytes() {
            self.session = self.session.add(value);
        } else if name == names.csrf.as_bytes() {
            self.csrf = self.csrf.add(value);
        }
    }
}

/// One cookie of this name, if a request has exactly one.
pub(crate) fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let names = CookieNames { session: name, csrf: "" };
    RequestCookies::read(headers, names).session.value()
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
        assert_eq!(cookies.session, CookieValue::Present("x.y"));
        assert_eq!(cookies.csrf, CookieValue::Present("z"));
    }

    #[test]
    fn duplicate_cookies_are_ambiguous() {
        for twice in
            [&[&b"SESSIONID=a; SESSIONID=b"[..]][..], &[&b"SESSIONID=a"[..], &b"SESSIONID=a"[..]]]
        {
            assert_eq!(read(&headers(twice)).session, CookieValue::Ambiguous);
        }
        let three = headers(&[b"SESSIONID=a; SESSIONID=b; SESSIONID=c"]);
        assert_eq!(read(&three).session, CookieValue::Ambiguous);
    }

    #[test]
    fn oversized_and_non_text_cookies_are_ambiguous() {
        let long = format!("SESSIONID={}", "a".repeat(10_000));
        assert_eq!(read(&headers(&[long.as_bytes()])).session, CookieValue::Ambiguous);
        assert_eq!(read(&headers(&[b"SESSIONID=\xFF\xFE"])).session, CookieValue::Ambiguous);
    }

    #[test]
    fn other_cookies_may_contain_any_bytes() {
        let headers = headers(&[b"theme=d\xC3\xBCster; SESSIONID=x.y; junk=\xFF\xFE"]);
        assert_eq!(read(&headers).session, CookieValue::Present("x.y"));
    }
}
