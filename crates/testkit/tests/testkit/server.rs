//! The launcher of the binary, tested with shell scripts.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crossauth_testkit::server::{Program, Server, Signal};
use tempfile::TempDir;

/// The line that a server prints when it has started.
const LISTEN: &str = "echo listening on http://127.0.0.1:1";

/// Starts a shell script as a server.
fn start(script: &str) -> Server {
    let directory = directory();
    program(directory.path(), script).start_in(directory)
}

/// The shell reads the script, so that no test executes a file just written: while another test
/// forks, such a file is still open for writing, and busy.
fn program(directory: &Path, script: &str) -> Program {
    let path = directory.join("program");
    fs::write(&path, script).unwrap();
    Program::new(path).launcher(&["/bin/sh"]).variable("PATH", "/usr/bin:/bin")
}

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
#[should_panic(expected = "no output in 50ms")]
fn program_that_never_listens_fails_the_test() {
    let directory = directory();
    let silent = program(directory.path(), "exec sleep 600");
    silent.time_limit(Duration::from_millis(50)).start_in(directory);
}

#[test]
#[should_panic(expected = "no address in \"\"; the disk is full")]
fn program_that_ends_before_it_listens_fails_the_test_with_its_log() {
    start("echo the disk is full >&2; exit 1");
}

#[test]
#[should_panic(expected = "still running after 3s")]
fn program_that_does_not_stop_fails_the_test() {
    let directory = directory();
    let stubborn =
        program(directory.path(), &format!("trap '' TERM; {LISTEN}; while :; do sleep 1; done"));
    stubborn.time_limit(Duration::from_secs(3)).start_in(directory).stop();
}

#[test]
#[should_panic(expected = "exit status: 3")]
fn program_that_stops_with_an_error_fails_the_test() {
    start(&format!("trap 'exit 3' TERM; {LISTEN}; while :; do :; done")).stop();
}

#[test]
#[should_panic(expected = "still running after 50ms")]
fn command_that_does_not_end_fails_the_test() {
    let directory = directory();
    let endless = program(directory.path(), "exec sleep 600");
    endless.time_limit(Duration::from_millis(50)).run_in(directory.path());
}

#[test]
fn command_gets_its_input_and_an_empty_environment() {
    let directory = directory();
    let output = program(directory.path(), "cat; echo \"${CARGO:-unset} $1\"; exit 7")
        .argument("one")
        .input("first\n")
        .run_in(directory.path());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "first\nunset one\n");
    assert_eq!(output.status.code(), Some(7));
}

#[test]
fn lines_are_read_until_the_output_ends() {
    let mut server = start(&format!("{LISTEN}; echo two; exit 5"));
    assert_eq!(server.address().port(), 1);
    assert_eq!(server.line().as_deref(), Some("two"));
    assert_eq!(server.line(), None);
    assert_eq!(server.wait().code(), Some(5));
}

#[test]
fn process_is_killed_when_the_server_is_dropped() {
    let server = start(&format!("{LISTEN}; exec sleep 600"));
    let process = format!("/proc/{}", server.process_id());
    server.signal(Signal::CONT);
    assert!(Path::new(&process).exists());
    drop(server);
    assert!(!Path::new(&process).exists());
}
