//! The visitor of a request.

use std::net::{IpAddr, Ipv6Addr};

/// Maximum length of a product name that is shown, in characters.
const MAX_PRODUCT_LEN: usize = 40;

/// Browsers by a token of their `User-Agent`. The first that is found counts: most browsers also
/// have the tokens of others.
const BROWSERS: [(&str, &str); 10] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("Trident/", "Internet Explorer"),
];

/// Operating systems by a token of the `User-Agent`, as above.
const SYSTEMS: [(&str, &str); 8] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
    ("FreeBSD", "FreeBSD"),
];

/// What is known of the client of a request. Both can be forged by the client or unknown.
///
/// ```
/// use crossauth_core::visitor::Visitor;
///
/// let user_agent = Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
/// let visitor = Visitor { address: Some([203, 0, 113, 9].into()), user_agent };
/// assert_eq!(visitor.device().as_deref(), Some("Firefox on Linux"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Visitor<'a> {
    /// The network address, as reported by trusted proxies.
    pub address: Option<IpAddr>,
    /// The `User-Agent` header (RFC 9110 section 10.1.5).
    pub user_agent: Option<&'a str>,
}

impl Visitor<'_> {
    /// The network of the address: of IPv6, where one client has many addresses, the first 64 bits.
    pub(crate) fn network(&self) -> Option<IpAddr> {
        let IpAddr::V6(address) = self.address?.to_canonical() else {
            return self.address.map(|address| address.to_canonical());
        };
        Some(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into())
    }

    /// A short name of the device for its owner: browser and system, such as `Firefox on Linux`, or
    /// the first product that the client names, such as `curl`.
    pub fn device(&self) -> Option<String> {
        let agent = self.user_agent?;
        let find = |names: &[(&str, &'static str)]| {
            names.iter().find(|(token, _)| agent.contains(token)).map(|(_, name)| *name)
        };
        match (find(&BROWSERS), find(&SYSTEMS)) {
            (Some(browser), Some(system)) => Some(format!("{browser} on {system}")),
            (Some(browser), None) => Some(browser.to_owned()),
            (None, _) => product(agent),
        }
    }
}

/// The first product of a `User-Agent`, without its version.
fn product(agent: &str) -> Option<String> {
    let token = |c: &char| c.is_ascii_alphanumeric() || "-_.+!".contains(*c);
    let name: String = agent.trim_start().chars().take_while(token).take(MAX_PRODUCT_LEN).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(user_agent: &str) -> Option<String> {
        Visitor { user_agent: Some(user_agent), address: None }.device()
    }

    #[test]
    fn devices_are_named_by_browser_and_system() {
        const WEBKIT: &str = "AppleWebKit/537.36 (KHTML, like Gecko)";
        for (agent, name) in [
            (
                format!(
                    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/142.0.0.0 Safari/537.36"
                ),
                "Chrome on Windows",
            ),
            (
                format!(
                    "Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/142.0 Safari/537.36 Edg/142.0"
                ),
                "Edge on Windows",
            ),
            (
                format!(
                    "Mozilla/5.0 (Linux; Android 16; K) {WEBKIT} Chrome/142.0 Mobile Safari/537.36"
                ),
                "Chrome on Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1"
                    .into(),
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 \
                 Firefox/145.0"
                    .into(),
                "Firefox on macOS",
            ),
            ("curl/8.5.0".into(), "curl"),
            ("python-requests/2.32".into(), "python-requests"),
        ] {
            assert_eq!(device(&agent).as_deref(), Some(name), "{agent}");
        }
    }

    #[test]
    fn b5_addresses_of_one_client_are_one_network() {
        let network = |address: &str| {
            let visitor = Visitor { address: Some(address.parse().unwrap()), user_agent: None };
            visitor.network().unwrap().to_string()
        };
        assert_eq!(network("203.0.113.9"), "203.0.113.9");
        assert_eq!(network("::ffff:203.0.113.9"), "203.0.113.9");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("2001:DB8:1:2::ffff"), "2001:db8:1:2::");
        assert_eq!(Visitor::default().network(), None);
    }

    #[test]
    fn names_of_unknown_clients_are_short_and_plain() {
        assert_eq!(device(&"x".repeat(10_000)).map(|name| name.len()), Some(MAX_PRODUCT_LEN));
        assert_eq!(device("<script>alert(1)</script>"), None);
        assert_eq!(device("tool\u{202e}exe/1").as_deref(), Some("tool"));
        assert_eq!(device(""), None);
        assert_eq!(Visitor::default().device(), None);
    }
}
