//! An HTTP/1.1 client that costs as little as possible: one kept-open connection, one request
//! at a time, no allocation and two system calls for each.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

/// Longest answer that is understood, head and body together.
const ANSWER_LEN: usize = 64 * 1024;
/// A server that is silent for so long has broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a browser sends with every request besides the first line, `Host` and cookies.
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
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: vec![0; ANSWER_LEN] })
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.send(request)?;
        self.receive()
    }

    /// Sends a request.
    pub(crate) fn send(&mut self, request: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(request)?)
    }

    /// Waits for the answer to the request that was sent last.
    pub(crate) fn receive(&mut self) -> Result<Answer<'_>> {
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).context("no answer")?;
            ensure!(read > 0, "the server closed the connection, or its answer is too long");
            filled += read;
            if let Some(extent) = Extent::of(&self.buffer[..filled])? {
                return Answer::parse(&self.buffer[..filled], extent);
            }
        }
    }
}

/// Where an answer's parts end.
#[derive(Clone, Copy)]
struct Extent {
    head: usize,
    whole: usize,
}

impl Extent {
    /// `None` while more is to come.
    fn of(received: &[u8]) -> Result<Option<Self>> {
        let Some(head) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let length = header(&received[..head], "content-length")
            .and_then(|length| length.parse::<usize>().ok())
            .context("an answer without Content-Length")?;
        let whole = head + 4 + length;
        ensure!(received.len() <= whole, "more was received than an answer");
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

/// A server's answer to one request.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    /// The status code.
    pub(crate) status: u16,
    head: &'a [u8],
    /// What follows the head.
    pub(crate) body: &'a [u8],
}

impl<'a> Answer<'a> {
    fn parse(received: &'a [u8], Extent { head, whole }: Extent) -> Result<Self> {
        let status = received
            .get(9..12)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| digits.parse().ok())
            .context("an answer without a status")?;
        Ok(Self { status, head: &received[..head], body: &received[head + 4..whole] })
    }

    /// An error unless the status is 200 and the body the JSON of a success.
    pub(crate) fn check_ok(&self) -> Result<()> {
        if self.status == 200 && self.body.starts_with(br#"{"ok":true"#) {
            return Ok(());
        }
        bail!("answered {}: {}", self.status, String::from_utf8_lossy(self.body))
    }

    /// The `name=value` of a cookie that the answer sets.
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

    /// Asks a server that answers with these pieces, one after the other.
    fn answered<T>(pieces: &'static [&'static str], see: impl Fn(Result<Answer<'_>>) -> T) -> T {
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
        let seen = see(connection.ask(b"ask"));
        server.join().unwrap();
        seen
    }

    #[test]
    fn an_answer_in_pieces_is_put_together() {
        let pieces = &[
            "HTTP/1.1 200 OK\r\nContent-Le",
            "ngth: 11\r\nSet-Cookie: A=1; Path=/\r\nset-cookie: B=2=3\r\n\r",
            "\n{\"ok\":tr",
            "ue}",
        ];
        answered(pieces, |answer| {
            let answer = answer.unwrap();
            answer.check_ok().unwrap();
            assert_eq!(answer.cookie("A"), Some("A=1"));
            assert_eq!(answer.cookie("B"), Some("B=2=3"));
            assert_eq!(answer.cookie("Path"), None);
        });
    }

    #[test]
    fn a_refusal_is_not_counted_as_an_answer() {
        let refusal = &["HTTP/1.1 401 Unauthorized\r\ncontent-length: 12\r\n\r\n{\"ok\":false}"];
        answered(refusal, |answer| assert!(answer.unwrap().check_ok().is_err()));
    }

    #[test]
    fn a_cut_answer_and_one_of_unknown_length_are_errors() {
        answered(&["HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{"], |answer| {
            assert!(answer.is_err());
        });
        answered(&["HTTP/1.1 200 OK\r\n\r\n{}"], |answer| assert!(answer.is_err()));
    }
}
