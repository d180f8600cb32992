//! Stopping on a signal.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Barrier};

use crossauth_testkit::server::{Signal, TIME_LIMIT, read_to_end, status, wait_until};

use crate::connection::KeepAlive;
use crate::process::start;

const GET: &[u8] = b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn idle_server_stops_with_exit_code_0() {
    let mut server = start(&[]);
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    assert!(TcpStream::connect(server.address()).is_err());
}

#[test]
fn readiness_fails_before_connections_are_refused() {
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
fn request_in_progress_completes_before_shutdown() {
    let mut server = start(&[]);
    let body = br#"{"username":"unknown","password":"nothing"}"#;
    let mut stream = server.connect();
    let head = format!(
        "POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len(),
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut response = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    response.read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n");
    server.terminate();
    let address = server.address();
    wait_until("connections are refused", || TcpStream::connect(address).is_err());
    stream.write_all(body).unwrap();
    let mut rest = String::new();
    response.read_to_string(&mut rest).unwrap();
    assert_eq!(status(rest.trim_start()), 401, "{rest}");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn unfinished_request_does_not_prevent_shutdown() {
    let mut server = start(&["--set", "shutdown.grace=100ms"]);
    let mut stream = server.connect();
    let head = "POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn responses_during_shutdown_close_the_connection() {
    let mut server = start(&["--set", "shutdown.drain_delay=1h"]);
    let mut idle = KeepAlive::new(&server);
    assert!(!idle.exchange(GET).contains("connection: close"));
    server.terminate();
    wait_until("the server is not ready", || server.status("/ready") != 200);
    // Open before the signal, and open after it.
    for mut connection in [idle, KeepAlive::new(&server)] {
        let response = connection.exchange(GET);
        assert_eq!(status(&response), 200);
        assert!(response.contains("connection: close\r\n"), "{response}");
        assert!(connection.is_closed());
    }
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn request_in_flight_when_the_listener_closes_completes() {
    let mut server = start(&[]);
    let mut connections: Vec<_> = (0..20).map(|_| KeepAlive::new(&server)).collect();
    for connection in &mut connections[..10] {
        assert_eq!(status(&connection.exchange(GET)), 200);
    }
    server.terminate();
    wait_until("the server is stopping", || server.log().contains("stopping"));
    for connection in &mut connections {
        assert_eq!(status(&connection.exchange(GET)), 200);
    }
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn every_accepted_connection_receives_a_response() {
    let mut server = start(&[]);
    let address = server.address();
    let started = Arc::new(Barrier::new(9));
    let client = move |started: Arc<Barrier>| {
        let mut responses = 0;
        // Until the server is gone.
        while let Ok(mut stream) = TcpStream::connect(address) {
            stream.set_read_timeout(Some(TIME_LIMIT)).unwrap();
            stream.write_all(b"GET /live HTTP/1.0\r\n\r\n").unwrap();
            assert!(read_to_end(&mut stream).contains(" 200 OK"), "no response");
            responses += 1;
            if responses == 1 {
                started.wait();
            }
        }
    };
    std::thread::scope(|threads| {
        for _ in 0..8 {
            let started = Arc::clone(&started);
            threads.spawn(move || client(started));
        }
        started.wait();
        server.stop();
    });
}

#[test]
fn second_signal_stops_immediately() {
    let mut server = start(&["--set", "shutdown.grace=1h"]);
    let mut stream = server.connect();
    let head = "POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    server.terminate();
    wait_until("the server is stopping", || server.log().contains("stopping"));
    server.signal(Signal::INT);
    assert_eq!(server.wait().code(), Some(0));
    assert!(server.log().contains("received a second signal"), "{}", server.log());
}

#[test]
fn sighup_does_not_stop_the_server() {
    let mut server = start(&["--set", "shutdown.drain_delay=1h"]);
    for _ in 0..3 {
        server.signal(Signal::HUP);
        assert_eq!(server.status("/ready"), 200);
    }
    assert!(!server.log().contains("stopping"), "{}", server.log());
    server.terminate();
    wait_until("the server is stopping", || server.log().contains("stopping"));
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
}
