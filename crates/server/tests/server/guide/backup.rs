//! `docs/how-to/backup.md`: its commands, run beside a server that is in use.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

#[cfg(feature = "mysql")]
use crossauth_testkit::mysql;
#[cfg(feature = "postgres")]
use crossauth_testkit::postgres;
use crossauth_testkit::server::{Program, Server, status};
use serde_json::json;

use super::{replace, snippets, succeed};
use crate::account::{PASSWORD, log_in, post_json, sign_up};
use crate::process::crossauth;

/// The snippets of the guide, in their order.
fn commands() -> [String; 7] {
    snippets("backup.md", "sh").try_into().unwrap()
}

/// A database engine, and what differs in the commands on the machine of the test.
struct Engine {
    back_up: String,
    restore: String,
    /// What the shell runs first.
    environment: String,
    /// The name of the database and of the restored one, in the place of `crossauth`.
    names: Option<[String; 2]>,
    /// The URLs of both; `None` for a file.
    urls: Option<[String; 2]>,
}

impl Engine {
    /// Runs the commands of the guide, with the directories and databases of a test.
    fn run(&self, script: &str, data: &Path, backups: &Path) {
        let script = replace(script, "/var/lib/crossauth", data.to_str().unwrap());
        let mut script = replace(&script, "/var/backups", backups.to_str().unwrap());
        if let Some([name, restored]) = &self.names {
            script = script.replace("crossauth_restored", restored);
            script = script.replace(" crossauth\n", &format!(" {name}\n"));
            script = script.replace(" crossauth >", &format!(" {name} >"));
        }
        let script = format!("{}\n{script}", self.environment);
        succeed(Command::new("sh").args(["-e", "-c", &script]));
    }

    /// The program, on the database or on the restored one.
    fn program(&self, restored: bool, arguments: &[&str]) -> Program {
        let program = crossauth().arguments(arguments).arguments(&[
            "--set",
            "api_keys.scopes=read",
            "--set",
            "api_keys.enabled=true",
            "--set",
            "limits.signups_per_address=off",
        ]);
        match &self.urls {
            Some(urls) => program.variable("CROSSAUTH_DATABASE_URL", &urls[usize::from(restored)]),
            None => program,
        }
    }

    /// Takes a backup of a server in use, restores it, and starts a server on it.
    fn walk_through(&self) {
        let backups = tempfile::tempdir().unwrap();
        let server = self.program(false, &[]).start();
        let data = server.directory().join("crossauth-data");
        assert_eq!(sign_up(&server, "before"), 200);
        let session = session_of(&server);
        let key = self.create_key(&server);
        assert!(is_logged_in(&server, &session) && is_valid(&server, &key));
        let back_up = || self.run(&self.back_up, &data, backups.path());
        let in_between = while_users_sign_up(&server, back_up);
        assert_eq!(sign_up(&server, "after"), 200);
        self.succeed(&server, false, &["user", "end-sessions", "before"]);
        self.succeed(&server, false, &["user", "revoke-all", "--keys"]);
        assert!(!is_logged_in(&server, &session) && !is_valid(&server, &key));
        let secret = fs::read(data.join("secret")).unwrap();
        let directory = server.into_directory();
        fs::write(data.join("secret"), "another secret, which the backup replaces").unwrap();
        self.run(&self.restore, &data, backups.path());
        assert_eq!(fs::read(data.join("secret")).unwrap(), secret);

        let server = self.program(true, &[]).start_in(directory);
        assert_eq!(server.status("/ready"), 200);
        assert_eq!(log_in(&server, "before", PASSWORD), 200);
        assert_eq!(log_in(&server, "after", PASSWORD), 401);
        for name in in_between {
            // Each account is either there, with its password, or not.
            assert!([200, 401].contains(&log_in(&server, &name, PASSWORD)), "{name}");
        }
        // As the guide says: what was revoked after the backup is valid, until it is revoked again.
        assert!(is_logged_in(&server, &session) && is_valid(&server, &key));
        let revoke = commands()[6].trim().to_owned();
        let revoke: Vec<&str> = revoke.split_whitespace().skip(1).collect();
        self.succeed(&server, true, &revoke);
        assert!(!is_logged_in(&server, &session) && !is_valid(&server, &key));
        assert_eq!(log_in(&server, "before", PASSWORD), 200);
        assert_eq!(sign_up(&server, "later"), 200);
        let verified = self.succeed(&server, true, &["audit", "verify"]);
        assert!(verified.contains("events"), "{verified}");
    }

