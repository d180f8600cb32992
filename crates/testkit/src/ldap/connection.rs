//! A connection, with or without TLS.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::Encryption;

/// How connections are encrypted.
pub(super) struct Tls {
    config: Option<Arc<ServerConfig>>,
    is_implicit: bool,
}

impl Tls {
    pub(super) fn new(encryption: Encryption<'_>) -> Self {
        let (authority, is_implicit) = match encryption {
            Encryption::None => return Self { config: None, is_implicit: false },
            Encryption::StartTls(authority) => (authority, false),
            Encryption::Implicit(authority) => (authority, true),
        };
        let certificate = fs::read(authority.server_certificate()).unwrap();
        let key = fs::read(authority.server_key()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(&certificate).unwrap()],
                PrivateKeyDer::from_pem_slice(&key).unwrap(),
            );
        Self { config: Some(Arc::new(config.unwrap())), is_implicit }
    }

    pub(super) fn is_implicit(&self) -> bool {
        self.is_implicit
    }

    fn start(&self, stream: TcpStream) -> io::Result<Stream> {
        let Some(config) = &self.config else {
            return Err(io::Error::other("the server has no certificate"));
        };
        let tls = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(tls, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Stream::Encrypted(Box::new(stream)))
    }
}

enum Stream {
    Plain(TcpStream),
    Encrypted(Box<StreamOwned<ServerConnection, TcpStream>>),
}

/// A connection with a client.
pub(super) struct Connection<'a> {
    stream: Stream,
    sent: &'a AtomicUsize,
}

impl<'a> Connection<'a> {
    pub(super) fn new(stream: TcpStream, tls: &Tls, sent: &'a AtomicUsize) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let stream = if tls.is_implicit { tls.start(stream)? } else { Stream::Plain(stream) };
        Ok(Self { stream, sent })
    }

    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self.stream, Stream::Encrypted(_))
    }

    pub(super) fn start_tls(&mut self, tls: &Tls) -> io::Result<()> {
        if let Stream::Plain(stream) = &self.stream {
            self.stream = tls.start(stream.try_clone()?)?;
        }
        Ok(())
    }

    pub(super) fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(octets)?,
            Stream::Encrypted(stream) => stream.write_all(octets).and_then(|()| stream.flush())?,
        }
        self.sent.fetch_add(octets.len(), Ordering::SeqCst);
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "a server that is slow")]
    pub(super) fn drip(&mut self, octets: &[u8], pause: Duration) -> io::Result<()> {
        octets.iter().try_for_each(|&octet| {
            thread::sleep(pause);
            self.send(&[octet])
        })
    }

    /// Waits until the client closes the connection.
    pub(super) fn wait(&mut self) -> io::Result<()> {
        while self.read(&mut [0; 1024])? > 0 {}
        Ok(())
    }
}

impl Read for Connection<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.read(buffer),
            Stream::Encrypted(stream) => stream.read(buffer),
        }
    }
}
