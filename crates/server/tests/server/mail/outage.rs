//! Sign-up and password reset while the mail server fails, to the links in the e-mail.

use std::collections::BTreeSet;

use crossauth_testkit::authority::Authority;
use crossauth_testkit::mail::{Behaviour, SmtpEncryption, SmtpOptions, SmtpServer};
use crossauth_testkit::server::{Server, Signal, wait_until};
use serde_json::{Value, json};

use super::{encrypted, list, program};
use crate::account::{PASSWORD, log_in, post_json};
use crate::process::run;

const ADDRESS: &str = "ada@example.com";

/// The status and the JSON of a response to a form.
fn post(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let response = post_json(server, path, &body.to_string());
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

fn sign_up(server: &Server) {
    let form = json!({
        "username": "ada", "user_email": ADDRESS,
        "password": PASSWORD, "repeat_password": PASSWORD,
    });
    let (status, body) = post(server, "/api/signup", &form);
    assert_eq!((status, &body["emailVerificationNeeded"]), (200, &json!(true)), "{body}");
}

/// Asks for a link to reset a password; returns the response without the address.
fn request_reset(server: &Server, address: &str) -> (u16, Value) {
    let (status, mut body) = post(server, "/api/requestpasswordreset", &json!({"email": address}));
    assert_eq!(body["email"].take(), address);
    (status, body)
}

/// Waits until each of two messages was tried in vain.
fn wait_for_failures(server: &Server) {
    wait_until("two messages could not be sent", || {
        let waiting = list(server.directory(), &[]);
        waiting.iter().filter(|message| message["error"].is_string()).count() == 2
    });
}

/// Sends what waits, and reads two e-mails with a link each: one to verify the address, one to reset
/// the password. Returns their tokens.
fn receive(server: &Server, smtp: SmtpServer) -> [String; 2] {
    assert!(run(server.directory(), &["outbox", "retry", "--waiting"]).status.success());
    let received = [smtp.next(), smtp.next()];
    let ids: BTreeSet<_> = received.iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!(ids.len(), 2);
    wait_until("the messages are settled", || list(server.directory(), &[]).is_empty());
    assert_eq!(smtp.stop(), 0, "each was sent once");
    ["verifyemail", "resetpassword"].map(|path| {
        let link = |data: &str| Some(data.split_once(&format!("/{path}/"))?.1[..22].to_owned());
        received.iter().find_map(|mail| link(&mail.data)).unwrap()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_as_usual_while_the_mail_server_is_down_and_links_arrive_once_after_kill_9() {
    let smtp = SmtpServer::start(SmtpOptions::default());
    let port = smtp.port();
    smtp.stop();
    let mut server = program(port).variable("CROSSAUTH_USER_EDITABLE_FIELDS", "email").start();
    sign_up(&server);
    assert_eq!(log_in(&server, "ada", PASSWORD), 403);
    let known = request_reset(&server, ADDRESS);
    assert_eq!(known.0, 200);
    assert_eq!(known, request_reset(&server, "eve@example.com"));
    wait_for_failures(&server);
    server.signal(Signal::KILL);
    server.wait();

    let smtp = SmtpServer::start(SmtpOptions { port, ..SmtpOptions::default() });
    server.resume();
    let [verification, reset] = receive(&server, smtp);
    let (status, body) = post(&server, "/api/verifyemail", &json!({"token": verification}));
    assert_eq!(status, 200, "{body}");
    let new = "Another-Horse-8";
    let form = json!({"token": reset, "new_password": new, "repeat_password": new});
    for expected in [200, 401] {
        let (status, body) = post(&server, "/api/resetpassword", &form);
        assert_eq!(status, expected, "{body}");
    }
    assert_eq!(log_in(&server, "ada", new), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_mail_server_gets_each_message_once() {
    let slow = SmtpOptions { behaviour: Behaviour::Slow, ..SmtpOptions::default() };
    let smtp = SmtpServer::start(slow);
    let server = program(smtp.port()).variable("CROSSAUTH_USER_EDITABLE_FIELDS", "email").start();
    sign_up(&server);
    assert_eq!(request_reset(&server, ADDRESS), request_reset(&server, "eve@example.com"));
    receive(&server, smtp);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_with_a_bad_certificate_gets_nothing_until_it_has_a_good_one() {
    let (trusted, other) = (Authority::new(), Authority::new());
    let encrypted_by = |authority, port| {
        let tls = SmtpEncryption::StartTls(authority);
        SmtpServer::start(SmtpOptions { tls, port, ..SmtpOptions::default() })
    };
    let smtp = encrypted_by(&other, 0);
    let port = smtp.port();
    let server = encrypted(port)
        .variable("CROSSAUTH_USER_EDITABLE_FIELDS", "email")
        .variable("CROSSAUTH_MAIL_SMTP_CA", trusted.certificate().to_str().unwrap())
        .start();
    sign_up(&server);
    assert_eq!(request_reset(&server, ADDRESS), request_reset(&server, "eve@example.com"));
    wait_for_failures(&server);
    for waiting in list(server.directory(), &[]) {
        assert!(waiting["error"].as_str().unwrap().contains("certificate"), "{waiting}");
    }
    assert_eq!(smtp.stop(), 0);
    receive(&server, encrypted_by(&trusted, port));
}
