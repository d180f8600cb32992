//! Starting: created files, reused files, and errors.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::process::{crossauth, run, start, start_in};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn first_start_creates_private_files() {
    let server = start(&[]);
    let data = server.directory().join("crossauth-data");
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("secret")), 0o600);
    assert_eq!(server.status("/live"), 200);
    assert_eq!(server.status("/ready"), 200);
}

#[test]
fn second_start_keeps_the_secret() {
    let directory = start(&[]).into_directory();
    let path = directory.path().join("crossauth-data/secret");
    let secret = std::fs::read_to_string(&path).unwrap();
    let mut server = start_in(directory, &[]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), secret);
    server.stop();
    assert!(!server.log().contains(secret.trim()));
}

#[test]
fn configured_secret_is_not_stored() {
    let server = start(&["--config", secret_file().path().to_str().unwrap()]);
    assert!(!server.directory().join("crossauth-data/secret").exists());
}

#[test]
fn deleted_database_fails_readiness() {
    let server = start(&[]);
    assert_eq!(server.status("/ready"), 200);
    let path = server.directory().join("crossauth-data/crossauth.db");
    std::fs::rename(&path, path.with_extension("moved")).unwrap();
    assert_eq!(server.status("/ready"), 503);
    assert_eq!(server.status("/live"), 200);
    // Another file at its path is not the database that is open.
    std::fs::copy(path.with_extension("moved"), &path).unwrap();
    assert_eq!(server.status("/ready"), 503);
}

#[test]
fn server_starts_when_the_setup_link_cannot_be_stored() {
    let directory = start(&[]).into_directory();
    let path = directory.path().join("crossauth-data/crossauth.db");
    let full = "CREATE TRIGGER full BEFORE INSERT ON crossauth_keys \
                BEGIN SELECT RAISE(ABORT, 'no space'); END";
    rusqlite::Connection::open(path).unwrap().execute_batch(full).unwrap();
    let mut server = start_in(directory, &[]);
    assert_eq!(server.status("/login"), 200);
    server.stop();
    let log = server.log();
    assert!(log.contains("there is no link that creates the first administrator"), "{log}");
    assert!(log.contains("no space"), "{log}");
}

fn secret_file() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "secret = 'sixteen bytes !!'").unwrap();
    file
}

#[test]
fn error_for_a_used_port_names_the_option() {
    let directory = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let output = run(directory.path(), &["--listen", &address]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains(&format!("cannot listen on {address}")), "{stderr}");
    assert!(stderr.contains("--listen"), "{stderr}");
}

#[test]
fn check_and_serve_reject_an_address_of_another_machine() {
    let directory = tempfile::tempdir().unwrap();
    let address = ["--listen", "192.0.2.1:0", "--base-url", "https://a.example"];
    for (command, code) in [(&["serve"][..], 1), (&["config", "check"], 2)] {
        let output = run(directory.path(), &[command, &address].concat());
        assert_eq!(output.status.code(), Some(code));
        let stderr = String::from_utf8(output.stderr).unwrap();
        let expected = "cannot listen on 192.0.2.1:0; this machine has no such address; choose";
        assert!(stderr.contains(expected), "{stderr}");
    }
}

#[test]
fn error_for_a_failed_data_directory_is_one_line() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "").unwrap();
    let output = run(directory.path(), &["--data", "file/data"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(
        stderr.starts_with("crossauth: cannot create the data directory file/data: "),
        "{stderr}"
    );
}

#[test]
fn unused_data_directory_is_not_created() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("app.db");
    // Nothing can be created in this directory, not even by root.
    let server = crossauth()
        .arguments(&["--data", "/proc/crossauth-data"])
        .variable("CROSSAUTH_SECRET", "sixteen bytes !!")
        .variable("CROSSAUTH_DATABASE_PATH", database.to_str().unwrap())
        .start();
    assert_eq!(server.status("/ready"), 200);
    assert!(!server.directory().join("crossauth-data").exists());
    let failed = crossauth().arguments(&["--data", "/proc/crossauth-data", "--listen", "0"]);
    let failed = failed.run_in(directory.path());
    assert_eq!(failed.status.code(), Some(1), "something is kept there");
}
