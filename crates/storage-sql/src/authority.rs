//! The authorities that may issue the certificate of a database server.

use std::io;
use std::path::PathBuf;

use crossauth_core::storage::StorageError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::OpenError;

/// Their certificates: those of a PEM file, or those that the operating system trusts. At least one.
pub(crate) async fn certificates(
    file: Option<PathBuf>,
) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    match file {
        Some(path) => read(path).await,
        None => system().await,
    }
}

async fn read(path: PathBuf) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let from = path.clone();
    let read = tokio::task::spawn_blocking(move || std::fs::read(from)).await;
    let certificates = read.map_err(StorageError::unavailable)?.and_then(|pem| parse(&pem));
    certificates.map_err(|source| OpenError::File { path, source })
}

fn parse(pem: &[u8]) -> io::Result<Vec<CertificateDer<'static>>> {
    let invalid = |problem: String| io::Error::new(io::ErrorKind::InvalidData, problem);
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| invalid(format!("not a file of PEM certificates: {error}")))?;
    if certificates.is_empty() {
        return Err(invalid("the file contains no PEM certificate".into()));
    }
    Ok(certificates)
}

async fn system() -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let loaded = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
    let certificates = loaded.map_err(StorageError::unavailable)?.certs;
    if certificates.is_empty() {
        let problem = "the operating system trusts no authority: install some, or set ca_file";
        return Err(StorageError::unavailable(problem).into());
    }
    Ok(certificates)
}
