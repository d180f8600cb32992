//! E-mail to aiosmtpd.

use std::time::Duration;

use crossauth_core::clock::Timestamp;
use crossauth_core::outbox::{Mail, MailTransport as _, SendError};
use crossauth_core::secret::Password;
use crossauth_mail::{Credentials, Sender, SetupError, Smtp, SmtpConfig, SmtpTls};
use crossauth_testkit::authority::Authority;
use crossauth_testkit::mail::{Behaviour, SmtpEncryption, SmtpOptions, SmtpServer};

const ACCOUNT: &str = "mailer:s3cr3t of the account";

fn config(port: u16, tls: SmtpTls) -> SmtpConfig {
    let from: Sender = "Nörthwind <noreply@northwind.example>".parse().unwrap();
    SmtpConfig { port, tls, ..SmtpConfig::new("localhost", from) }
}

fn account(password: &str) -> Credentials {
    Credentials::new("mailer", Password::new(password))
}

fn mail() -> Mail {
    Mail {
        message_id: "AbC-_123".into(),
        date: Timestamp::from_secs(1_767_225_600),
        to: "ada@example.com".into(),
        subject: "Your code".into(),
        text: "Your code is 123456\n".into(),
        html: Some("<p>Your code is <b>123456</b></p>".into()),
    }
}

async fn send(config: SmtpConfig) -> Result<(), SendError> {
    Smtp::new(config).unwrap().send(&mail()).await
}

fn temporary(outcome: Result<(), SendError>) -> String {
    let Err(SendError::Temporary(text)) = outcome else { panic!("{outcome:?}") };
    text
}

#[tokio::test]
async fn mail_arrives_unencrypted_where_that_is_configured() {
    let server = SmtpServer::start(SmtpOptions::default());
    send(config(server.port(), SmtpTls::None)).await.unwrap();
    let received = server.next();
    assert!(!received.encrypted);
    assert_eq!(received.from, "noreply@northwind.example");
    assert_eq!(received.to, ["ada@example.com"]);
    assert_eq!(received.header("Message-ID"), ["<AbC-_123@northwind.example>"]);
    assert_eq!(received.header("Date"), ["Thu, 01 Jan 2026 00:00:00 +0000"]);
    assert_eq!(received.header("Auto-Submitted"), ["auto-generated"]);
    assert_eq!(received.header("Subject"), ["Your code"]);
    assert!(received.header("From")[0].ends_with("<noreply@northwind.example>"));
    assert!(received.header("Content-Type")[0].starts_with("multipart/alternative"));
    let body = received.body();
    assert!(body.contains("Your code is 123456") && body.contains("<b>123456</b>"), "{body}");
}

#[tokio::test]
async fn mail_arrives_by_starttls_with_an_account() {
    let authority = Authority::new();
    let server = SmtpServer::start(SmtpOptions {
        tls: SmtpEncryption::StartTls(&authority),
        account: Some(ACCOUNT),
        ..SmtpOptions::default()
    });
    for tls in [SmtpTls::StartTls, SmtpTls::ByPort] {
        let authorities = Some(std::fs::read(authority.certificate()).unwrap());
        let credentials = Some(account("s3cr3t of the account"));
        let config = SmtpConfig { authorities, credentials, ..config(server.port(), tls) };
        send(config).await.unwrap();
        let received = server.next();
        assert!(received.encrypted);
        assert_eq!(received.account.as_deref(), Some("mailer"));
    }
}

#[tokio::test]
async fn mail_arrives_by_implicit_tls() {
    let authority = Authority::new();
    let tls = SmtpEncryption::Implicit(&authority);
    let server = SmtpServer::start(SmtpOptions { tls, ..SmtpOptions::default() });
    let authorities = Some(std::fs::read(authority.certificate()).unwrap());
    let config = SmtpConfig { authorities, ..config(server.port(), SmtpTls::Implicit) };
    send(config).await.unwrap();
    assert!(server.next().header("Subject") == ["Your code"]);
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let authority = Authority::new();
    let other = Authority::new();
    for (encryption, tls) in [
        (SmtpEncryption::StartTls(&authority), SmtpTls::StartTls),
        (SmtpEncryption::Implicit(&authority), SmtpTls::Implicit),
    ] {
        let server = SmtpServer::start(SmtpOptions { tls: encryption, ..SmtpOptions::default() });
        for authorities in [None, Some(std::fs::read(other.certificate()).unwrap())] {
            let credentials = Some(account("s3cr3t of the account"));
            let config = SmtpConfig { authorities, credentials, ..config(server.port(), tls) };
            let text = temporary(send(config).await);
            assert!(text.contains("certificate"), "{text}");
        }
        assert_eq!(server.stop(), 0);
    }
}

#[tokio::test]
async fn a_server_without_starttls_gets_neither_mail_nor_password() {
    let options = SmtpOptions { account: Some(ACCOUNT), ..SmtpOptions::default() };
    let server = SmtpServer::start(options);
    let credentials = Some(account("s3cr3t of the account"));
    let text = temporary(
        send(SmtpConfig { credentials, ..config(server.port(), SmtpTls::StartTls) }).await,
    );
    assert!(!text.contains("s3cr3t"), "{text}");
    assert_eq!(server.stop(), 0);
}

