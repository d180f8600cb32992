//! `crossauth audit`, on the log of a server whose database was tampered with.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;

use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::account::{PASSWORD, add, log_in};
use crate::process::{run, start, start_in};

/// Runs a command on the audit log.
fn audit(directory: &Path, arguments: &[&str]) -> Output {
    run(directory, &[&["audit"], arguments].concat())
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Runs a command that must succeed; returns the lines that it printed.
fn lines(directory: &Path, arguments: &[&str]) -> Vec<String> {
    let output = audit(directory, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout).lines().map(str::to_owned).collect()
}

/// The acts of JSON lines, sorted.
fn acts(lines: &[String]) -> Vec<String> {
    let act = |line: &String| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["act"].as_str().unwrap().to_owned()
    };
    let mut acts: Vec<_> = lines.iter().map(act).collect();
    acts.sort();
    acts
}

/// The directory of a server, now stopped, that has recorded four events: all are in the chain, in
/// this order.
fn recorded() -> TempDir {
    let server = start(&[]);
    assert!(add(server.directory(), &["alice"]).status.success());
    assert_eq!(log_in(&server, "alice", "Wrong-horse-7"), 401);
    assert_eq!(log_in(&server, "alice", PASSWORD), 200);
    assert!(run(server.directory(), &["user", "disable", "alice"]).status.success());
    server.into_directory()
}

/// The acts of [`recorded`], sorted.
const ACTS: [&str; 4] = ["login.failed", "login.succeeded", "user.created", "user.disabled"];

#[test]
fn acts_of_users_and_operators_are_listed_exported_and_verified() {
    let directory = recorded();
    let path = directory.path();
    let listed = lines(path, &["list", "--json"]);
    assert_eq!(acts(&listed), ACTS);
    let newest: Value = serde_json::from_str(&listed[0]).unwrap();
    assert_eq!((&newest["act"], &newest["actor"]), (&json!("user.disabled"), &json!("operator")));
    // Its id is in the event, and names it.
    let of_alice = lines(path, &["list", "--json", "--user", "alice", "--act", "user.disabled"]);
    assert_eq!(of_alice, listed[..1]);
    let failed = lines(path, &["list", "--json", "--act", "login.failed"]);
    let failed: Value = serde_json::from_str(&failed[0]).unwrap();
    assert_eq!(
        (&failed["actor"], &failed["origin"]["address"]),
        (&json!("anonymous"), &json!("127.0.0.1"))
    );
    let table = lines(path, &["list", "--user", "alice", "--act", "login."]);
    assert_eq!(table.len(), 3, "{table:?}");
    assert!(table[0].starts_with("TIME"), "{table:?}");
    assert!(table[1..].iter().all(|row| row.contains(" alice ")), "{table:?}");

    let verified = lines(path, &["verify"]);
    assert_eq!(verified[0], "verified events: 4");
    assert_eq!(verified.last().unwrap(), "the audit log is in order");

    // The export is an act, too, and is a part of what it prints.
    let exported = lines(path, &["export"]);
    assert_eq!(acts(&exported), [&["audit.exported"], &ACTS[..]].concat());
    assert_eq!(exported[1..], listed);
    let exported: Value = serde_json::from_str(&exported[0]).unwrap();
    assert_eq!(exported["detail"], json!({ "format": "jsonl" }));
    // The account of the newest event is named, as long as its data is not erased.
    assert_eq!(newest["about"]["username"], json!("alice"));
    let verified = lines(path, &["verify"]);
    assert!(verified.iter().any(|line| line.contains("not in the chain yet")), "{verified:?}");
}

