//! The servers of a directory: their URLs, and TLS.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;
use url::Url;

use crate::{OpenError, Options};

const MAX_SERVERS: usize = 10;

/// Where a server is, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// For messages.
    pub(crate) url: String,
    /// A name or an address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) encryption: Encryption,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// From the first byte.
    Tls,
    StartTls,
    /// None, on the loopback interface only.
    None,
}

/// The servers of the options, in order.
pub(crate) fn servers(options: &Options) -> Result<Vec<Server>, OpenError> {
    if options.urls.is_empty() || options.urls.len() > MAX_SERVERS {
        let problem = format!("expected one to {MAX_SERVERS} servers");
        return Err(OpenError::InvalidUrl { url: String::new(), problem });
    }
    options.urls.iter().map(|url| Server::parse(url.trim(), options.start_tls)).collect()
}

impl Server {
    fn parse(text: &str, start_tls: bool) -> Result<Self, OpenError> {
        let invalid = |problem: &str| {
            // Only the scheme of a URL that may contain a password.
            let shown =
                if text.contains('@') { text.split(':').next().unwrap_or("") } else { text };
            OpenError::InvalidUrl { url: shown.to_owned(), problem: problem.to_owned() }
        };
        let url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
        let (encryption, default_port) = match url.scheme() {
            "ldaps" => (Encryption::Tls, 636),
            "ldap" if start_tls => (Encryption::StartTls, 389),
            "ldap" => (Encryption::None, 389),
            _ => return Err(invalid("expected `ldaps://` or `ldap://`")),
        };
        let is_bare = ["", "/"].contains(&url.path())
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
        if host.is_empty() || !is_bare {
            return Err(invalid("expected a host, and nothing else but a port"));
        }
        if encryption == Encryption::None && !is_loopback(&host) {
            let problem = "without StartTLS, only a server on the loopback interface may be used";
            return Err(invalid(problem));
        }
        if ServerName::try_from(host.as_str()).is_err() {
            return Err(invalid("no certificate can be valid for its host"));
        }
        let port = url.port().unwrap_or(default_port);
        Ok(Self { url: text.trim_end_matches('/').to_owned(), host, port, encryption })
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// TLS with the authorities of the options or of the operating system, and no others; `None` if no
/// server needs it. Installs nothing for the process.
pub(crate) fn connector(
    servers: &[Server],
    ca: Option<&[u8]>,
) -> Result<Option<TlsConnector>, OpenError> {
    if servers.iter().all(|server| server.encryption == Encryption::None) {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    let certificates = match ca {
        Some(pem) => given(pem)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        let problem = match ca {
            Some(_) => "there is no PEM certificate that is valid",
            None => "the operating system trusts none: install some, or name them",
        };
        return Err(OpenError::Authorities(problem.into()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| OpenError::Authorities(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Some(TlsConnector::from(Arc::new(config))))
}

fn given(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>();
    certificates.map_err(|error| OpenError::Authorities(format!("not PEM certificates: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_say_where_a_server_is() {
        for (url, start_tls, host, port, encryption) in [
            ("ldaps://ldap.example.com", true, "ldap.example.com", 636, Encryption::Tls),
            ("ldaps://LDAP.example.com:1636/", false, "ldap.example.com", 1636, Encryption::Tls),
            ("ldap://10.0.0.1", true, "10.0.0.1", 389, Encryption::StartTls),
            ("ldap://[::1]:3890", true, "::1", 3890, Encryption::StartTls),
            ("ldap://[::1]", false, "::1", 389, Encryption::None),
            ("ldap://localhost", false, "localhost", 389, Encryption::None),
            ("ldap://127.8.9.1:1389", false, "127.8.9.1", 1389, Encryption::None),
        ] {
            let server = Server::parse(url, start_tls).unwrap();
            assert_eq!((server.host.as_str(), server.port), (host, port), "{url}");
            assert_eq!(server.encryption, encryption, "{url}");
        }
    }

    #[test]
    fn urls_that_are_not_safe_or_clear_are_refused_without_their_password() {
        for (url, start_tls) in [
            ("ldap://ldap.example.com", false),
            ("ldap://10.0.0.1", false),
            ("ldap://localhost.example.com", false),
            ("ldap://127.0.0.1.example.com", false),
            ("https://ldap.example.com", true),
            ("ldapi:///var/run/ldapi", true),
            ("ldaps://", true),
            ("ldaps:///dc=example", true),
            ("ldaps://admin:secret@ldap.example.com", true),
            ("ldaps://admin:secret@ldap.example.com:99999", true),
            ("ldaps://ldap.example.com/dc=example", true),
            ("ldaps://ldap.example.com?uid", true),
            ("ldaps://a b", true),
            ("ldap.example.com", true),
            ("", true),
        ] {
            let error = Server::parse(url, start_tls).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn authorities_must_be_certificates() {
        let server = Server::parse("ldaps://ldap.example.com", true).unwrap();
        let servers = [server];
        assert!(matches!(connector(&servers, Some(b"")), Err(OpenError::Authorities(_))));
        let wrong = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(connector(&servers, Some(wrong)), Err(OpenError::Authorities(_))));
        let local = [Server::parse("ldap://localhost", false).unwrap()];
        assert!(connector(&local, Some(b"")).unwrap().is_none());
    }
}
