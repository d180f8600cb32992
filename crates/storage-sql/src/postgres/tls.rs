//! TLS, with a verified certificate of the server.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crossauth_core::storage::StorageError;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;

use super::channel_binding::server_end_point;
use crate::{OpenError, authority};

type AnyError = Box<dyn Error + Send + Sync>;

/// The protocol of PostgreSQL, as a server that speaks TLS from the first byte expects it.
const PROTOCOL: &[u8] = b"postgresql";

/// How connections are secured: by a certificate that is valid for the host, or not at all.
#[derive(Clone)]
pub(super) struct Tls(Option<TlsConnector>);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.0.is_some()).finish()
    }
}

impl Tls {
    /// None, for a server on this machine.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// With the authorities of a file or of the operating system, and no others. Installs nothing
    /// for the process.
    pub(super) async fn new(ca: Option<PathBuf>, direct: bool) -> Result<Self, OpenError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authority::certificates(ca).await?);
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(StorageError::unavailable)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        if direct {
            config.alpn_protocols = vec![PROTOCOL.to_vec()];
        }
        Ok(Self(Some(TlsConnector::from(Arc::new(config)))))
    }

    #[cfg(test)]
    pub(super) fn is_used(&self) -> bool {
        self.0.is_some()
    }
}

impl MakeTlsConnect<Socket> for Tls {
    type Stream = Stream;
    type TlsConnect = Handshake;
    type Error = AnyError;

    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, AnyError> {
        Ok(Handshake { connector: self.0.clone(), host: host.to_owned() })
    }
}

/// The handshake of one connection.
pub(super) struct Handshake {
    connector: Option<TlsConnector>,
    host: String,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = Stream;
    type Error = AnyError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, AnyError>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let connector = self.connector.ok_or("TLS is not configured")?;
            let host = ServerName::try_from(self.host)?;
            Ok(Stream(Box::new(connector.connect(host, socket).await?)))
        })
    }
}

/// A secured connection.
pub(super) struct Stream(Box<tokio_rustls::client::TlsStream<Socket>>);

impl TlsStream for Stream {
    fn channel_binding(&self) -> ChannelBinding {
        let certificates = self.0.get_ref().1.peer_certificates();
        let end_point = certificates.and_then(|chain| server_end_point(chain.first()?));
        end_point.map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
