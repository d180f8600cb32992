//! Accounts from the command line, used over HTTP.

mod administration;

use std::path::Path;
use std::process::Output;

use crossauth_testkit::server::{Server, status};

use crate::process::{run, run_with_input, start, start_in};

pub(crate) const PASSWORD: &str = "Correct-horse-7";

pub(crate) fn add(directory: &Path, arguments: &[&str]) -> Output {
    let arguments = [&["user", "add"], arguments, &["--password-stdin"]].concat();
    run_with_input(directory, &arguments, &format!("{PASSWORD}\n"))
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The status of a log-in by the JSON endpoint.
pub(crate) fn log_in(server: &Server, username: &str, password: &str) -> u16 {
    let body = format!(r#"{{"username":"{username}","password":"{password}"}}"#);
    post(server, "/api/login", &body)
}

/// The status of a sign-up by the JSON endpoint.
pub(crate) fn sign_up(server: &Server, username: &str) -> u16 {
    let body = format!(
        r#"{{"username":"{username}","password":"{PASSWORD}","repeat_password":"{PASSWORD}"}}"#
    );
    post(server, "/api/signup", &body)
}

/// The status of a JSON endpoint that takes a CSRF token.
fn post(server: &Server, path: &str, body: &str) -> u16 {
    status(&post_json(server, path, body))
}

/// The response of a JSON endpoint that takes a CSRF token.
pub(crate) fn post_json(server: &Server, path: &str, body: &str) -> String {
    let page = server.exchange(
        b"GET /api/getcsrftoken HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    let header = |name: &str| {
        let line = page.lines().find(|line| line.to_ascii_lowercase().starts_with(name));
        line.unwrap_or_else(|| panic!("no {name} in {page}")).split_once(": ").unwrap().1.to_owned()
    };
    let cookie = header("set-cookie: csrftoken").split(';').next().unwrap().to_owned();
    let token = header("x-crossauth-csrf");
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {cookie}\r\n\
         X-CROSSAUTH-CSRF: {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len(),
    );
    server.exchange(request.as_bytes())
}

#[test]
fn account_created_on_the_command_line_logs_in_until_it_is_disabled() {
    let mut server = start(&["--set", "log.level=trace"]);
    let added = add(server.directory(), &["alice", "--email", "alice@example.com"]);
    assert_eq!(text(&added.stdout), "alice is added\n", "{}", text(&added.stderr));
    assert_eq!(log_in(&server, "alice", "Wrong-horse-7"), 401);
    assert_eq!(log_in(&server, "alice", PASSWORD), 200);
    assert!(run(server.directory(), &["user", "disable", "alice"]).status.success());
    assert_ne!(log_in(&server, "alice", PASSWORD), 200);
    assert!(run(server.directory(), &["user", "enable", "alice"]).status.success());
    let arguments = ["user", "set-password", "alice", "--password-stdin"];
    assert!(run_with_input(server.directory(), &arguments, "Battery-staple-8\n").status.success());
    assert_eq!(log_in(&server, "alice", PASSWORD), 401);
    assert_eq!(log_in(&server, "alice", "Battery-staple-8"), 200);
    server.stop();
    assert!(!server.log().contains(PASSWORD) && !server.log().contains("Battery-staple"));
}

#[test]
fn accounts_are_listed_in_pages() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    assert!(add(path, &["bob"]).status.success());
    assert!(add(path, &["alice", "--email", "alice@example.com", "--admin"]).status.success());
    let list = run(path, &["user", "list"]);
    let rows: Vec<Vec<_>> =
        text(&list.stdout).lines().map(|row| row.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["USERNAME", "EMAIL", "STATE", "ROLE"]);
    assert_eq!(rows[1], ["alice", "alice@example.com", "active", "administrator"]);
    assert_eq!(rows[2], ["bob", "-", "active", "user"]);
    let first = run(path, &["user", "list", "--limit", "1", "--json"]);
    let user: serde_json::Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!(user["username"], "alice");
    assert_eq!(user["admin"], true);
    assert!(text(&first.stderr).contains("--after 'alice'"));
    let second = run(path, &["user", "list", "--limit", "1", "--after", "alice"]);
    assert!(text(&second.stdout).lines().nth(1).unwrap().starts_with("bob "));
    let third = run(path, &["user", "list", "--after", "bob"]);
    assert_eq!(text(&third.stderr), "there are no more accounts\n");
}

#[test]
fn stored_names_are_escaped_for_the_terminal() {
    let mut server = start(&[]);
    server.stop();
    let evil = "\u{1b}[2J\u{9b}31m\u{202e}eve\r\nroot";
    let database = server.directory().join("crossauth-data/crossauth.db");
    let database = rusqlite::Connection::open(database).unwrap();
    let insert = "INSERT INTO crossauth_users (username, username_normalized, email, \
                  email_normalized, state, factor1, factor2, admin) \
                  VALUES (?1, ?1, ?1, ?1, ?1, ?1, ?1, 0)";
    database.execute(insert, [evil]).unwrap();
    drop(database);
    for arguments in [
        &["user", "list"][..],
        &["user", "list", "--json"],
        &["user", "show", evil],
        &["user", "sessions", evil],
        &["user", "disable", evil],
        &["user", "show", "\u{1b}[2J"],
        &["config", "check", "--config", "\u{1b}[2J\nno"],
        &["serve", "--data", "crossauth-data/secret/\u{9b}31m"],
    ] {
        let output = run(server.directory(), arguments);
        for text in [text(&output.stdout), text(&output.stderr)] {
            let is_hidden = |c: char| c != '\n' && c.is_control() || c == '\u{202e}';
            assert!(!text.contains(is_hidden), "{arguments:?}: {text:?}");
        }
        assert!(!(output.stdout.is_empty() && output.stderr.is_empty()), "{arguments:?}");
    }
}

#[test]
fn rejected_account_is_explained_and_exits_with_1() {
    let directory = tempfile::tempdir().unwrap();
    assert!(add(directory.path(), &["alice"]).status.success());
    let again = add(directory.path(), &["Alice"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("already taken"), "{}", text(&again.stderr));
    let arguments = ["user", "add", "bob", "--password-stdin"];
    let weak = run_with_input(directory.path(), &arguments, "weak\n");
    assert_eq!(weak.status.code(), Some(1));
    assert!(!text(&weak.stderr).contains("weak\n"));
    let unknown = run(directory.path(), &["user", "disable", "unknown"]);
    assert_eq!(unknown.status.code(), Some(1));
}

#[test]
fn setup_link_is_printed_until_there_is_an_administrator() {
    let server = start(&[]);
    let line = server.line().unwrap();
    let prefix =
        format!("create the first administrator at http://{}/setup?token=", server.address());
    let token = line.strip_prefix(&prefix).unwrap_or_else(|| panic!("{line}")).to_owned();
    assert_eq!(server.status(&format!("/setup?token={token}")), 200);
    assert_ne!(server.status("/setup?token=wrong"), 200);
    assert!(add(server.directory(), &["root", "--admin"]).status.success());
    assert_ne!(server.status(&format!("/setup?token={token}")), 200);
    let server = start_in(server.into_directory(), &[]);
    assert!(!server.log().contains(&token));
    server.terminate();
    assert_eq!(server.line(), None);
}

#[test]
fn migrate_is_idempotent() {
    let directory = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let output = run(directory.path(), &["migrate"]);
        assert_eq!(
            text(&output.stdout),
            "the database is up to date\n",
            "{}",
            text(&output.stderr)
        );
    }
    assert!(directory.path().join("crossauth-data/crossauth.db").exists());
}

#[test]
fn check_of_a_migration_prints_its_statements_and_writes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let check = || {
        let output = run(directory.path(), &["migrate", "--check"]);
        (output.status.code(), text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
    };
    let (code, stdout, stderr) = check();
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stdout.contains("accounts: from version 0 to "), "{stdout}");
    assert!(stdout.contains("\n  CREATE TABLE crossauth_users ("), "{stdout}");
    assert!(stdout.ends_with("`crossauth migrate` and the next start do this\n"), "{stdout}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);

    assert!(run(directory.path(), &["migrate"]).status.success());
    let (code, stdout, stderr) = check();
    assert_eq!((code, &*stdout), (Some(0), "the database is up to date\n"), "{stderr}");

    let path = directory.path().join("crossauth-data/crossauth.db");
    let execute = |statement| rusqlite::Connection::open(&path).unwrap().execute_batch(statement);
    execute("INSERT INTO crossauth_schema (tables, version) VALUES ('audit', 99)").unwrap();
    let (code, _, stderr) = check();
    assert_eq!(code, Some(1));
    assert!(stderr.contains("schema version 99"), "{stderr}");
}

#[test]
fn read_only_command_creates_nothing_and_reports_a_missing_database() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in
        [&["user", "list", "--data", "typo"][..], &["user", "disable", "alice", "--data", "typo"]]
    {
        let output = run(directory.path(), arguments);
        assert_eq!(output.status.code(), Some(1));
        let stderr = text(&output.stderr);
        assert!(stderr.starts_with("crossauth: there is no database at typo/crossauth.db; "));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
    assert!(run(directory.path(), &["migrate"]).status.success());
    let empty = run(directory.path(), &["user", "list"]);
    assert!(empty.status.success());
    assert_eq!(text(&empty.stdout), "");
    assert_eq!(text(&empty.stderr), "there are no accounts\n");
    assert!(!directory.path().join("crossauth-data/secret").exists());
}

/// Runs a command on an account that must succeed, and returns what it printed.
fn user(directory: &Path, arguments: &[&str]) -> String {
    let output = run(directory, &[&["user"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

#[test]
fn account_is_shown_changed_and_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    assert!(add(path, &["alice", "--email", "wrong@example.com"]).status.success());
    assert!(add(path, &["root", "--admin"]).status.success());
    user(path, &["set-email", "alice", "alice@example.com"]);
    user(path, &["set", "alice@example.com", "phone=+43 1"]);
    let shown = user(path, &["show", "alice"]);
    for line in ["username: alice", "email: alice@example.com", "state: active", "role: user"] {
        assert!(shown.lines().any(|shown| shown == line), "{line} in {shown}");
    }
    assert!(shown.contains("phone: +43 1\n"), "{shown}");
    let created = shown.lines().find_map(|line| line.strip_prefix("created: ")).unwrap();
    assert!(created.starts_with("20") && created.ends_with('Z'), "{created}");
    user(path, &["set", "alice", "phone="]);
    user(path, &["set-email", "alice", ""]);
    let shown = user(path, &["show", "alice", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert!(shown["email"].is_null() && shown["phone"].is_null(), "{shown}");
    let refused = run(path, &["user", "set-email", "alice", "no address"]);
    assert_eq!(refused.status.code(), Some(1));
    let unsure = run(path, &["user", "delete", "alice"]);
    assert_eq!(unsure.status.code(), Some(1));
    assert!(text(&unsure.stderr).contains("--yes"));
    assert_eq!(user(path, &["delete", "alice", "--yes"]), "alice is deleted\n");
    let gone = run(path, &["user", "show", "alice"]);
    assert_eq!(text(&gone.stderr), "crossauth: there is no account \"alice\"\n");
}

#[test]
fn account_that_cannot_be_decoded_is_logged_out_disabled_and_deleted() {
    let server = start(&[]);
    let path = server.directory();
    for name in ["alice", "bob"] {
        assert!(add(path, &[name]).status.success());
        assert_eq!(log_in(&server, name, PASSWORD), 200);
    }
    let database = rusqlite::Connection::open(path.join("crossauth-data/crossauth.db")).unwrap();
    let damage = "UPDATE crossauth_users SET email = x'ff' WHERE username = 'alice'";
    database.execute_batch(damage).unwrap();
    assert_eq!(log_in(&server, "alice", PASSWORD), 401);
    let wrong =
        post_json(&server, "/api/login", r#"{"username":"bob","password":"Wrong-horse-7"}"#);
    let right = format!(r#"{{"username":"alice","password":"{PASSWORD}"}}"#);
    let body = |response: &str| response.split_once("\r\n\r\n").unwrap().1.to_owned();
    assert_eq!(body(&post_json(&server, "/api/login", &right)), body(&wrong));
    assert!(server.log().contains("cannot decode an account"), "{}", server.log());

    let shown = run(path, &["user", "show", "alice"]);
    assert_eq!(shown.status.code(), Some(1));
    let stderr = text(&shown.stderr);
    assert!(stderr.contains("email") && stderr.contains("end-sessions"), "{stderr}");
    assert_eq!(user(path, &["sessions", "alice"]).lines().count(), 2);
    assert_eq!(user(path, &["end-sessions", "alice"]), "alice has no sessions any more\n");
    assert_eq!(user(path, &["sessions", "alice"]), "");
    for _ in 0..2 {
        assert_eq!(user(path, &["disable", "alice"]), "alice is disabled\n");
    }
    let state = "SELECT state FROM crossauth_users WHERE username = 'alice'";
    let state: String = database.query_row(state, [], |row| row.get(0)).unwrap();
    assert_eq!(state, "disabled");
    assert_eq!(user(path, &["delete", "alice", "--yes"]), "alice is deleted\n");
    let gone = run(path, &["user", "delete", "alice", "--yes"]);
    assert_eq!(text(&gone.stderr), "crossauth: there is no account \"alice\"\n");
    assert_eq!(log_in(&server, "bob", PASSWORD), 200);
}

#[test]
fn revocation_and_list_do_not_pass_over_an_account_that_cannot_be_decoded() {
    let server = start(&[]);
    let path = server.directory();
    for name in ["alice", "bob"] {
        assert!(add(path, &[name]).status.success());
        assert_eq!(log_in(&server, name, PASSWORD), 200);
        assert_eq!(user(path, &["sessions", name]).lines().count(), 2);
    }
    let database = rusqlite::Connection::open(path.join("crossauth-data/crossauth.db")).unwrap();
    let damage = "UPDATE crossauth_users SET email = x'ff' WHERE username = 'alice'";
    database.execute_batch(damage).unwrap();
    let listed = run(path, &["user", "list"]);
    let expected = "the row of the account 'alice' cannot be decoded\n";
    assert!(text(&listed.stderr).contains(expected), "{}", text(&listed.stderr));
    let revoked = user(path, &["revoke-all"]);
    assert_eq!(revoked, "accounts whose sessions, links and known devices ended: 2\n");
    for name in ["alice", "bob"] {
        assert_eq!(user(path, &["sessions", name]), "");
    }
}

#[test]
fn repeated_command_succeeds_and_reports_no_change() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    assert!(add(path, &["alice"]).status.success());
    assert!(add(path, &["root", "--admin"]).status.success());
    for (command, first, again) in [
        ("disable", "is disabled", "is disabled already"),
        ("enable", "is enabled", "is enabled already"),
        ("make-admin", "is an administrator", "is an administrator already"),
        ("revoke-admin", "is an ordinary user", "is an ordinary user already"),
    ] {
        assert_eq!(user(path, &[command, "alice"]), format!("alice {first}\n"));
        assert_eq!(user(path, &[command, "alice"]), format!("alice {again}\n"));
    }
    for command in
        [&["revoke-admin", "root"][..], &["disable", "root"], &["delete", "root", "--yes"]]
    {
        let refused = run(path, &[&["user"], command].concat());
        assert_eq!(refused.status.code(), Some(1), "{command:?}");
        assert!(text(&refused.stderr).contains("last administrator"), "{command:?}");
    }
}

#[test]
fn sessions_are_listed_and_ended() {
    let server = start(&[]);
    let path = server.directory();
    assert!(add(path, &["alice"]).status.success());
    let none = run(path, &["user", "sessions", "alice"]);
    assert_eq!(text(&none.stderr), "alice has no sessions\n");
    assert_eq!(log_in(&server, "alice", PASSWORD), 200);
    assert_eq!(log_in(&server, "alice", PASSWORD), 200);
    let listed = user(path, &["sessions", "alice"]);
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert!(listed.starts_with("CREATED"), "{listed}");
    let id = listed.lines().nth(1).unwrap().split_whitespace().nth(4).unwrap().to_owned();
    assert_eq!(user(path, &["end-session", "alice", &id]), "alice has one session less\n");
    assert_eq!(user(path, &["sessions", "alice"]).lines().count(), 2);
    let again = run(path, &["user", "end-session", "alice", &id]);
    assert!(text(&again.stderr).contains("no session with this id"), "{}", text(&again.stderr));
    for unknown in [format!("-{}", &id[1..]), format!("--{}", &id[2..])] {
        let refused = run(path, &["user", "end-session", "alice", &unknown]);
        let stderr = text(&refused.stderr);
        assert!(stderr.contains("no session with this id"), "{unknown}: {stderr}");
    }
    assert_eq!(user(path, &["end-sessions", "alice"]), "alice has no sessions any more\n");
    assert_eq!(user(path, &["sessions", "alice"]), "");
}