    fn succeed(&self, server: &Server, restored: bool, arguments: &[&str]) -> String {
        let output = self.program(restored, arguments).run_in(server.directory());
        let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{arguments:?}: {printed}");
        printed
    }

    fn create_key(&self, server: &Server) -> String {
        let arguments = ["user", "create-key", "before", "job", "--scope", "read"];
        let output = self.program(false, &arguments).run_in(server.directory());
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{stderr}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

/// The session cookie of a login.
fn session_of(server: &Server) -> String {
    let body = json!({ "username": "before", "password": PASSWORD }).to_string();
    let response = post_json(server, "/api/login", &body);
    let cookie = response.split("SESSIONID=").nth(1).unwrap_or_else(|| panic!("{response}"));
    format!("SESSIONID={}", cookie.split(';').next().unwrap())
}

fn get(server: &Server, path: &str, header: &str) -> String {
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n\r\n");
    server.exchange(request.as_bytes())
}

fn is_logged_in(server: &Server, cookie: &str) -> bool {
    let response = get(server, "/api/userforsessionkey", &format!("Cookie: {cookie}"));
    response.contains("\"username\":\"before\"")
}

/// Whether an API key is accepted, at an endpoint where none is needed.
fn is_valid(server: &Server, key: &str) -> bool {
    let response = get(server, "/api/getcsrftoken", &format!("Authorization: ApiKey {key}"));
    match status(&response) {
        200 => true,
        401 => false,
        other => panic!("{other}: {response}"),
    }
}

/// Does something while users sign up, of whom at least one has signed up before it begins and one
/// while it runs or afterwards. Returns their names.
fn while_users_sign_up(server: &Server, work: impl FnOnce() + Send) -> Vec<String> {
    let mut names = Vec::new();
    let mut sign_up_next = || {
        let name = format!("between{}", names.len());
        assert_eq!(sign_up(server, &name), 200, "{name}");
        names.push(name);
    };
    sign_up_next();
    thread::scope(|scope| {
        let working = scope.spawn(work);
        loop {
            let is_last = working.is_finished();
            sign_up_next();
            if is_last {
                break;
            }
        }
        working.join().unwrap();
    });
    names
}

#[test]
fn backup_of_a_running_server_restores_it() {
    let [back_up, restore, ..] = commands();
    let environment = String::new();
    Engine { back_up, restore, environment, names: None, urls: None }.walk_through();
}

#[cfg(feature = "postgres")]
#[test]
fn dump_of_postgresql_restores_a_running_server() {
    let server = postgres::server();
    let (name, url) = server.empty_database();
    let restored = format!("{name}_restored");
    let [_, _, back_up, restore, ..] = commands();
    let urls = Some([url, server.address_of(&restored)]);
    let environment = server.environment();
    Engine { back_up, restore, environment, names: Some([name, restored]), urls }.walk_through();
}

#[cfg(feature = "mysql")]
#[test]
fn dump_of_mariadb_restores_a_running_server() {
    let server = mysql::server();
    let url = server.empty_database();
    let name = url.rsplit('/').next().unwrap();
    let name = url.split('?').next().unwrap_or(name).rsplit('/').next().unwrap().to_owned();
    let restored = format!("{name}_restored");
    let [_, _, _, _, back_up, restore, _] = commands();
    let urls = Some([url, server.url("root", &restored)]);
    let environment = server.environment();
    Engine { back_up, restore, environment, names: Some([name, restored]), urls }.walk_through();
}

/// The reason for the warning of the guide.
#[test]
fn copy_of_the_database_file_alone_lacks_recent_changes() {
    let server = crate::process::start(&[]);
    assert_eq!(sign_up(&server, "recent"), 200);
    let copy = server.directory().join("copy.db");
    fs::copy(server.directory().join("crossauth-data/crossauth.db"), &copy).unwrap();
    let copy = rusqlite::Connection::open(&copy).unwrap();
    let users = copy.query_row("SELECT count(*) FROM crossauth_users", [], |row| row.get(0));
    assert!(!users.is_ok_and(|users: i64| users == 1));
}