#[tokio::test]
async fn g1_a_refused_account_is_temporary_and_its_password_is_not_repeated() {
    let options = SmtpOptions { account: Some(ACCOUNT), ..SmtpOptions::default() };
    let server = SmtpServer::start(options);
    let credentials = Some(account("wr0ng password"));
    let config = SmtpConfig { credentials, ..config(server.port(), SmtpTls::None) };
    assert!(!format!("{config:?}").contains("wr0ng"));
    let smtp = Smtp::new(config).unwrap();
    assert!(!format!("{smtp:?}").contains("wr0ng"));
    let text = temporary(smtp.send(&mail()).await);
    assert_eq!(text, "535 the server refuses the account");
}

#[tokio::test]
async fn a_refusal_with_4xx_is_temporary_and_one_with_5xx_permanent() {
    let busy = SmtpOptions { behaviour: Behaviour::Busy, ..SmtpOptions::default() };
    let server = SmtpServer::start(busy);
    let text = temporary(send(config(server.port(), SmtpTls::None)).await);
    assert!(text.starts_with("451") && text.contains("busy"), "{text}");
    let refuses = SmtpOptions { behaviour: Behaviour::Refuses, ..SmtpOptions::default() };
    let server = SmtpServer::start(refuses);
    let outcome = send(config(server.port(), SmtpTls::None)).await;
    let Err(SendError::Permanent(text)) = outcome else { panic!("{outcome:?}") };
    assert!(text.starts_with("550") && text.contains("no such user"), "{text}");
}

#[tokio::test]
async fn a_server_that_is_down_is_temporary() {
    let server = SmtpServer::start(SmtpOptions::default());
    let port = server.port();
    server.stop();
    temporary(send(config(port, SmtpTls::None)).await);
    let again = SmtpServer::start(SmtpOptions { port, ..SmtpOptions::default() });
    send(config(port, SmtpTls::None)).await.unwrap();
    again.next();
}

#[tokio::test]
async fn a_server_that_does_not_answer_does_not_hold_the_attempt_after_it_is_dropped() {
    let silent = SmtpOptions { behaviour: Behaviour::Silent, ..SmtpOptions::default() };
    let server = SmtpServer::start(silent);
    let attempt = send(config(server.port(), SmtpTls::None));
    let outcome = tokio::time::timeout(Duration::from_millis(500), attempt).await;
    assert!(outcome.is_err(), "{outcome:?}");
    assert_eq!(server.stop(), 0);
}

#[tokio::test]
async fn r15_text_changes_no_header_and_ends_no_message() {
    let server = SmtpServer::start(SmtpOptions::default());
    let smtp = Smtp::new(config(server.port(), SmtpTls::None)).unwrap();
    let hostile = "Hi\r\n.\r\nMAIL FROM:<eve@evil.example>\r\n..\r\n.dot\r\nend";
    let mail = Mail {
        subject: "Hi\r\nBcc: eve@evil.example\r\n\r\nBody".into(),
        text: hostile.into(),
        html: None,
        ..mail()
    };
    smtp.send(&mail).await.unwrap();
    let received = server.next();
    assert_eq!(received.to, ["ada@example.com"]);
    assert_eq!(received.header("Bcc"), [""; 0]);
    let lines: Vec<_> = received.body().split("\r\n").collect();
    assert!(lines.starts_with(&["Hi", ".", "MAIL FROM:<eve@evil.example>", "..", ".dot", "end"]));
    assert_eq!(server.stop(), 0, "it was one message");
}

#[tokio::test]
async fn r15_an_address_with_a_line_break_is_refused_for_good() {
    let server = SmtpServer::start(SmtpOptions::default());
    let smtp = Smtp::new(config(server.port(), SmtpTls::None)).unwrap();
    for to in [
        "ada@example.com\r\nRCPT TO:<eve@evil.example>",
        "ada@example.com\nBcc: eve@evil.example",
        "ada@example.com, eve@evil.example",
        "ada",
        "",
    ] {
        let outcome = smtp.send(&Mail { to: to.into(), ..mail() }).await;
        assert!(matches!(outcome, Err(SendError::Permanent(_))), "{to:?}: {outcome:?}");
    }
    smtp.send(&mail()).await.unwrap();
    assert_eq!(server.next().to, ["ada@example.com"]);
}

#[test]
fn senders_and_authorities_are_checked() {
    for wrong in ["", "noreply", "a@b.example\r\nBcc: x@y.example", "a@b.example, c@d.example"] {
        assert_eq!(wrong.parse::<Sender>(), Err(SetupError::Sender), "{wrong:?}");
    }
    for wrong in ["", "not PEM", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"] {
        let authorities = Some(wrong.as_bytes().to_vec());
        let config = SmtpConfig { authorities, ..config(1, SmtpTls::StartTls) };
        Smtp::new(config).unwrap_err();
    }
}
