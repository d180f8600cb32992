//! Messages of the server: sent once, whatever happens to the mail server or to ours.

mod outage;

use std::path::Path;
use std::sync::Arc;

use crossauth_core::clock::SystemClock;
use crossauth_core::message::{MessageKind, Messages, Recipient};
use crossauth_core::random::SystemRandom;
use crossauth_core::secret::ServerSecret;
use crossauth_testkit::authority::Authority;
use crossauth_testkit::mail::{Behaviour, Gateway, SmtpEncryption, SmtpOptions, SmtpServer};
use crossauth_testkit::server::{Program, Server, Signal, wait_until};
use serde_json::{Map, Value, json};

use crate::process::{crossauth, run};

const SECRET: &str = "a secret of tests, known to all";
const TOKEN: &str = "t0ken-t0ken-t0ken";

fn program(port: u16) -> Program {
    encrypted(port).variable("CROSSAUTH_SMTP_USE_TLS", "false")
}

fn encrypted(port: u16) -> Program {
    crossauth()
        .variable("CROSSAUTH_SECRET", SECRET)
        .variable("CROSSAUTH_LOG_LEVEL", "trace")
        .variable("CROSSAUTH_EMAIL_FROM", "Northwind <noreply@northwind.example>")
        .variable("CROSSAUTH_SMTP_HOST", "localhost")
        .variable("CROSSAUTH_SMTP_PORT", &port.to_string())
}

/// Stores a message as a process of ours does that shares the database. Returns its id.
async fn enqueue(directory: &Path, kind: MessageKind, to: Recipient) -> String {
    let secret = ServerSecret::new(SECRET).unwrap();
    let messages = Messages::new(&secret, Arc::new(SystemClock), Arc::new(SystemRandom)).unwrap();
    let variables =
        [("token", TOKEN), ("otp", "271828")].map(|(name, value)| (name.to_owned(), json!(value)));
    let message = messages.compose(kind, to, None, Map::from_iter(variables)).unwrap();
    let file = directory.join("crossauth-data/crossauth.db");
    let database = crossauth_storage_sql::sqlite::open(file).await.unwrap();
    database.storage().outbox.enqueue(std::slice::from_ref(&message)).await.unwrap();
    database.close().await;
    message.id
}

async fn enqueue_reset(server: &Server) -> String {
    let to = Recipient::Email("ada@example.com".into());
    enqueue(server.directory(), MessageKind::PasswordReset, to).await
}

