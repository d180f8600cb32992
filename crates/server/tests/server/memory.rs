//! Memory use of the process.

use std::fs;

use crossauth_testkit::server::{Server, wait_until};

use crate::account::log_in;
use crate::process::start;

/// Memory in use that is not backed by a file, in KiB.
fn anonymous_memory(server: &Server) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/status", server.process_id())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn memory_of_password_hashing_is_returned_after_a_burst() {
    let server = start(&["--set", "password.threads=1"]);
    let idle = anonymous_memory(&server);
    assert_eq!(log_in(&server, "unknown", "whatever-it-is"), 401);
    // One hash takes 19 MiB.
    assert!(anonymous_memory(&server) > idle + 10 * 1024);
    wait_until("the memory is returned", || anonymous_memory(&server) < idle + 8 * 1024);
}
