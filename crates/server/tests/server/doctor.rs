//! `crossauth doctor` beside a server that runs.

use std::fs::{self, Permissions};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use crossauth_core::clock::{Clock as _, SystemClock};
use crossauth_core::key::Key;
use crossauth_testkit::mail::{Behaviour, SmtpOptions, SmtpServer};
use crossauth_testkit::server::{Program, Server, Signal, TIME_LIMIT};
use rustix::process::{Pid, kill_process};

use crate::process::{crossauth, run, run_with_input, start};

/// The exit code and the findings for the public URL of `server`.
fn examine(server: &Server, directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    examine_by(crossauth(), server, directory, arguments)
}

fn examine_by(
    program: Program,
    server: &Server,
    directory: &Path,
    arguments: &[&str],
) -> (Option<i32>, String) {
    let url = format!("base_url=http://{}", server.address());
    let doctor = program.arguments(&["doctor", "--set", &url]).arguments(arguments);
    let output = doctor.run_in(directory);
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

/// A proxy for `server` that forwards the first request and does not respond to others. Returns its
/// address, and what reports the arrival of the second request.
fn stalling_proxy(server: &Server) -> (SocketAddr, Receiver<()>) {
    let (listener, upstream) = (TcpListener::bind("127.0.0.1:0").unwrap(), server.address());
    let address = listener.local_addr().unwrap();
    let (sender, arrived) = channel();
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut server = TcpStream::connect(upstream).unwrap();
        let mut response = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let answer = thread::spawn(move || io::copy(&mut response.0, &mut response.1));
        // Ends when the client closes its connection.
        let _ = io::copy(&mut client, &mut server);
        let _ = server.shutdown(Shutdown::Both);
        let _ = answer.join();
        let _second = listener.accept().unwrap();
        sender.send(()).unwrap();
        thread::park();
    });
    (address, arrived)
}

/// A doctor whose login stalls.
fn stalled_doctor(server: &Server) -> Child {
    let (address, arrived) = stalling_proxy(server);
    let url = format!("base_url=http://{address}");
    let mut doctor = crossauth().arguments(&["doctor", "--set", &url]).command(server.directory());
    let doctor = doctor.stdout(Stdio::piped()).spawn().unwrap();
    arrived.recv_timeout(TIME_LIMIT).unwrap();
    assert!(users(server).contains("doctor-"));
    doctor
}

fn users(server: &Server) -> String {
    String::from_utf8(run(server.directory(), &["user", "list"]).stdout).unwrap()
}

#[test]
fn account_of_the_doctor_is_deleted_when_the_site_stalls_or_the_doctor_is_stopped() {
    let server = start(&[]);
    for (signal, problem) in [
        (Some(Signal::INT), "the login was interrupted"),
        (Some(Signal::TERM), "the login was interrupted"),
        (None, "the login failed: no response within 10 seconds"),
    ] {
        let doctor = stalled_doctor(&server);
        if let Some(signal) = signal {
            kill_process(Pid::from_child(&doctor), signal).unwrap();
        }
        let output = doctor.wait_with_output().unwrap();
        let findings = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{findings}");
        assert_eq!(problems(&findings), [problem], "{findings}");
        assert!(!users(&server).contains("doctor-"), "{signal:?}");
    }
}

#[test]
fn account_that_a_killed_doctor_left_behind_is_deleted_by_a_later_run() {
    let server = start(&[]);
    let own = ["user", "add", "doctor-who-0123456789abcdef", "--password-stdin"];
    let added = run_with_input(server.directory(), &own, "Correct-Horse-7");
    assert!(added.status.success(), "{added:?}");
    let mut doctor = stalled_doctor(&server);
    doctor.kill().unwrap();
    doctor.wait().unwrap();
    // It may be of a run that is not at its end.
    let (code, findings) = examine(&server, server.directory(), &["--no-login"]);
    assert!(code == Some(0) && !findings.contains("deleted"), "{findings}");
    assert_eq!(users(&server).matches("doctor-").count(), 2);
    let file = server.directory().join("crossauth-data/crossauth.db");
    let database = rusqlite::Connection::open(file).unwrap();
    database.execute_batch("UPDATE crossauth_users SET created = created - 600000").unwrap();
    let (code, findings) = examine(&server, server.directory(), &["--no-login"]);
    assert!(code == Some(0) && findings.contains("deleted doctor-"), "{findings}");
    let left = users(&server);
    assert!(left.matches("doctor-").count() == 1 && left.contains("doctor-who-"), "{left}");
}

#[test]
fn url_that_leads_elsewhere_is_a_problem() {
    let program = || crossauth().variable("CROSSAUTH_SECRET", "the secret of two servers");
    let (mut server, other, same_secret) = (program().start(), start(&[]), program().start());
    for (leads_to, problem) in [
        (&other, "the server behind the public URL has another secret"),
        (&same_secret, "it has another database"),
    ] {
        let (code, findings) = examine_by(program(), leads_to, server.directory(), &[]);
        assert_eq!((code, problems(&findings).len()), (Some(1), 1), "{findings}");
        assert!(problems(&findings)[0].contains(problem), "{findings}");
        let audit = run(leads_to.directory(), &["audit", "list"]);
        let told = String::from_utf8(audit.stdout).unwrap();
        // The password of the account is not sent to a server with another secret.
        assert_eq!(told.contains("login.failed"), problem.contains("database"), "{told}");
    }
    server.stop();
    let (code, findings) = examine_by(program(), &server, server.directory(), &[]);
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
