//! Ports for servers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpListener;

/// A port of the loopback interface that no other program uses now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
