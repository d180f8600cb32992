//! The URL of a database, and whether its server is reached with TLS.

use std::borrow::Cow;
use std::net::IpAddr;
use std::path::PathBuf;

use tokio_postgres::config::{Host, SslMode, SslNegotiation};
use tokio_postgres::{Config, Error};

use super::tls::Tls;
use crate::OpenError;

/// Parses a URL. Its server must be on this machine, or it is reached with TLS.
pub(super) async fn parse(url: &str, ca: Option<PathBuf>) -> Result<(Config, Tls), OpenError> {
    // The error quotes the name of the invalid part only.
    let mut config: Config = known_modes(url).parse().map_err(|error: Error| {
        invalid(std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string))
    })?;
    let far = far_host(&config);
    let is_secure = match config.get_ssl_mode() {
        SslMode::Disable => match far {
            Some(host) => {
                let problem =
                    format!("{host:?} is not this machine, so `sslmode=disable` is not allowed");
                return Err(invalid(problem));
            }
            None => false,
        },
        SslMode::Require => !is_unix(&config),
        // Also if it is not given.
        SslMode::Prefer => far.is_some(),
        _ => return Err(invalid("its `sslmode` is not supported")),
    };
    if !is_secure {
        config.ssl_mode(SslMode::Disable);
        return Ok((config, Tls::none()));
    }
    if config.get_hosts().is_empty() {
        return Err(invalid("`host` is missing, for which the server's certificate must be valid"));
    }
    config.ssl_mode(SslMode::Require);
    let is_direct = config.get_ssl_negotiation() == SslNegotiation::Direct;
    Ok((config, Tls::new(ca, is_direct).await?))
}

fn invalid(problem: impl Into<String>) -> OpenError {
    OpenError::InvalidUrl { problem: problem.into() }
}

/// The URL with the values of `sslmode` that the driver knows. With `require`, the certificate is
/// verified as with `verify-full`.
fn known_modes(url: &str) -> Cow<'_, str> {
    let (true, Some((base, query))) = (url.contains("://"), url.rsplit_once('?')) else {
        return url.into();
    };
    let known = |parameter| match parameter {
        "sslmode=verify-ca" | "sslmode=verify-full" => "sslmode=require",
        "sslmode=allow" => "sslmode=prefer",
        other => other,
    };
    let query: Vec<_> = query.split('&').map(known).collect();
    format!("{base}?{}", query.join("&")).into()
}

/// A host that is not this machine.
fn far_host(config: &Config) -> Option<String> {
    let address = config.get_hostaddrs().iter().find(|address| !address.is_loopback());
    let host = config.get_hosts().iter().find_map(|host| match host {
        Host::Tcp(name) if !is_loopback(name) => Some(name.clone()),
        Host::Tcp(_) => None,
        #[cfg(unix)]
        Host::Unix(_) => None,
    });
    address.map(ToString::to_string).or(host)
}

fn is_loopback(name: &str) -> bool {
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether the server is reached through a UNIX socket, where PostgreSQL has no TLS.
fn is_unix(config: &Config) -> bool {
    let is_tcp = |host: &Host| matches!(host, Host::Tcp(_));
    config.get_hostaddrs().is_empty() && !config.get_hosts().iter().any(is_tcp)
}

#[cfg(test)]
mod tests {
    use crossauth_testkit::authority::Authority;

    use super::*;

    #[tokio::test]
    async fn other_hosts_need_tls() {
        let ca = Authority::new();
        for (url, is_secure) in [
            ("host=/var/run/postgresql user=app", false),
            ("postgresql://app@%2Fvar%2Frun%2Fpostgresql/app", false),
            ("postgresql://app@%2Fvar%2Frun%2Fpostgresql/app?sslmode=require", false),
            ("postgresql://app:secret@127.0.0.1:5433/app", false),
            ("postgresql://app@[::1]/app?sslmode=disable", false),
            ("postgresql://app@localhost/app", false),
            ("postgresql://app@localhost/app?sslmode=prefer", false),
            ("postgresql://app@localhost/app?sslmode=allow", false),
            ("postgresql://app@localhost/app?sslmode=require", true),
            ("postgresql://app@localhost/app?sslmode=verify-ca", true),
            ("postgresql://app@localhost/app?connect_timeout=3&sslmode=verify-full", true),
            ("postgres://app:secret@db.example.com/app", true),
            ("postgres://app:secret@db.example.com/app?sslmode=prefer", true),
            ("postgres://app:secret@10.0.0.1/app?sslnegotiation=direct", true),
            ("postgres://app:secret@localhost,db.example.com/app", true),
            ("host=localhost hostaddr=10.0.0.1 user=app", true),
            ("host=db.example.com hostaddr=127.0.0.1 user=app", true),
        ] {
            let (config, tls) = parse(url, Some(ca.certificate())).await.unwrap();
            let mode = if is_secure { SslMode::Require } else { SslMode::Disable };
            assert_eq!((config.get_ssl_mode(), tls.is_used()), (mode, is_secure), "{url}");
        }
    }

    #[tokio::test]
    async fn invalid_urls_are_errors_without_the_password() {
        let ca = Authority::new();
        for url in [
            "postgresql://app:secret@db.example.com/app?sslmode=disable",
            "postgresql://app:secret@localhost,db.example.com/app?sslmode=disable",
            "postgresql://app:secret@localhost/app?sslmode=secret",
            "postgresql://app:secret@localhost/app?nonsense=1",
            "hostaddr=10.0.0.1 user=app password=secret",
            "mysql://app:secret@localhost/app",
        ] {
            let error = parse(url, Some(ca.certificate())).await.unwrap_err();
            assert!(matches!(&error, OpenError::InvalidUrl { .. }), "{url}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
