//! Plays Twilio's Messages API: `POST /2010-04-01/Accounts/<sid>/Messages.json`.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

/// A request to send a text message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sms {
    /// The path of the request.
    pub path: String,
    /// The value of `Authorization`.
    pub authorization: String,
    /// The form, decoded.
    pub form: Vec<(String, String)>,
}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    answers: Mutex<VecDeque<(u16, String)>>,
    requests: Mutex<Vec<Sms>>,
}

impl Gateway {
    /// Starts a gateway that accepts every message.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let served = Arc::clone(&shared);
        // Ends with the process; there is one listener per test.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let served = Arc::clone(&served);
                thread::spawn(move || serve(&stream, &served));
            }
        });
        Self { address, shared }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers the next request like this instead. Status 0 closes the connection, status 1 gives
    /// no answer.
    pub fn answer(&self, status: u16, body: &str) {
        self.shared.answers.lock().push_back((status, body.to_owned()));
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Sms> {
        self.shared.requests.lock().clone()
    }
}

fn serve(stream: &TcpStream, shared: &Shared) {
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let Some(request) = read(stream) else { return };
    shared.requests.lock().push(request);
    let accepted = (201, r#"{"sid":"SM0123456789","status":"queued"}"#.to_owned());
    let (status, body) = shared.answers.lock().pop_front().unwrap_or(accepted);
    match status {
        0 => {}
        1 => {
            // Until the client gives up.
            let mut stream = stream;
            let _ = stream.read(&mut [0]);
        }
        _ => {
            let answer = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let mut stream = stream;
            // The client may have gone.
            let _ = stream.write_all(answer.as_bytes());
        }
    }
}

fn read(stream: &TcpStream) -> Option<Sms> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => value.clone_into(&mut authorization),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).ok()?;
    let form = body.split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((decode(name)?, decode(value)?))
    });
    Some(Sms { path, authorization, form: form.collect() })
}

/// Decodes `application/x-www-form-urlencoded`.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}
