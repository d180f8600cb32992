//! `config check` on a database that exists: it finds what a start would find, and leaves
//! everything as it is.

use std::collections::BTreeMap;
use std::path::Path;

#[cfg(feature = "postgres")]
use crate::process::crossauth;
use crate::process::{run, start};

/// The exit code of the check, and what it says.
fn check(directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(directory, &[&["config", "check"], arguments].concat());
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// The files of the data directory with what is in them.
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
fn a_database_is_looked_at_without_a_change_whether_or_not_a_server_runs() {
    let server = start(&[]);
    assert_eq!(check(server.directory(), &[]).0, Some(0));
    let directory = server.into_directory();
    let before = files(directory.path());
    let (code, said) = check(directory.path(), &[]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    assert!(files(directory.path()) == before, "{:?}", files(directory.path()).keys());
}

#[test]
fn a_database_that_a_start_would_refuse_is_refused_by_the_check() {
    for (statement, arguments, problem) in [
        ("UPDATE crossauth_schema SET version = 99", &[][..], "has schema version 99"),
        ("ALTER TABLE crossauth_users DROP COLUMN state", &[], "no column \"state\""),
        ("SELECT 1", &["--set", "database.tables=pycrossauth"], "has no table \"User\""),
    ] {
        let directory = start(&[]).into_directory();
        execute(directory.path(), statement);
        let before = files(directory.path());
        let (code, said) = check(directory.path(), arguments);
        assert!(code == Some(2) && said.contains(problem), "{statement}: {said}");
        assert!(files(directory.path()) == before, "{statement}");
        let start = run(directory.path(), &[&["--listen", "0"], arguments].concat());
        let said = String::from_utf8(start.stderr).unwrap();
        assert!(!start.status.success() && said.contains(problem), "{statement}: {said}");
    }
}

#[cfg(feature = "postgres")]
#[test]
fn a_database_server_that_does_not_answer_is_a_problem() {
    let directory = tempfile::tempdir().unwrap();
    let output = crossauth()
        .arguments(&["config", "check"])
        .variable("CROSSAUTH_DATABASE_URL", "postgres://ada:canary@127.0.0.1:1/app")
        .run_in(directory.path());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("cannot open the database of the setting database.url"), "{said}");
    assert!(!said.contains("canary"), "{said}");
}
