//! Variables that begin with `CROSSAUTH_` only because a container, a Service or an image is named
//! `crossauth`, and that are not settings.

use std::ffi::OsStr;

/// Suffixes of variables that images and build systems set.
const BUILD_SUFFIXES: [&str; 15] = [
    "BUILD",
    "BUILD_DATE",
    "BUILD_ID",
    "CHECKSUM",
    "COMMIT",
    "GIT_COMMIT",
    "GIT_SHA",
    "HOME",
    "IMAGE",
    "IMAGE_TAG",
    "RELEASE",
    "REVISION",
    "SHA",
    "TAG",
    "VERSION",
];

/// Whether a variable, named without `CROSSAUTH_`, was set by an orchestrator or an image:
/// Kubernetes variables of a Service, Docker variables of a linked container, build information.
pub(super) fn is_foreign(name: &str, value: &OsStr) -> bool {
    let value = value.to_string_lossy();
    BUILD_SUFFIXES.contains(&name)
        || ends_with(name, "SERVICE_HOST")
        || ends_with(name, "SERVICE_PORT")
        || format!("_{name}").contains("_SERVICE_PORT_")
        || format!("_{name}").contains("_ENV_")
        || ends_with(name, "NAME") && value.starts_with('/')
        || ends_with(name, "PORT") && has_transport(&value)
        || is_port_of_link(name)
}

fn ends_with(name: &str, words: &str) -> bool {
    name.strip_suffix(words).is_some_and(|before| before.is_empty() || before.ends_with('_'))
}

fn has_transport(value: &str) -> bool {
    ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme))
}

/// Matches `PORT_3000_TCP`, `PORT_3000_TCP_ADDR` and similar, after any prefix.
fn is_port_of_link(name: &str) -> bool {
    let parts = ["_PROTO", "_PORT", "_ADDR", "_START", "_END"];
    let name = parts.iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
    let transports = ["_TCP", "_UDP", "_SCTP"];
    let Some(name) = transports.iter().find_map(|transport| name.strip_suffix(transport)) else {
        return false;
    };
    let before = name.trim_end_matches(|c: char| c.is_ascii_digit());
    before.len() < name.len() && before.strip_suffix('_').is_some_and(|n| ends_with(n, "PORT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_services_links_and_images_are_foreign() {
        for (name, value) in [
            ("SERVICE_HOST", "10.0.0.1"),
            ("SERVICE_PORT", "3000"),
            ("SERVICE_PORT_HTTP", "3000"),
            ("PORT", "tcp://10.0.0.1:3000"),
            ("PORT_3000_TCP", "tcp://10.0.0.1:3000"),
            ("PORT_3000_TCP_PROTO", "tcp"),
            ("PORT_3000_TCP_PORT", "3000"),
            ("PORT_53_UDP_ADDR", "10.0.0.1"),
            ("DB_SERVICE_HOST", "10.0.0.2"),
            ("DB_PORT_5432_TCP", "tcp://10.0.0.2:5432"),
            ("NAME", "/web/crossauth"),
            ("DB_NAME", "/web/crossauth-db"),
            ("ENV_PATH", "/bin"),
            ("DB_ENV_POSTGRES_USER", "x"),
            ("VERSION", "1.2"),
            ("IMAGE", "x"),
        ] {
            assert!(is_foreign(name, OsStr::new(value)), "{name}={value}");
        }
    }

    #[test]
    fn misspelt_settings_are_not_foreign() {
        for (name, value) in [
            ("LISEN", "127.0.0.1:3000"),
            ("PORT", "3000"),
            ("LISTEN_PORT", "3000"),
            ("SITENAME", "Acme"),
            ("NAME", "Acme"),
            ("VERSIONS", "1"),
            ("PORT_TCP", "x"),
            ("REPORT_1_TCP", "x"),
            ("ENVIRONMENT", "x"),
        ] {
            assert!(!is_foreign(name, OsStr::new(value)), "{name}={value}");
        }
    }
}
