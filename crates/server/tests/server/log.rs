//! The log of the server.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use crossauth_testkit::server::{Server, TIME_LIMIT, read_to_end, status};

use crate::account::{PASSWORD, log_in, post_json};
use crate::process::{crossauth, run_with_input, start};

/// A process that ends with its test.
struct Guarded(Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn unread_log_does_not_delay_requests() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = crossauth().command(directory.path());
    command.args(["--listen", "127.0.0.1:0", "--set", "log.access=true"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut server = Guarded(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix("listening on http://").unwrap().to_owned();
    let get = |path: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(TIME_LIMIT)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .unwrap();
        status(&read_to_end(&mut stream))
    };
    // More than the buffers of the pipe and the server.
    let long = format!("/{}", "a".repeat(30_000));
    for _ in 0..80 {
        assert_eq!(get(&long), 404);
    }
    assert_eq!(get("/live"), 200);
    let mut output = BufReader::new(server.0.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("log lines were dropped") {
        line.clear();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "dropped lines are not reported");
    }
    let lost = line.rsplit_once("lost=").unwrap().1.trim_end();
    assert!(lost.parse::<u32>().unwrap() > 0, "{line}");
    assert_eq!(get("/live"), 200);
}

#[test]
fn listening_address_is_logged() {
    let mut server = start(&["--set", "log.format=json"]);
    server.stop();
    let log = server.log();
    let events: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let listening = events.iter().find(|event| event["message"] == "listening").unwrap();
    assert_eq!(listening["address"], server.address().to_string(), "{log}");
    assert_eq!(events.last().unwrap()["message"], "stopped", "{log}");
}

#[test]
fn failed_login_is_logged_with_the_address_of_the_client() {
    for format in ["text", "json"] {
        let mut server = start(&["--set", &format!("log.format={format}")]);
        let arguments = ["user", "add", "alice", "--password-stdin"];
        let added = run_with_input(server.directory(), &arguments, "Correct-horse-7\n");
        assert!(added.status.success());
        for name in ["alice", "unknown"] {
            assert_eq!(log_in(&server, name, "Wrong-horse-7"), 401);
        }
        assert_eq!(log_in(&server, "alice", "Correct-horse-7"), 200);
        server.stop();
        let log = server.log();
        let lines: Vec<_> = log.lines().filter(|line| line.contains("login failed")).collect();
        assert_eq!(lines.len(), 2, "{log}");
        for line in &lines {
            if format == "text" {
                assert!(line.ends_with(" client=127.0.0.1"), "{line}");
            } else {
                let event: serde_json::Value = serde_json::from_str(line).unwrap();
                assert_eq!(event["client"], "127.0.0.1", "{line}");
            }
        }
        // One spelling of the user, whether or not the login succeeded.
        let spelling = if format == "text" { " user=1" } else { r#""user":"1""# };
        let success = log.lines().find(|line| line.contains("logged in")).unwrap();
        assert!(lines[0].contains(spelling), "{}", lines[0]);
        assert!(success.contains(spelling), "{success}");
    }
}

#[test]
fn session_cookie_of_another_secret_is_reported_once() {
    let mut server = start(&[]);
    let form = format!(r#"{{"username":"bob","password":"{PASSWORD}"}}"#);
    let response = post_json(&server, "/api/signup", &form);
    let cookie = response.split_once("SESSIONID=").unwrap().1.split(';').next().unwrap();
    let page = |server: &Server| {
        let head = "GET /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
        server.exchange(format!("{head}Cookie: SESSIONID={cookie}\r\n\r\n").as_bytes())
    };
    assert_eq!(status(&page(&server)), 302);
    assert!(!server.log().contains("is not signed"), "{}", server.log());
    let secret = server.directory().join("crossauth-data/secret");
    std::fs::write(secret, "a secret in the place of the generated one").unwrap();
    server.restart();
    for _ in 0..3 {
        let page = page(&server);
        assert_eq!(status(&page), 200);
        assert!(!page.contains("SESSIONID"), "{page}");
    }
    server.stop();
    let log = server.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("is not signed")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    for told in ["WARN", "the secret was changed", "session.cookie_name", "cookie=\"SESSIONID\""] {
        assert!(lines[0].contains(told), "{told}: {log}");
    }
    assert!(!log.contains(cookie.split('.').next().unwrap()), "{log}");
}

#[test]
fn lines_of_a_request_have_the_pseudonym_of_its_user() {
    for format in ["text", "json"] {
        let mut server =
            start(&["--set", "log.access=true", "--set", &format!("log.format={format}")]);
        let form = format!(r#"{{"username":"bob","password":"{PASSWORD}"}}"#);
        let response = post_json(&server, "/api/signup", &form);
        let cookie = response.split_once("SESSIONID=").unwrap().1.split(';').next().unwrap();
        let get = |path: &str, cookie: &str| {
            let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
            let request = format!("{head}Cookie: SESSIONID={cookie}\r\n\r\n");
            status(&server.exchange(request.as_bytes()))
        };
        assert_eq!(get("/api/userforsessionkey", cookie), 200);
        assert_eq!(get("/api/sessions", cookie), 200);
        assert_eq!(get("/api/devices", "invalid"), 401);
        let shown = run_with_input(server.directory(), &["user", "show", "bob"], "").stdout;
        let shown = String::from_utf8(shown).unwrap();
        let hash = shown.lines().find_map(|line| line.strip_prefix("user_hash: ")).unwrap();
        assert!(hash.len() == 16 && hash.bytes().all(|it| it.is_ascii_hexdigit()), "{shown}");
        server.stop();
        let log = server.log();
        let field = if format == "text" {
            format!(" user_hash={hash}")
        } else {
            format!("\"user_hash\":\"{hash}\"")
        };
        for (path, has_user) in [
            ("/api/userforsessionkey", true),
            ("/api/sessions", true),
            ("/api/devices", false),
            ("/api/getcsrftoken", false),
        ] {
            let is_about = |line: &&str| line.contains(path) && line.contains("request handled");
            let line = log.lines().find(is_about).unwrap();
            assert_eq!(line.contains(&field), has_user, "{line}");
            assert_eq!(line.contains("user_hash"), has_user, "{line}");
            let begins = line.starts_with("{\"request\":\"");
            assert_eq!(begins, format == "json", "{line}");
            assert!(format == "text" || serde_json::from_str::<serde_json::Value>(line).is_ok());
        }
    }
}
