//! Stopping on a signal.

use std::net::TcpStream;

use crate::process::Server;

#[test]
fn an_idle_server_stops_with_exit_code_0() {
    let mut server = Server::start(&[]);
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    assert!(TcpStream::connect(server.address()).is_err());
}

#[test]
fn balancers_are_told_before_connections_are_refused() {
    let mut server = Server::start(&["--set", "shutdown.drain_delay=1h"]);
    assert_eq!(server.status("/ready"), 200);
    server.terminate();
    while server.status("/ready") == 200 {}
    assert_eq!(server.status("/ready"), 503);
    assert_eq!(server.status("/live"), 200);
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
}