/// What a person with access to the database does, and what `verify` says about it.
const TAMPERINGS: [(&str, &[&str]); 12] = [
    (
        "UPDATE crossauth_audit SET act = 'login.succeeded' WHERE act = 'login.failed'",
        &["event 2 was changed or moved"],
    ),
    (
        "UPDATE crossauth_audit SET origin = replace(origin, '127.0.0.1', '192.0.2.1')
         WHERE act = 'login.failed'",
        &["the personal data of event 2 was changed"],
    ),
    ("DELETE FROM crossauth_audit WHERE number = 2", &["event 2 is missing"]),
    ("DELETE FROM crossauth_audit WHERE number = 4", &["event 4 is missing"]),
    (
        "DELETE FROM crossauth_audit WHERE number = 4;
         UPDATE crossauth_audit_marks SET number = 3,
             hash = (SELECT hash FROM crossauth_audit WHERE number = 3) WHERE name = 'end'",
        &["the start or the end of the chain was changed to event 3"],
    ),
    // The end in place of the start, as if age had been the reason to delete all.
    (
        "DELETE FROM crossauth_audit;
         INSERT OR REPLACE INTO crossauth_audit_marks
             SELECT 'start', number, hash, key, seal FROM crossauth_audit_marks WHERE name = 'end'",
        &["the start or the end of the chain was changed to event 4"],
    ),
    (
        "UPDATE crossauth_audit SET number = -number WHERE number IN (2, 3);
         UPDATE crossauth_audit SET number = 5 + number,
             hash = (SELECT hash FROM copied WHERE copied.number = 5 + crossauth_audit.number)
             WHERE number < 0",
        &["event 2 was changed or moved", "event 3 was changed or moved"],
    ),
    (
        "CREATE TEMP TABLE added AS SELECT * FROM copied WHERE number = 2;
         UPDATE added SET id = 'added', number = 0;
         INSERT INTO crossauth_audit SELECT * FROM added",
        &["event 0 was added before the start of the chain"],
    ),
    // One row that cannot be decoded hides no other.
    (
        "UPDATE crossauth_audit SET detail = '{' WHERE number = 2;
         UPDATE crossauth_audit SET act = 'logout' WHERE number = 3",
        &["event 2 cannot be read: its detail is not JSON", "event 3 was changed or moved"],
    ),
    (
        "UPDATE crossauth_audit SET number = -2 WHERE number = 2",
        &["an event without a place cannot be read: its number is -2", "event 2 is missing"],
    ),
    (
        "UPDATE crossauth_audit SET about = NULL WHERE act = 'user.disabled'",
        &["the personal data of event 4 was removed without a record"],
    ),
    (
        "UPDATE crossauth_audit SET origin = NULL WHERE act = 'login.failed'",
        &["the personal data of event 2 was removed without a record"],
    ),
];

#[test]
fn changed_removed_and_swapped_events_are_found_with_exit_status_1() {
    let directory = recorded();
    let path = directory.path();
    let database = Connection::open(path.join("crossauth-data/crossauth.db")).unwrap();
    let copy = "CREATE TABLE copied AS SELECT * FROM crossauth_audit;
                CREATE TABLE copied_marks AS SELECT * FROM crossauth_audit_marks";
    database.execute_batch(copy).unwrap();
    let restore = "DELETE FROM crossauth_audit; DELETE FROM crossauth_audit_marks;
                   INSERT INTO crossauth_audit SELECT * FROM copied;
                   INSERT INTO crossauth_audit_marks SELECT * FROM copied_marks";
    for (tampering, problems) in TAMPERINGS {
        database.execute_batch(tampering).unwrap();
        let output = audit(path, &["verify"]);
        assert_eq!(output.status.code(), Some(1), "{tampering}");
        let found: BTreeSet<_> = text(&output.stderr).lines().map(without_id).collect();
        assert_eq!(found, problems.iter().map(|&it| it.to_owned()).collect(), "{tampering}");
        assert!(text(&output.stdout).ends_with("the audit log is NOT in order\n"), "{tampering}");
        database.execute_batch(restore).unwrap();
        assert_eq!(lines(path, &["verify"])[0], "verified events: 4", "{tampering}");
    }
}

/// A problem without the id of the event, which is random.
fn without_id(problem: &str) -> String {
    match problem.split_once(" (").zip(problem.split_once(')')) {
        Some(((before, _), (_, after))) => format!("{before}{after}"),
        None => problem.to_owned(),
    }
}

#[test]
fn replacing_the_log_by_an_older_copy_is_found_with_its_noted_end() {
    let directory = recorded();
    let path = directory.path();
    let end = |lines: &[String]| {
        let end = lines.iter().find_map(|line| line.strip_prefix("end of the chain: "));
        end.unwrap().to_owned()
    };
    let old = end(&lines(path, &["verify"]));
    let database = path.join("crossauth-data/crossauth.db");
    let copy = path.join("copy");
    Connection::open(&database).unwrap().execute("VACUUM INTO ?1", [copy.to_str()]).unwrap();
    assert!(run(path, &["user", "enable", "alice"]).status.success());
    let directory = start_in(directory, &[]).into_directory();
    let path = directory.path();
    let new = end(&lines(path, &["verify", "--expect", &old]));
    assert_ne!(new, old);
    std::fs::rename(&copy, &database).unwrap();
    assert_eq!(end(&lines(path, &["verify"])), old);
    let output = audit(path, &["verify", "--expect", &new]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("does not have the expected hash"));
}
