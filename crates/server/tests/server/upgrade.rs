//! Upgrades and roll-backs: an earlier and a later schema, on each engine.

#[cfg(feature = "mysql")]
use crossauth_testkit::mysql;
#[cfg(feature = "postgres")]
use crossauth_testkit::postgres;
use crossauth_testkit::server::Program;
use serde_json::json;

use crate::account::{PASSWORD, log_in, post_json, sign_up};
use crate::process::crossauth;

/// The database of a server, and how a test changes its schema.
struct Database<'a> {
    url: Option<String>,
    execute: &'a dyn Fn(&std::path::Path, &str),
    /// What undoes the third version of the accounts. `None` where it was part of the first.
    drop_index: Option<&'a str>,
}

impl Database<'_> {
    fn program(&self, arguments: &[&str]) -> Program {
        let program = crossauth().arguments(arguments);
        match &self.url {
            Some(url) => program.variable("CROSSAUTH_DATABASE_URL", url),
            None => program,
        }
    }

    fn walk_through(&self) {
        let server = self.program(&[]).start();
        assert_eq!(sign_up(&server, "alice"), 200);
        let body = json!({ "username": "alice", "password": PASSWORD }).to_string();
        let response = post_json(&server, "/api/login", &body);
        let cookie = response.split("SESSIONID=").nth(1).unwrap().split(';').next().unwrap();
        let request = format!(
            "GET /api/userforsessionkey HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Cookie: SESSIONID={cookie}\r\n\r\n"
        );
        let directory = server.into_directory();

        // The schema of the version before. The session survives the upgrade.
        if let Some(drop_index) = self.drop_index {
            (self.execute)(directory.path(), drop_index);
            let previous = "DELETE FROM crossauth_schema WHERE tables = 'accounts' AND version = 3";
            (self.execute)(directory.path(), previous);
            let check = self.program(&["migrate", "--check"]).run_in(directory.path());
            assert_eq!(check.status.code(), Some(3), "{}", String::from_utf8_lossy(&check.stderr));
        }
        let mut server = self.program(&[]).start_in(directory);
        let is_logged_in = |response: String| response.contains("\"username\":\"alice\"");
        assert!(is_logged_in(server.exchange(request.as_bytes())));

        // The next version migrates while this one runs: it goes on, as migrations only add.
        for statement in [
            "ALTER TABLE crossauth_users ADD COLUMN of_the_next_version INTEGER",
            "CREATE TABLE crossauth_next_version (id INTEGER NOT NULL)",
            "INSERT INTO crossauth_schema (tables, version) VALUES ('accounts', 99)",
        ] {
            (self.execute)(server.directory(), statement);
        }
        assert!(is_logged_in(server.exchange(request.as_bytes())));
        assert_eq!(sign_up(&server, "bob"), 200);
        assert_eq!(log_in(&server, "bob", PASSWORD), 200);
        assert_eq!(server.status("/ready"), 200);

        // It does not start any more, and says why.
        server.stop();
        for arguments in [&["--listen", "0"][..], &["migrate"], &["user", "list"]] {
            let refused = self.program(arguments).run_in(server.directory());
            let stderr = String::from_utf8(refused.stderr).unwrap();
            assert_eq!(refused.status.code(), Some(1), "{arguments:?}: {stderr}");
            assert!(stderr.contains("has schema version 99, but this program"), "{stderr}");
        }
        let refused = self.program(&["config", "check", "--connect"]).run_in(server.directory());
        assert_eq!(refused.status.code(), Some(2));
        let printed = [refused.stdout, refused.stderr].concat();
        assert!(String::from_utf8(printed).unwrap().contains("has schema version 99"));
    }
}

#[test]
fn sqlite_is_upgraded_under_a_session_and_not_used_by_an_older_version() {
    let execute = |directory: &std::path::Path, statement: &str| {
        let path = directory.join("crossauth-data/crossauth.db");
        let database = rusqlite::Connection::open(path).unwrap();
        database.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
        database.execute_batch(statement).unwrap();
    };
    let drop_index = Some("DROP INDEX crossauth_users_by_state");
    Database { url: None, execute: &execute, drop_index }.walk_through();
}

#[cfg(feature = "postgres")]
#[test]
fn postgresql_is_upgraded_under_a_session_and_not_used_by_an_older_version() {
    let url = postgres::server().empty_schema();
    let execute = |_: &std::path::Path, statement: &str| {
        postgres::server().execute(&url, statement);
    };
    let drop_index = Some("DROP INDEX crossauth_users_by_state");
    Database { url: Some(url.clone()), execute: &execute, drop_index }.walk_through();
}

#[cfg(feature = "mysql")]
#[test]
fn mariadb_is_upgraded_under_a_session_and_not_used_by_an_older_version() {
    let url = mysql::server().empty_database();
    let execute = |_: &std::path::Path, statement: &str| mysql::server().execute(&url, statement);
    Database { url: Some(url.clone()), execute: &execute, drop_index: None }.walk_through();
}
