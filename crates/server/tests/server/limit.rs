//! Resource limits of the operating system.

use crossauth_testkit::server::Program;

use crate::account::sign_up;
use crate::process::start;

/// The binary under a limit of the shell's `ulimit`.
fn limited(limit: &str) -> Program {
    let script = format!("ulimit {limit}; exec \"$0\" \"$@\"");
    Program::new(env!("CARGO_BIN_EXE_crossauth")).launcher(&["/bin/sh", "-c", &script])
}

#[test]
fn error_for_a_low_limit_is_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let costly = ["--set", "password.argon2_memory=128MiB"];
    for (limit, arguments, told) in [
        ("-n 16", &[][..], "the limit of open files is 16"),
        // With less than the program itself takes, it cannot say anything.
        ("-v 100000", &[], "the limit of address space is 97 MiB; at least 128 MiB"),
        ("-v 140000", &costly, "cannot "),
    ] {
        let arguments = [&["--listen", "127.0.0.1:0"], arguments].concat();
        let output = limited(limit).arguments(&arguments).run_in(directory.path());
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{limit}: {stderr}");
        assert!(stderr.starts_with(&format!("crossauth: {told}")), "{limit}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{limit}: {stderr}");
    }
    assert!(!directory.path().join("crossauth-data").exists());
}

#[test]
fn file_size_limit_fails_only_writes() {
    let directory = tempfile::tempdir().unwrap();
    let cheap = ["password.argon2_memory=8KiB", "password.argon2_iterations=1"];
    let program = limited("-f 800").arguments(&cheap.map(|it| ["--set", it]).concat());
    let mut server = program.start_in(directory);
    let refused = (0..2000).map(|number| sign_up(&server, &format!("user{number}")));
    let refused = refused.skip_while(|status| *status == 200).take(3).collect::<Vec<_>>();
    assert_eq!(refused, [503; 3], "{}", server.log());
    assert_eq!(server.status("/live"), 200);
    assert_eq!(server.status("/login"), 200);
    // A few small writes may still fit.
    assert!((0..200).any(|_| server.status("/ready") == 503), "{}", server.log());
    server.stop();
}

#[test]
fn connections_over_the_file_limit_replace_idle_ones() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = limited("-n 48").start_in(directory);
    let silent: Vec<_> = (0..100).map(|_| server.connect()).collect();
    assert_eq!(server.status("/ready"), 200);
    drop(silent);
    server.stop();
    assert!(
        server.log().contains("the limit of open files reduces the number of connections"),
        "{}",
        server.log()
    );
    assert!(!server.log().contains("cannot accept"), "{}", server.log());
    // Without the limit, nothing is reported.
    let mut server = start(&["--set", "limits.connections=8"]);
    server.stop();
    assert!(!server.log().contains("limit of open files"), "{}", server.log());
}
