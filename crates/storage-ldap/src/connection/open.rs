//! Connecting: names with several addresses, TLS and StartTLS.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crossauth_core::directory::{DirectoryError, DirectoryErrorKind};
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use super::{Connection, Stream};
use crate::message::{Request, Response};
use crate::server::{Encryption, Server};

/// Of the addresses of one name.
const MAX_ADDRESSES: usize = 8;

/// Limits of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) connect_timeout: Duration,
    pub(crate) operation_timeout: Duration,
    /// In bytes.
    pub(crate) max_entry_size: usize,
}

/// Opens a connection, which is not authenticated.
pub(crate) async fn connect(
    server: &Server,
    tls: Option<&TlsConnector>,
    limits: Limits,
) -> Result<Connection, DirectoryError> {
    let deadline = Instant::now() + limits.connect_timeout;
    let late = || {
        let message = format!("{}: no connection within {:?}", server.url, limits.connect_timeout);
        DirectoryError::new(DirectoryErrorKind::TimedOut, message)
    };
    let (stream, address) = reach(server, deadline).await?;
    let url = server.url.clone();
    let (stream, received) = (Stream::Plain(stream), Vec::new());
    let connection = Connection { stream, received, last_id: 0, url, address, limits };
    match server.encryption {
        Encryption::None if address.ip().is_loopback() => Ok(connection),
        Encryption::None => {
            Err(certificate(server, &format!("{address} is not on the loopback interface")))
        }
        Encryption::Tls => timeout_at(deadline, secure(connection, server, tls))
            .await
            .unwrap_or_else(|_| Err(late())),
        Encryption::StartTls => {
            let started = async { secure(start_tls(connection, server).await?, server, tls).await };
            timeout_at(deadline, started).await.unwrap_or_else(|_| Err(late()))
        }
    }
}

/// Connects to the host of a server, at one of its addresses.
async fn reach(
    server: &Server,
    deadline: Instant,
) -> Result<(TcpStream, SocketAddr), DirectoryError> {
    let lookup = timeout_at(deadline, lookup_host((server.host.as_str(), server.port))).await;
    let (kind, problem) = match lookup {
        Ok(Ok(found)) => {
            let addresses: Vec<_> = found.take(MAX_ADDRESSES).collect();
            match first_of(&addresses, deadline).await {
                Ok(reached) => return Ok(reached),
                Err(failure) => failure,
            }
        }
        Ok(Err(error)) => (DirectoryErrorKind::Unreachable, error.to_string()),
        Err(_) => (DirectoryErrorKind::TimedOut, "the name was not resolved in time".into()),
    };
    Err(DirectoryError::new(kind, format!("{}: cannot connect: {problem}", server.url)))
}

/// Connects to the first address that accepts. Each gets an equal share of the time that is left, so
/// that the last one is tried, too. The error is that of the last one.
async fn first_of(
    addresses: &[SocketAddr],
    deadline: Instant,
) -> Result<(TcpStream, SocketAddr), (DirectoryErrorKind, String)> {
    let mut failure = (DirectoryErrorKind::Unreachable, "the name has no address".to_owned());
    for (index, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let untried = u32::try_from(addresses.len() - index).unwrap_or(1);
        match timeout(left / untried, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Requests are small, and each is sent at once.
                let _ = stream.set_nodelay(true);
                return Ok((stream, *address));
            }
            Ok(Err(error)) => {
                failure = (DirectoryErrorKind::Unreachable, format!("{address}: {error}"));
            }
            Err(_) => failure = (DirectoryErrorKind::TimedOut, format!("{address}: no answer")),
        }
    }
    Err(failure)
}

/// Asks for TLS (RFC 4511 section 4.14). A server that does not agree is not used.
async fn start_tls(
    mut connection: Connection,
    server: &Server,
) -> Result<Connection, DirectoryError> {
    let response = connection.call(&Request::StartTls).await?;
    let Response::Extended(outcome) = response else {
        return Err(connection.unexpected(&response));
    };
    if outcome.code != 0 {
        let text = format!("no StartTLS (result {}) {}", outcome.code, outcome.text);
        return Err(certificate(server, text.trim_end()));
    }
    // What came with the answer was not encrypted, and must not be taken for what is.
    if connection.received.is_empty() {
        Ok(connection)
    } else {
        Err(certificate(server, "data before TLS"))
    }
}

/// Secures a connection. The certificate must be valid for the host.
async fn secure(
    connection: Connection,
    server: &Server,
    tls: Option<&TlsConnector>,
) -> Result<Connection, DirectoryError> {
    let name = ServerName::try_from(server.host.clone());
    let (Some(tls), Ok(name)) = (tls, name) else {
        return Err(certificate(server, "TLS is not configured"));
    };
    let Stream::Plain(stream) = connection.stream else { return Ok(connection) };
    match tls.connect(name, stream).await {
        Ok(stream) => Ok(Connection { stream: Stream::Tls(Box::new(stream)), ..connection }),
        Err(error) if is_of_tls(&error) => Err(certificate(server, &error.to_string())),
        Err(error) => {
            let message = format!("{}: the connection was lost before TLS: {error}", server.url);
            Err(DirectoryError::new(DirectoryErrorKind::Unreachable, message))
        }
    }
}

/// Whether rustls refused what the server sent, or the server refused TLS.
fn is_of_tls(error: &io::Error) -> bool {
    let source = error.get_ref().and_then(|source| source.downcast_ref::<rustls::Error>());
    source.is_some()
}

fn certificate(server: &Server, problem: &str) -> DirectoryError {
    let message = format!("{}: no secure connection: {problem}", server.url);
    DirectoryError::new(DirectoryErrorKind::Certificate, message)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn first_address_that_accepts_is_used() {
        let deadline = || Instant::now() + Duration::from_mins(1);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = gone.local_addr().unwrap();
        drop(gone);
        for addresses in [&[open][..], &[closed, open], &[open, closed], &[closed, closed, open]] {
            let (stream, address) = first_of(addresses, deadline()).await.unwrap();
            assert_eq!((address, stream.peer_addr().unwrap()), (open, open), "{addresses:?}");
        }
        let (kind, problem) = first_of(&[closed, closed], deadline()).await.unwrap_err();
        assert_eq!(kind, DirectoryErrorKind::Unreachable);
        assert!(problem.starts_with(&closed.to_string()), "{problem}");
        let (kind, _) = first_of(&[], deadline()).await.unwrap_err();
        assert_eq!(kind, DirectoryErrorKind::Unreachable);
    }
}
