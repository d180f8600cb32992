//! `crossauth doctor` beside a server that runs.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use crossauth_core::clock::{Clock as _, SystemClock};
use crossauth_core::key::Key;
use crossauth_testkit::mail::{Behaviour, SmtpOptions, SmtpServer};
use crossauth_testkit::server::Server;

use crate::process::{crossauth, run, start};

/// The exit code and the findings for the public URL of `server`.
fn examine(server: &Server, directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let url = format!("base_url=http://{}", server.address());
    let output = run(directory, &[&["doctor", "--set", &url], arguments].concat());
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// The findings that are problems.
fn problems(findings: &str) -> Vec<&str> {
    findings.lines().filter_map(|line| line.strip_prefix("PROBLEM  ")).collect()
}

#[test]
fn login_through_the_public_url_works_and_leaves_no_account() {
    let server = start(&[]);
    let (code, findings) = examine(&server, server.directory(), &[]);
    assert_eq!((code, problems(&findings)), (Some(0), vec![]), "{findings}");
    for told in [
        "a login through it works; the server saw it come from 127.0.0.1",
        "the session cookie arrives with the attributes that protect it",
        "the tables of the database are those of this version",
        "the database takes writes",
        "only their owner has access",
        "MiB are free",
        "no session began later",
    ] {
        assert!(findings.contains(told), "{told}: {findings}");
    }
    let users = run(server.directory(), &["user", "list"]);
    assert!(!String::from_utf8(users.stdout).unwrap().contains("doctor"));
    let (code, findings) = examine(&server, server.directory(), &["--no-login"]);
    assert!(code == Some(0) && !findings.contains("a login"), "{findings}");
    assert!(findings.contains("leads to a Crossauth"), "{findings}");
}

#[test]
fn url_that_leads_elsewhere_is_a_problem() {
    let (mut server, other) = (start(&[]), start(&[]));
    let (code, findings) = examine(&other, server.directory(), &[]);
    assert_eq!((code, problems(&findings).len()), (Some(1), 1), "{findings}");
    assert!(findings.contains("it has another database"), "{findings}");
    server.stop();
    let (code, findings) = examine(&server, server.directory(), &[]);
    assert_eq!((code, problems(&findings).len()), (Some(1), 1), "{findings}");
    assert!(findings.contains("cannot be reached (does the server run"), "{findings}");
    let prefix = ["--set", "prefix=/elsewhere/"];
    let (code, findings) = examine(&other, other.directory(), &prefix);
    assert_eq!(code, Some(1), "{findings}");
    assert!(problems(&findings)[0].contains("answers 404"), "{findings}");
}

#[test]
fn files_that_others_can_read_are_a_problem_with_a_remedy() {
    let server = start(&[]);
    let data = server.directory().join("crossauth-data");
    for (name, mode, private) in [("", 0o755, 0o700), ("secret", 0o604, 0o600)] {
        let path = data.join(name);
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let (code, findings) = examine(&server, server.directory(), &["--no-login"]);
        assert_eq!((code, problems(&findings).len()), (Some(1), 1), "{findings}");
        assert!(problems(&findings)[0].contains(&format!("chmod {private:03o} ")), "{findings}");
        fs::set_permissions(&path, Permissions::from_mode(private)).unwrap();
    }
    let file = server.directory().join("settings.toml");
    fs::write(&file, "secret = \"canary-canary-canary\"\n").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let arguments = ["--no-login", "--config", "settings.toml"];
    let (code, findings) = examine(&server, server.directory(), &arguments);
    assert_eq!(code, Some(1), "{findings}");
    assert!(problems(&findings)[0].contains("settings.toml has mode 644"), "{findings}");
    assert!(!findings.contains("canary"), "{findings}");
}

#[tokio::test]
async fn sessions_from_the_future_are_a_problem_of_the_clock() {
    let server = start(&[]);
    let file = server.directory().join("crossauth-data/crossauth.db");
    let database = crossauth_storage_sql::sqlite::open(file).await.unwrap();
    let tomorrow = SystemClock.now() + Duration::from_hours(24);
    database.storage().keys.insert(&Key::new("s:future", None, tomorrow)).await.unwrap();
    database.close().await;
    let (code, findings) = examine(&server, server.directory(), &["--no-login"]);
    assert_eq!((code, problems(&findings).len()), (Some(1), 1), "{findings}");
    assert!(findings.contains("there are sessions that began later"), "{findings}");
}

#[test]
fn test_message_is_sent_on_request() {
    let server = start(&[]);
    let url = format!("base_url=http://{}", server.address());
    let mail = SmtpServer::start(SmtpOptions::default());
    let doctor = |port: u16| {
        let arguments = ["doctor", "--no-login", "--mail", "ada@example.com", "--set", &url];
        let program = crossauth()
            .variable("CROSSAUTH_EMAIL_FROM", "Northwind <noreply@northwind.example>")
            .variable("CROSSAUTH_SMTP_HOST", "localhost")
            .variable("CROSSAUTH_SMTP_PORT", &port.to_string())
            .variable("CROSSAUTH_SMTP_USE_TLS", "false");
        let output = program.arguments(&arguments).run_in(server.directory());
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, findings) = doctor(mail.port());
    assert_eq!(code, Some(0), "{findings}");
    let received = mail.next();
    assert!(received.body().contains("test of crossauth doctor"), "{}", received.body());
    assert!(findings.contains("has accepted a message to ada@example.com"), "{findings}");
    let refusing = SmtpOptions { behaviour: Behaviour::Refuses, ..SmtpOptions::default() };
    let (code, findings) = doctor(SmtpServer::start(refusing).port());
    assert_eq!(code, Some(1), "{findings}");
    assert!(problems(&findings)[0].starts_with("no message can be sent: "), "{findings}");
}
