//! TLS for our own connections.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::load_native_certs;

use crate::smtp::SetupError;

/// The certificates of the authorities that the operating system trusts: at least one.
pub(crate) fn authorities() -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let certificates = load_native_certs().certs;
    if certificates.is_empty() { Err(SetupError::NoAuthorities) } else { Ok(certificates) }
}

/// Trusts the authorities that the operating system trusts. Installs nothing for the process.
pub(crate) fn client() -> Result<Arc<ClientConfig>, SetupError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities()?);
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| SetupError::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
