//! Keep-alive, idle connections, and limits of connections.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crossauth_testkit::server::{Server, read_to_end, status};

use crate::process::start;

const GET: &[u8] = b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A persistent connection.
pub(crate) struct KeepAlive(BufReader<TcpStream>);

impl KeepAlive {
    pub(crate) fn new(server: &Server) -> Self {
        Self(BufReader::new(server.connect()))
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    /// The next response: head and body.
    pub(crate) fn receive(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.0.read_line(&mut head).unwrap(), 0, "closed after {head:?}");
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.0.read_exact(&mut body).unwrap();
        head + std::str::from_utf8(&body).unwrap()
    }

    pub(crate) fn exchange(&mut self, bytes: &[u8]) -> String {
        self.send(bytes);
        self.receive()
    }

    /// Whether the server has closed it without a further response.
    pub(crate) fn is_closed(&mut self) -> bool {
        read_to_end(self.0.get_mut()).is_empty()
    }
}

fn closes_connection(response: &str) -> bool {
    response.to_ascii_lowercase().contains("\r\nconnection: close\r\n")
}

#[test]
fn idle_connection_outlives_the_limit_of_a_head() {
    let server = start(&["--set", "limits.header_timeout=200ms"]);
    let mut connection = KeepAlive::new(&server);
    assert_eq!(status(&connection.exchange(GET)), 200);
    // A connection opened later is closed first.
    let mut silent = server.connect();
    assert_eq!(read_to_end(&mut silent), "");
    assert_eq!(status(&connection.exchange(GET)), 200);
}

#[test]
fn slow_request_head_times_out() {
    let server = start(&["--set", "limits.header_timeout=300ms"]);
    let mut connection = KeepAlive::new(&server);
    assert_eq!(status(&connection.exchange(GET)), 200);
    let began = Instant::now();
    let stream = connection.0.get_mut();
    stream.write_all(b"GET /live HTTP/1.1\r\nX: ").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut byte = [0];
    while !matches!(stream.read(&mut byte), Ok(0)) {
        assert!(began.elapsed() < Duration::from_secs(20), "the head may go on without end");
        if stream.write_all(b"x").is_err() {
            break;
        }
    }
}

#[test]
fn idle_connections_are_closed_for_new_ones() {
    let server = start(&["--set", "limits.header_timeout=1h", "--set", "limits.connections=4"]);
    let silent: Vec<_> = (0..20).map(|_| server.connect()).collect();
    let half: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(b"GET /live HT").unwrap();
            stream
        })
        .collect();
    assert_eq!(server.status("/live"), 200);
    let idle: Vec<_> = (0..20)
        .map(|_| {
            let mut connection = KeepAlive::new(&server);
            assert_eq!(status(&connection.exchange(GET)), 200);
            connection
        })
        .collect();
    assert_eq!(server.status("/live"), 200);
    drop((silent, half, idle));
}

/// A server for four connections that does not limit how long clients take.
fn patient() -> Server {
    let settings = ["limits.request_timeout=1h", "limits.connections=4"];
    start(&settings.map(|set| ["--set", set]).concat())
}

#[test]
fn connections_of_clients_that_do_not_read_are_closed_for_new_ones() {
    let server = patient();
    // More responses than the kernel buffers.
    let requests = "GET /crossauth.css HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1000);
    let unread: Vec<_> = (0..8)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(requests.as_bytes()).unwrap();
            stream
        })
        .collect();
    assert_eq!(server.status("/live"), 200);
    drop(unread);
}

#[test]
fn connections_with_late_bodies_are_closed_for_new_ones() {
    let server = patient();
    let head = "POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: 99\r\n\r\n{\"csrf";
    let slow: Vec<_> = (0..8)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    assert_eq!(server.status("/live"), 200);
    drop(slow);
}

#[test]
fn unread_complete_body_keeps_the_connection_open() {
    let server = start(&[]);
    let mut connection = KeepAlive::new(&server);
    for (line, expected) in
        [("POST /nothing", 404), ("PUT /api/login", 405), ("POST /live", 405), ("GET /live", 200)]
    {
        for size in [1, 100, 60_000] {
            let body = "x".repeat(size);
            let request = format!(
                "{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n{body}"
            );
            let response = connection.exchange(request.as_bytes());
            assert_eq!(status(&response), expected, "{line}, {size} bytes");
            assert!(!closes_connection(&response), "{line}, {size} bytes: {response}");
        }
    }
}

#[test]
fn unread_incomplete_body_closes_the_connection() {
    let server = start(&[]);
    for headers in ["", "Expect: 100-continue\r\n"] {
        let mut connection = KeepAlive::new(&server);
        let head = format!(
            "POST /nothing HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: 9\r\n\r\n"
        );
        let response = connection.exchange(head.as_bytes());
        assert_eq!(status(&response), 404);
        assert!(closes_connection(&response), "{response}");
        // Further input does not reset the connection.
        connection.send(b"123456789");
        assert!(connection.is_closed());
    }
}

#[test]
fn client_receives_the_response_to_a_too_large_body() {
    let server = start(&["--set", "limits.body=1KiB"]);
    let mut connection = KeepAlive::new(&server);
    let size = 300_000;
    let head = format!("POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n");
    connection.send(head.as_bytes());
    connection.send("x".repeat(size).as_bytes());
    let response = connection.receive();
    assert_eq!(status(&response), 413);
    assert!(closes_connection(&response), "{response}");
    assert!(connection.is_closed());
}

#[test]
fn i3_hundreds_of_slow_clients_do_not_keep_others_out() {
    let server = start(&["--set", "limits.connections=100"]);
    let slow: Vec<_> = (0..400)
        .map(|_| {
            let mut stream = server.connect();
            // The server may have closed it for another.
            let _ = stream.write_all(b"GET /login HTTP/1.1\r\nX: ");
            stream
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(server.status("/login"), 200);
    }
    drop(slow);
}
