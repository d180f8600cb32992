//! Addresses, paths and domains.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crossauth_axum::{BaseUrl, parse_form_origin};
use crossauth_core::cookie::CookieOptions;
use ipnet::IpNet;

use super::{Kind, List, Raw, Reason};

/// An address to listen on. A port alone, or `localhost` and a port, is a loopback address.
pub(crate) struct Listen;

impl Kind for Listen {
    type Value = SocketAddr;
    const EXPECTS: &'static str = "an address and a port: `127.0.0.1:3000` or `3000` for this \
        machine only, `0.0.0.0:3000` for every network";

    fn parse(raw: &Raw) -> Result<SocketAddr, Reason> {
        let text = raw.text()?.trim();
        let port = text.strip_prefix("localhost:").unwrap_or(text);
        match (text.parse(), port.parse()) {
            (Ok(address), _) => Ok(address),
            (Err(_), Ok(port)) => Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
            (Err(_), Err(_)) => Err(Reason::expected(Self::EXPECTS)),
        }
    }

    fn show(value: &SocketAddr) -> Option<String> {
        Some(value.to_string())
    }
}

/// The URL under which browsers reach the site.
pub(crate) struct Url;

impl Kind for Url {
    type Value = BaseUrl;
    const EXPECTS: &'static str =
        "a URL such as `https://auth.example.com`, without path, query, user or password";

    fn parse(raw: &Raw) -> Result<BaseUrl, Reason> {
        // Whether plain http is accepted depends on another setting, so that is a rule.
        BaseUrl::danger_parse_insecure(raw.text()?).map_err(|_| Reason::expected(Self::EXPECTS))
    }

    fn show(value: &BaseUrl) -> Option<String> {
        Some(value.as_str().to_owned())
    }
}

/// Origins to which forms may lead.
pub(crate) struct Origins;

impl Kind for Origins {
    type Value = Vec<String>;
    const EXPECTS: &'static str = "a list of origins such as `https://app.example.com`";

    fn parse(raw: &Raw) -> Result<Vec<String>, Reason> {
        let origins = List::parse(raw)?;
        let parsed = origins.iter().map(|origin| parse_form_origin(origin));
        parsed.collect::<Result<_, _>>().map_err(|_| Reason::expected(Self::EXPECTS))
    }

    fn show(value: &Vec<String>) -> Option<String> {
        Some(value.join(","))
    }
}

/// A file or directory.
pub(crate) struct FilePath;

impl Kind for FilePath {
    type Value = PathBuf;
    const EXPECTS: &'static str = "a path";

    fn parse(raw: &Raw) -> Result<PathBuf, Reason> {
        let text = raw.text()?;
        if text.contains('\0') { Err(Reason::expected(Self::EXPECTS)) } else { Ok(text.into()) }
    }

    fn show(value: &PathBuf) -> Option<String> {
        Some(value.display().to_string())
    }
}

/// A path on this server.
pub(crate) struct LocalPath;

impl Kind for LocalPath {
    type Value = String;
    const EXPECTS: &'static str = "a path on this server such as `/start`";

    fn parse(raw: &Raw) -> Result<String, Reason> {
        let text = raw.text()?;
        let leaves_the_site = text.starts_with("//") || text.contains(['\\', ';']);
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !text.starts_with('/') || leaves_the_site || !printable {
            return Err(Reason::expected(Self::EXPECTS));
        }
        Ok(text.to_owned())
    }

    fn show(value: &String) -> Option<String> {
        Some(value.clone())
    }
}

/// The path prefix of the routes.
pub(crate) struct Prefix;

impl Kind for Prefix {
    type Value = String;
    const EXPECTS: &'static str = "a path of letters, digits, `-`, `_`, `.` and `~` such as \
        `/auth/`, without `.` or `..` between slashes";

    fn parse(raw: &Raw) -> Result<String, Reason> {
        let text = raw.text()?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
        let inner = text.trim_matches('/');
        let sound = |segment: &str| !matches!(segment, "" | "." | "..");
        let sound = inner.is_empty() || inner.split('/').all(sound);
        if text.starts_with('/') && !text.starts_with("//") && text.chars().all(allowed) && sound {
            Ok(text.to_owned())
        } else {
            Err(Reason::expected(Self::EXPECTS))
        }
    }

    fn show(value: &String) -> Option<String> {
        Some(value.clone())
    }
}

/// The path prefix of administration, which upstream's documentation has without the first slash.
pub(crate) struct AdminPrefix;

impl Kind for AdminPrefix {
    type Value = String;
    const EXPECTS: &'static str = "a path of letters, digits, `-`, `_`, `.` and `~` such as \
        `/admin/`, without `.` or `..` between slashes";

    fn parse(raw: &Raw) -> Result<String, Reason> {
        let text = raw.text()?;
        let slash = if text.starts_with('/') { "" } else { "/" };
        let rooted = Raw::Text(format!("{slash}{text}"));
        Prefix::parse(&rooted).map_err(|_| Reason::expected(Self::EXPECTS))
    }

    fn show(value: &String) -> Option<String> {
        Some(value.clone())
    }
}

/// The domain of a cookie.
pub(crate) struct Domain;

impl Kind for Domain {
    type Value = String;
    const EXPECTS: &'static str = "a domain name such as `example.com`";

    fn parse(raw: &Raw) -> Result<String, Reason> {
        let domain = raw.text()?.to_owned();
        let cookie = CookieOptions { domain: Some(domain.clone()), ..CookieOptions::new("name") };
        cookie.check().map(|()| domain).map_err(|_| Reason::expected(Self::EXPECTS))
    }

    fn show(value: &String) -> Option<String> {
        Some(value.clone())
    }
}

/// Addresses and networks.
pub(crate) struct Networks;

impl Kind for Networks {
    type Value = Vec<IpNet>;
    const EXPECTS: &'static str = "a list of addresses and networks such as `10.0.0.0/8`";

    fn parse(raw: &Raw) -> Result<Self::Value, Reason> {
        let network = |text: &String| {
            let address = text.parse::<IpAddr>().map(IpNet::from);
            text.parse::<IpNet>().or(address).map_err(|_| Reason::expected(Self::EXPECTS))
        };
        List::parse(raw)?.iter().map(network).collect()
    }

    fn show(value: &Self::Value) -> Option<String> {
        List::show(&value.iter().map(ToString::to_string).collect())
    }
}

/// Names of hosts.
pub(crate) struct Hosts;

impl Kind for Hosts {
    type Value = Vec<String>;
    const EXPECTS: &'static str = "a list of host names such as `id.example.com`";

    fn parse(raw: &Raw) -> Result<Self::Value, Reason> {
        let host = |text: String| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            let sound = !text.is_empty() && text.bytes().all(allowed);
            if sound { Ok(text) } else { Err(Reason::expected(Self::EXPECTS)) }
        };
        List::parse(raw)?.into_iter().map(host).collect()
    }

    fn show(value: &Self::Value) -> Option<String> {
        List::show(value)
    }
}
