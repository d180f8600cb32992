//! Raw requests, for bytes that no HTTP client sends.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use super::{Server, TIME_LIMIT};

impl Server {
    /// Opens a connection whose reads and writes time out.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(TIME_LIMIT)).unwrap();
        stream.set_write_timeout(Some(TIME_LIMIT)).unwrap();
        stream
    }

    /// Sends bytes unchanged and reads until the server closes the connection.
    pub fn exchange(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        // The server may respond and close before it has read everything.
        let _ = stream.write_all(request);
        read_to_end(&mut stream)
    }

    /// The status of `GET path`.
    pub fn status(&self, path: &str) -> u16 {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        status(&self.exchange(request.as_bytes()))
    }
}

/// Reads until the server closes or resets the connection.
pub fn read_to_end(stream: &mut TcpStream) -> String {
    let end = Instant::now() + TIME_LIMIT;
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        assert!(Instant::now() < end, "the response does not end within {TIME_LIMIT:?}");
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => bytes.extend_from_slice(&chunk[..length]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            // A read with a time limit is not resumed after a signal.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("the server neither responds nor closes: {error}"),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The status of a response.
pub fn status(response: &str) -> u16 {
    let status = response.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    status.unwrap_or_else(|| panic!("no response: {response:?}")).parse().unwrap()
}
