//! `config check` on a database that exists: it finds the errors of a start, and changes nothing.

use std::collections::BTreeMap;
use std::os::unix::fs::chown;
use std::path::Path;

use crate::process::{crossauth, run, start};

/// The exit code and the output of the check.
fn check(directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(directory, &[&["config", "check"], arguments].concat());
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// The files of the data directory and their content.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(directory.join("crossauth-data")).unwrap();
    let file = |path: std::path::PathBuf| {
        (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap())
    };
    files.map(|entry| file(entry.unwrap().path())).collect()
}

fn execute(directory: &Path, statement: &str) {
    let path = directory.join("crossauth-data/crossauth.db");
    rusqlite::Connection::open(path).unwrap().execute_batch(statement).unwrap();
}

#[test]
fn check_does_not_change_the_database() {
    let server = start(&[]);
    assert_eq!(check(server.directory(), &[]).0, Some(0));
    let directory = server.into_directory();
    let before = files(directory.path());
    let (code, stderr) = check(directory.path(), &[]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(files(directory.path()) == before, "{:?}", files(directory.path()).keys());
}

#[test]
fn missing_certificate_authorities_are_reported_with_what_to_do() {
    let mail = [("CROSSAUTH_MAIL_FROM", "a@b.example"), ("CROSSAUTH_MAIL_SMTP_HOST", "localhost")];
    let sms = [
        ("CROSSAUTH_SMS_FROM", "+15005550006"),
        ("TWILIO_ACCOUNT_SID", "AC1"),
        ("TWILIO_AUTH_TOKEN", "t"),
    ];
    for (variables, key) in [(&mail[..], "mail.smtp_ca"), (&sms[..], "sms.twilio_account_sid")] {
        let directory = tempfile::tempdir().unwrap();
        let mut program = crossauth().arguments(&["config", "check"]);
        for (name, value) in variables.iter().chain(&[("SSL_CERT_FILE", "/dev/null")]) {
            program = program.variable(name, value);
        }
        let output = program.run_in(directory.path());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        let expected = ["install the package `ca-certificates`, or set", "`SSL_CERT_FILE`", key];
        assert!(expected.iter().all(|text| said.contains(text)), "{said}");
    }
}

#[test]
fn data_directory_of_another_user_is_reported_with_both_users() {
    let directory = start(&[]).into_directory();
    let data = directory.path().join("crossauth-data");
    let commands = [&["config", "check"][..], &["user", "list"]];
    for command in commands {
        let said = String::from_utf8(run(directory.path(), command).stderr).unwrap();
        assert!(!said.contains("another user"), "{said}");
    }
    // Only the superuser can give a file away; the unit tests cover the rule itself.
    let given =
        [data.clone(), data.join("crossauth.db")].map(|path| chown(path, Some(65_534), None));
    if given.iter().any(Result::is_err) {
        return;
    }
    for command in commands {
        let said = String::from_utf8(run(directory.path(), command).stderr).unwrap();
        let lines: Vec<_> = said.lines().filter(|line| line.contains("another user")).collect();
        assert_eq!(lines.len(), 1, "{said}");
        assert!(lines[0].contains("owner=nobody (65534) process=root (0)"), "{said}");
    }
}

#[test]
fn check_rejects_a_database_that_serve_rejects() {
    for (statement, arguments, problem) in [
        ("INSERT INTO crossauth_schema VALUES ('accounts', 99)", &[][..], "has schema version 99"),
        (
            "DROP INDEX crossauth_users_by_state; ALTER TABLE crossauth_users DROP COLUMN state",
            &[],
            "no column \"state\"",
        ),
        ("SELECT 1", &["--set", "database.tables=pycrossauth"], "has no table \"User\""),
    ] {
        let directory = start(&[]).into_directory();
        execute(directory.path(), statement);
        let before = files(directory.path());
        let (code, stderr) = check(directory.path(), arguments);
        assert!(code == Some(2) && stderr.contains(problem), "{statement}: {stderr}");
        assert!(files(directory.path()) == before, "{statement}");
        let start = run(directory.path(), &[&["--listen", "0"], arguments].concat());
        let stderr = String::from_utf8(start.stderr).unwrap();
        assert!(!start.status.success() && stderr.contains(problem), "{statement}: {stderr}");
    }
}
