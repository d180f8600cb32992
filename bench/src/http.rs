//! An HTTP/1.1 client that costs as little as possible: one kept-open connection, one request
//! at a time, no allocation and two system calls for each.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

/// Maximum length of a response, head and body together, in bytes.
const MAX_RESPONSE_LEN: usize = 64 * 1024;
/// Time limit for reads and writes.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// Headers of a browser, besides `Host` and cookies.
const BROWSER_HEADERS: &str = "\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/143.0.0.0 Safari/537.36\r\n\
    Accept: application/json\r\n\
    Accept-Language: en-GB,en;q=0.9\r\n\
    Accept-Encoding: gzip, deflate, br\r\n\
    Sec-Fetch-Dest: empty\r\n\
    Sec-Fetch-Mode: cors\r\n\
    Sec-Fetch-Site: same-origin\r\n";

/// The bytes of a GET request as a browser sends it.
pub(crate) fn get(host: SocketAddr, path: &str, cookies: &str) -> Vec<u8> {
    let cookies = if cookies.is_empty() { String::new() } else { format!("Cookie: {cookies}\r\n") };
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{BROWSER_HEADERS}{cookies}\r\n").into_bytes()
}

/// The bytes of a GET request as a program with an API key sends it.
pub(crate) fn get_with_key(host: SocketAddr, path: &str, key: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench/1.0\r\n\
         Accept: application/json\r\nAuthorization: ApiKey {key}\r\n\r\n"
    )
    .into_bytes()
}

/// The bytes of a POST request as a script in a browser sends it.
pub(crate) fn post_json(
    host: SocketAddr,
    path: &str,
    cookies: &str,
    csrf_token: &str,
    body: &str,
) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n{BROWSER_HEADERS}\
         Cookie: {cookies}\r\nX-CROSSAUTH-CSRF: {csrf_token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A kept-open connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects to a server.
    pub(crate) fn open(server: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(READ_TIMEOUT))?;
        Ok(Self { stream, buffer: vec![0; MAX_RESPONSE_LEN] })
    }

    /// Sends a request and waits for its response.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Result<Response<'_>> {
        self.send(request)?;
        self.receive()
    }

    /// Sends a request.
    pub(crate) fn send(&mut self, request: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(request)?)
    }

    /// Waits for the response to the request that was sent last.
    pub(crate) fn receive(&mut self) -> Result<Response<'_>> {
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).context("no response")?;
            ensure!(read > 0, "the server closed the connection, or its response is too long");
            filled += read;
            if let Some(extent) = Extent::of(&self.buffer[..filled])? {
                return Response::parse(&self.buffer[..filled], extent);
            }
        }
    }
}

/// Lengths of the parts of a response.
#[derive(Clone, Copy)]
struct Extent {
    head: usize,
    whole: usize,
}

impl Extent {
    /// `None` while the response is incomplete.
    fn of(received: &[u8]) -> Result<Option<Self>> {
        let Some(head) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let length = header(&received[..head], "content-length")
            .and_then(|length| length.parse::<usize>().ok())
            .context("a response without Content-Length")?;
        let whole = head + 4 + length;
        ensure!(received.len() <= whole, "more was received than a response");
        Ok((received.len() == whole).then_some(Self { head, whole }))
    }
}

fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    head.split(|byte| *byte == b'\n')
        .find_map(|line| {
            let (found, value) = line.split_at_checked(name.len())?;
            let value = value.strip_prefix(b":")?;
            found.eq_ignore_ascii_case(name.as_bytes()).then_some(value)
        })
        .and_then(|value| std::str::from_utf8(value).ok())
        .map(str::trim)
}

/// A server's response to one request.
#[derive(Debug)]
pub(crate) struct Response<'a> {
    /// The status code.
    pub(crate) status: u16,
    head: &'a [u8],
    /// The body.
    pub(crate) body: &'a [u8],
}

impl<'a> Response<'a> {
    fn parse(received: &'a [u8], Extent { head, whole }: Extent) -> Result<Self> {
        let status = received
            .get(9..12)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| digits.parse().ok())
            .context("a response without a status")?;
        Ok(Self { status, head: &received[..head], body: &received[head + 4..whole] })
    }

    /// An error unless the status is 200 and the body the JSON of a success.
    pub(crate) fn check_ok(&self) -> Result<()> {
        if self.status == 200 && self.body.starts_with(br#"{"ok":true"#) {
            return Ok(());
        }
        bail!("status {}: {}", self.status, String::from_utf8_lossy(self.body))
    }

    /// The `name=value` of a cookie that the response sets.
    pub(crate) fn cookie(&self, name: &str) -> Option<&'a str> {
        self.head.split(|byte| *byte == b'\n').find_map(|line| {
            let value = header(line, "set-cookie")?;
            let pair = value.split(';').next()?;
            pair.split_once('=').filter(|(found, _)| *found == name).map(|_| pair)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Sends a request to a server that responds with these pieces, one after the other.
    fn receive_pieces<T>(
        pieces: &'static [&'static str],
        see: impl Fn(Result<Response<'_>>) -> T,
    ) -> T {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_nodelay(true).unwrap();
            stream.read_exact(&mut [0; 3]).unwrap();
            for piece in pieces {
                stream.write_all(piece.as_bytes()).unwrap();
            }
        });
        let mut connection = Connection::open(address).unwrap();
        let seen = see(connection.exchange(b"ask"));
        server.join().unwrap();
        seen
    }

    #[test]
    fn response_in_several_reads_is_parsed() {
        let pieces = &[
            "HTTP/1.1 200 OK\r\nContent-Le",
            "ngth: 11\r\nSet-Cookie: A=1; Path=/\r\nset-cookie: B=2=3\r\n\r",
            "\n{\"ok\":tr",
            "ue}",
        ];
        receive_pieces(pieces, |response| {
            let response = response.unwrap();
            response.check_ok().unwrap();
            assert_eq!(response.cookie("A"), Some("A=1"));
            assert_eq!(response.cookie("B"), Some("B=2=3"));
            assert_eq!(response.cookie("Path"), None);
        });
    }

    #[test]
    fn error_status_is_an_error() {
        let refusal = &["HTTP/1.1 401 Unauthorized\r\ncontent-length: 12\r\n\r\n{\"ok\":false}"];
        receive_pieces(refusal, |response| assert!(response.unwrap().check_ok().is_err()));
    }

    #[test]
    fn truncated_response_and_unknown_length_are_errors() {
        receive_pieces(&["HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{"], |response| {
            assert!(response.is_err());
        });
        receive_pieces(&["HTTP/1.1 200 OK\r\n\r\n{}"], |response| assert!(response.is_err()));
    }
}
