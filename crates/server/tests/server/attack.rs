//! Attacks on the process, its files and its log, by their number in the list of attacks.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::time::Duration;

use crossauth_core::clock::{Clock as _, SystemClock};
use crossauth_core::crypto::TotpSecret;
use crossauth_testkit::server::{Server, read_to_end, status, wait_until};
use serde_json::{Value, json};

use crate::account::{PASSWORD, post_json};
use crate::connection::KeepAlive;
use crate::process::{crossauth, run_with_input, start};

#[test]
fn x12_metrics_profiles_and_descriptions_are_not_public() {
    let server = start(&[]);
    assert_eq!(server.status("/login"), 200);
    for path in [
        "/metrics",
        "/debug/pprof/",
        "/debug/vars",
        "/actuator/env",
        "/swagger",
        "/swagger-ui/index.html",
        "/openapi.json",
        "/docs",
        "/graphql",
        "/dev/outbox",
        "/server-status",
        "/.env",
        "/crossauth-data/secret",
        "/crossauth-data/crossauth.db",
    ] {
        assert_eq!(server.status(path), 404, "{path}");
    }
}

#[test]
fn g3_text_of_a_request_is_one_escaped_line_of_the_log() {
    for format in ["text", "json"] {
        let settings =
            [format!("log.format={format}"), "log.level=trace".into(), "log.access=true".into()];
        let arguments: Vec<_> = settings.iter().flat_map(|set| ["--set", set]).collect();
        let mut server = start(&arguments);
        let forged = "eve\\r\\nERROR forged-line\\u001b[31m\\\",\\\"forged\\\":\\\"1";
        for path in ["/api/login", "/api/signup", "/api/requestpasswordreset"] {
            let body = format!(
                r#"{{"username":"{forged}","password":"{PASSWORD}","email":"{forged}","factor2":"{forged}"}}"#
            );
            assert!((400..500).contains(&status(&post_json(&server, path, &body))), "{path}");
        }
        for target in ["/%0d%0aforged-line", "/%1b%5b31m", "/a%22%2c%22forged%22:%221", "/\u{e4}"] {
            let get = format!(
                "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                 User-Agent: \u{1b}[31m\",\"forged\":\"1\r\nX-Forwarded-For: \"forged\r\n\r\n"
            );
            server.exchange(get.as_bytes());
        }
        server.stop();
        let log = server.log();
        assert!(!log.contains('\u{1b}'), "{log}");
        assert!(log.contains("request handled"), "{log}");
        for line in log.lines() {
            if format == "json" {
                let event: Value = serde_json::from_str(line).unwrap();
                assert_eq!(event.get("forged"), None, "{line}");
            } else {
                let begins = line.get(..2).is_some_and(|year| year == "20");
                assert!(begins, "{line:?} does not begin with a time: {log}");
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn g6_secrets_are_neither_on_the_command_line_nor_in_core_dumps() {
    // With core dumps enabled as far as this machine allows it.
    let shell = ["/bin/sh", "-c", "ulimit -S -c $(ulimit -H -c); exec \"$0\" \"$@\""];
    let server = crossauth().launcher(&shell);
    let server = server.variable("CROSSAUTH_SECRET", "canary-canary-canary-canary").start();
    let arguments = ["user", "add", "alice", "--password-stdin"];
    let added = run_with_input(server.directory(), &arguments, &format!("{PASSWORD}\n"));
    assert!(added.status.success());
    let process = |name| format!("/proc/{}/{name}", server.process_id());
    let line = std::fs::read(process("cmdline")).unwrap();
    assert!(!String::from_utf8_lossy(&line).contains("canary"));
    let limits = std::fs::read_to_string(process("limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
}

#[test]
fn g7_errors_show_a_request_id_and_nothing_of_the_program() {
    let server = start(&["--set", "limits.body=1KiB"]);
    let long = "y".repeat(70_000);
    for (request, expected) in [
        ("GET /nothing HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n".to_owned(), 404),
        ("GET /api/nothing HTTP/1.1\r\nHost: localhost\r\n".to_owned(), 404),
        ("DELETE /login HTTP/1.1\r\nHost: localhost\r\n".to_owned(), 405),
        ("GET /setup?token=x HTTP/1.1\r\nHost: localhost\r\n".to_owned(), 401),
        ("GET /live HTTP/1.1\r\nHost: a b\r\n".to_owned(), 400),
        (format!("GET /live HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n"), 431),
        ("POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1025\r\n".to_owned(), 413),
        ("POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n".to_owned(), 401),
    ] {
        let response = server.exchange(format!("{request}Connection: close\r\n\r\n").as_bytes());
        assert_eq!(status(&response), expected, "{request:.60}");
        let told = response.to_lowercase();
        // What hyper refuses itself has no id.
        assert!(told.contains("\r\nx-request-id: ") || expected == 431, "{response}");
        let version = env!("CARGO_PKG_VERSION");
        for secret in
            ["hyper", "axum", "rust", ".rs:", "panic", "sqlite", "select ", "/root", "/home"]
        {
            assert!(!told.contains(secret), "{secret}: {response}");
        }
        assert!(!told.contains("\r\nserver:") && !told.contains("x-powered-by"), "{response}");
        assert!(!told.contains(&format!("crossauth {version}")), "{response}");
    }
}

#[test]
fn i10_persistent_half_closed_and_expecting_clients_are_served() {
    let server = start(&[]);
    let get = b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut connection = KeepAlive::new(&server);
    for _ in 0..10_000 {
        assert_eq!(status(&connection.exchange(get)), 200);
    }
    // The client sends no more, but reads.
    let mut half = server.connect();
    half.write_all(get).unwrap();
    half.shutdown(Shutdown::Write).unwrap();
    assert_eq!(status(&read_to_end(&mut half)), 200);
    let mut expecting = server.connect();
    let head = "POST /api/login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    expecting.write_all(head.as_bytes()).unwrap();
    let mut interim = [0; 25];
    expecting.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    expecting.write_all(b"{}").unwrap();
    assert!((400..500).contains(&status(&read_to_end(&mut expecting))));
    assert_eq!(server.status("/live"), 200);
}

/// A client that keeps cookies.
struct Client<'a> {
    server: &'a Server,
    cookies: BTreeMap<String, String>,
}

impl Client<'_> {
    /// Sends JSON with a token, or requests a page where there is none. The body of the response.
    fn call(&mut self, path: &str, body: Option<&Value>) -> String {
        let token = body.map(|_| {
            let token = self.call("/api/getcsrftoken", None);
            let token: Value = serde_json::from_str(&token).unwrap();
            token["csrfToken"].as_str().unwrap().to_owned()
        });
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, it)| format!("{name}={it}")).collect();
        let (method, body) = match body {
            Some(body) => ("POST", body.to_string()),
            None => ("GET", String::new()),
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Cookie: {}\r\nX-CROSSAUTH-CSRF: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            cookies.join("; "),
            token.unwrap_or_default(),
            body.len(),
        );
        let response = self.server.exchange(request.as_bytes());
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        for line in head.lines() {
            if let Some((name, cookie)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("set-cookie")
            {
                let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        assert_eq!(status(&response), 200, "{path}: {response}");
        body.to_owned()
    }

    fn post(&mut self, path: &str, body: &Value) -> Value {
        serde_json::from_str(&self.call(path, Some(body))).unwrap()
    }
}

/// What a user of the server knows, after a day with a second factor and a forgotten password.
pub(crate) fn secrets_of_a_user(server: &Server) -> Vec<String> {
    let arguments = ["user", "add", "alice", "--email", "alice@example.com", "--password-stdin"];
    let added = run_with_input(server.directory(), &arguments, &format!("{PASSWORD}\n"));
    assert!(added.status.success(), "{added:?}");
    let mut alice = Client { server, cookies: BTreeMap::new() };
    let login = json!({ "username": "alice", "password": PASSWORD });
    alice.post("/api/login", &login);
    let shown = alice.post("/api/changefactor2", &json!({ "factor2": "totp" }));
    let secret = shown["totpsecret"].as_str().unwrap().to_owned();
    let phone = TotpSecret::parse(&secret).unwrap();
    let code = json!({ "otp": phone.code(SystemClock.now()) });
    let done = alice.post("/api/configurefactor2", &code);
    let mut other = Client { server, cookies: BTreeMap::new() };
    other.post("/api/login", &login);
    // The code of the next step, which no clock turns into that of an earlier one.
    let code = phone.code(SystemClock.now() + Duration::from_secs(30));
    other.post("/api/loginfactor2", &json!({ "otp": code, "remember_device": true }));
    other.post("/api/logout", &json!({}));
    other.post("/api/login", &login);
    let mut visitor = Client { server, cookies: BTreeMap::new() };
    visitor.post("/api/requestpasswordreset", &json!({ "email": "alice@example.com" }));
    let mut link = String::new();
    wait_until("a link is sent", || {
        let page = visitor.call("/dev/outbox", None);
        let found = page.split_once("/resetpassword/").and_then(|(_, rest)| {
            rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').next()
        });
        found.unwrap_or_default().clone_into(&mut link);
        found.is_some()
    });
    let codes = done["recoveryCodes"].as_array().unwrap();
    let codes = codes.iter().map(|code| code.as_str().unwrap().to_owned());
    let mut secrets: Vec<_> = codes.collect();
    secrets.extend(secrets.clone().iter().map(|code| code.replace('-', "")));
    secrets.extend([secret, link, PASSWORD.to_owned()]);
    for client in [&alice, &other, &visitor] {
        let parts = client.cookies.values().flat_map(|cookie| cookie.split('.'));
        secrets.extend(parts.filter(|part| !part.is_empty()).map(str::to_owned));
    }
    secrets
}

#[test]
fn g1_secrets_of_a_user_are_in_neither_log_nor_metrics() {
    let settings = ["log.level=trace", "log.access=true", "metrics.listen=127.0.0.1:0"];
    let arguments = settings.map(|setting| ["--set", setting]).concat();
    let mut server = crossauth().argument("--dev").arguments(&arguments).start();
    let secrets = secrets_of_a_user(&server);
    assert!(secrets.len() >= 30, "{}", secrets.len());
    let metrics = crate::metrics::metrics(crate::metrics::address(&server));
    server.stop();
    let log = server.log();
    // The control: what is no secret is there.
    assert!(log.contains("logged in") && log.contains("/api/configurefactor2"), "{log}");
    assert!(metrics.contains("crossauth_http_requests_total"), "{metrics}");
    // In development, messages are shown in the log instead of being sent.
    let is_message = |line: &&str| line.contains("because of development mode");
    assert!(log.lines().any(|line| is_message(&line)), "{log}");
    let log: String = log.lines().filter(|line| !is_message(line)).collect();
    for secret in &secrets {
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
        assert!(!metrics.contains(secret), "{secret} is in the metrics");
    }
}

#[test]
fn s13_r7_m14_m17_a_copy_of_the_database_has_nothing_that_can_be_used() {
    let mut server = crossauth().argument("--dev").start();
    let secrets = secrets_of_a_user(&server);
    assert!(secrets.len() >= 30, "{}", secrets.len());
    let data = server.directory().join("crossauth-data");
    let mut copies = 0;
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("crossauth.db") || bytes.is_empty() {
            continue;
        }
        copies += 1;
        let text = String::from_utf8_lossy(&bytes);
        for secret in &secrets {
            assert!(!text.contains(secret), "{secret} is in {name}");
        }
    }
    // The control: what is no secret is there.
    assert!(copies >= 1);
    server.stop();
    let bytes = std::fs::read(data.join("crossauth.db")).unwrap();
    assert!(String::from_utf8_lossy(&bytes).contains("alice@example.com"));
}
