//! Stopping on a signal.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use crossauth_testkit::server::{status, wait_until};

use crate::process::start;

#[test]
fn an_idle_server_stops_with_exit_code_0() {
    let mut server = start(&[]);
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    assert!(TcpStream::connect(server.address()).is_err());
}

#[test]
fn balancers_are_told_before_connections_are_refused() {
    let mut server = start(&["--set", "shutdown.drain_delay=1h"]);
    assert_eq!(server.status("/ready"), 200);
    server.terminate();
    wait_until("the server is not ready", || server.status("/ready") != 200);
    assert_eq!(server.status("/ready"), 503);
    assert_eq!(server.status("/live"), 200);
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_request_under_way_is_answered_before_the_server_stops() {
    let mut server = start(&[]);
    let body = br#"{"username":"nobody","password":"nothing"}"#;
    let mut stream = server.connect();
    let head = format!(
        "POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len(),
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    answer.read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n");
    server.terminate();
    let address = server.address();
    wait_until("connections are refused", || TcpStream::connect(address).is_err());
    stream.write_all(body).unwrap();
    let mut rest = String::new();
    answer.read_to_string(&mut rest).unwrap();
    assert_eq!(status(rest.trim_start()), 401, "{rest}");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_request_that_does_not_end_cannot_keep_the_server_from_stopping() {
    let mut server = start(&["--set", "shutdown.grace=100ms"]);
    let mut stream = server.connect();
    let head = "POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
}