/// The messages that wait or were given up.
fn list(directory: &Path, arguments: &[&str]) -> Vec<Value> {
    let output = run(directory, &[&["outbox", "list", "--json"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let stdout = String::from_utf8(output.stdout).unwrap();
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn wait_for_error(directory: &Path, arguments: &[&str], text: &str) -> Value {
    let mut found = Value::Null;
    wait_until(text, || {
        let messages = list(directory, arguments);
        found = messages.first().cloned().unwrap_or_default();
        found["error"].as_str().is_some_and(|error| error.contains(text))
    });
    found
}

fn assert_sent_once(smtp: SmtpServer, server: &Server, id: &str) {
    let received = smtp.next();
    assert_eq!(received.header("Message-ID"), [format!("<{id}@northwind.example>")]);
    assert_eq!(received.to, ["ada@example.com"]);
    assert!(received.data.contains(&format!("resetpassword/{TOKEN}")), "{}", received.data);
    wait_until("the message is settled", || list(server.directory(), &[]).is_empty());
    assert_eq!(list(server.directory(), &["--dead"]), [Value::Null; 0]);
    assert_eq!(smtp.stop(), 0, "it was sent once");
    assert!(!server.log().contains(TOKEN), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_sent_by_starttls_with_an_account() {
    let authority = Authority::new();
    let smtp = SmtpServer::start(SmtpOptions {
        tls: SmtpEncryption::StartTls(&authority),
        account: Some("mailer:s3cr3t"),
        ..SmtpOptions::default()
    });
    let server = encrypted(smtp.port())
        .variable("CROSSAUTH_MAIL_SMTP_CA", authority.certificate().to_str().unwrap())
        .variable("CROSSAUTH_SMTP_USERNAME", "mailer")
        .variable("CROSSAUTH_SMTP_PASSWORD", "s3cr3t")
        .variable("CROSSAUTH_SMTP_USE_TLS", "true")
        .start();
    let id = enqueue_reset(&server).await;
    assert_sent_once(smtp, &server, &id);
    assert!(!server.log().contains("s3cr3t"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_waits_for_a_mail_server_that_is_down_also_across_a_restart() {
    let smtp = SmtpServer::start(SmtpOptions::default());
    let port = smtp.port();
    smtp.stop();
    let mut server = program(port).start();
    let id = enqueue_reset(&server).await;
    let waiting = wait_for_error(server.directory(), &[], "");
    assert_eq!((&waiting["id"], &waiting["kind"]), (&json!(id), &json!("password_reset")));
    assert_eq!(waiting["attempts"], json!(1));
    server.restart();
    let smtp = SmtpServer::start(SmtpOptions { port, ..SmtpOptions::default() });
    let output = run(server.directory(), &["outbox", "retry", "--waiting"]);
    assert!(output.status.success());
    assert_sent_once(smtp, &server, &id);
    let output = run(server.directory(), &["outbox", "retry", &id]);
    assert!(!output.status.success(), "it is not there any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_server_is_asked_again_and_a_refusal_is_final() {
    let busy = SmtpOptions { behaviour: Behaviour::Busy, ..SmtpOptions::default() };
    let smtp = SmtpServer::start(busy);
    let port = smtp.port();
    let server = program(port).start();
    let id = enqueue_reset(&server).await;
    wait_for_error(server.directory(), &[], "451 ");
    smtp.stop();
    let refuses = SmtpOptions { behaviour: Behaviour::Refuses, port, ..SmtpOptions::default() };
    let smtp = SmtpServer::start(refuses);
    run(server.directory(), &["outbox", "retry", &id]);
    let dead = wait_for_error(server.directory(), &["--dead"], "550 ");
    let error = dead["error"].as_str().unwrap();
    assert!(!error.contains("ada@example.com"), "{error}");
    smtp.stop();
    let smtp = SmtpServer::start(SmtpOptions { port, ..SmtpOptions::default() });
    let output = run(server.directory(), &["outbox", "retry", "--dead"]);
    assert!(output.status.success());
    assert_sent_once(smtp, &server, &id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_being_sent_at_kill_9_is_sent_after_its_lease() {
    let silent = SmtpOptions { behaviour: Behaviour::Silent, ..SmtpOptions::default() };
    let smtp = SmtpServer::start(silent);
    let port = smtp.port();
    let mut server = program(port).start();
    let id = enqueue_reset(&server).await;
    wait_until("the attempt begins", || list(server.directory(), &[])[0]["attempts"] == json!(1));
    server.signal(Signal::KILL);
    server.wait();
    assert_eq!(smtp.stop(), 0);
    let file = server.directory().join("crossauth-data/crossauth.db");
    let database = rusqlite::Connection::open(file).unwrap();
    let leased = "UPDATE crossauth_outbox SET lease = 0 WHERE lease > 0";
    assert_eq!(database.execute(leased, []).unwrap(), 1, "as if five minutes had passed");
    drop(database);
    let smtp = SmtpServer::start(SmtpOptions { port, ..SmtpOptions::default() });
    server.resume();
    assert_sent_once(smtp, &server, &id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_mail_server_delays_no_answer_and_the_message_is_sent_after_a_restart() {
    let silent = SmtpOptions { behaviour: Behaviour::Silent, ..SmtpOptions::default() };
    let smtp = SmtpServer::start(silent);
    let port = smtp.port();
    let mut server = program(port).start();
    let id = enqueue_reset(&server).await;
    wait_until("the attempt begins", || list(server.directory(), &[])[0]["attempts"] == json!(1));
    assert_eq!(server.status("/login"), 200);
    server.stop();
    let kept = list(server.directory(), &[]);
    assert_eq!((kept.len(), &kept[0]["error"]), (1, &json!("the process was stopped")));
    assert_eq!(smtp.stop(), 0);
    let smtp = SmtpServer::start(SmtpOptions { port, ..SmtpOptions::default() });
    // At once, and not only after the lease of five minutes.
    server.resume();
    assert_sent_once(smtp, &server, &id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_message_is_sent_after_the_gateway_is_back() {
    let gateway = Gateway::start();
    gateway.answer(503, r#"{"code": 20503, "message": "Service unavailable"}"#);
    let server = program(1)
        .variable("CROSSAUTH_SMS_AUTHENTICATOR_FROM", "+15005550006")
        .variable("TWILIO_ACCOUNT_SID", "AC123")
        .variable("TWILIO_AUTH_TOKEN", "s3cr3t")
        .variable("CROSSAUTH_SMS_TWILIO_URL", &gateway.url())
        .start();
    let to = Recipient::Phone("+43123456789".into());
    enqueue(server.directory(), MessageKind::LoginCode, to).await;
    wait_for_error(server.directory(), &[], "20503 Service unavailable");
    run(server.directory(), &["outbox", "retry", "--waiting"]);
    wait_until("the message is settled", || list(server.directory(), &[]).is_empty());
    let requests = gateway.requests();
    assert_eq!(requests.len(), 2);
    let body = ("Body".to_owned(), "271828 is your code for Crossauth".to_owned());
    assert!(requests.iter().all(|request| request.form.contains(&body)), "{requests:?}");
    let log = server.log();
    assert!(!log.contains("271828") && !log.contains("s3cr3t") && !log.contains("+4312"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn development_shows_messages_instead_of_sending_them() {
    let smtp = SmtpServer::start(SmtpOptions::default());
    let server = program(smtp.port()).argument("--dev").start();
    enqueue_reset(&server).await;
    wait_until("the message is settled", || list(server.directory(), &[]).is_empty());
    let request = b"GET /dev/outbox HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let page = server.exchange(request);
    assert!(page.contains(&format!("resetpassword/{TOKEN}\"")), "{page}");
    assert!(server.log().contains(TOKEN), "the log shows it, too");
    assert_eq!(smtp.stop(), 0);
}

#[test]
fn a_half_configured_mail_server_is_reported_by_config_check() {
    let directory = tempfile::tempdir().unwrap();
    let output = crossauth()
        .arguments(&["config", "check"])
        .variable("CROSSAUTH_SMTP_HOST", "localhost")
        .variable("CROSSAUTH_SMS_FROM", "+1")
        .run_in(directory.path());
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    for expected in ["mail.from", "sms.twilio_account_sid", "sms.twilio_auth_token"] {
        assert!(stderr.contains(expected), "{stderr}");
    }
}
