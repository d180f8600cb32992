//! Connections that are not encrypted, or not with the right server.

use crossauth_core::directory::{Directory as _, DirectoryErrorKind, EntryRef};
use crossauth_core::secret::Password;
use crossauth_storage_ldap::Options;
use crossauth_testkit::authority::Authority;
use crossauth_testkit::ldap::{Action, Answer, Encryption, Operation, Server};
use crossauth_testkit::slapd::directory::PASSWORD;
use crossauth_testkit::slapd::server;

use crate::site::{certificate, hasty, kind, log_in, patient, proper, searching, trusting, verify};

#[tokio::test]
async fn start_tls_and_tls_from_the_beginning_log_in() {
    for url in [server().url(), server().tls_url()] {
        let options = Options { urls: vec![url], ..trusting(server()) };
        log_in(&options.open().unwrap(), "alice").await;
    }
    // The name of the certificate, too.
    for url in [server().url(), server().tls_url()] {
        let url = url.replace("127.0.0.1", "localhost");
        let options = Options { urls: vec![url], ..trusting(server()) };
        log_in(&options.open().unwrap(), "alice").await;
    }
}

#[tokio::test]
async fn certificate_of_another_host_is_refused() {
    for url in server().other_urls() {
        let options = Options { urls: vec![url.clone()], ..trusting(server()) };
        let directory = options.open().unwrap();
        let error = verify(&directory, "alice", PASSWORD).await.unwrap_err();
        assert_eq!(error.kind, DirectoryErrorKind::Certificate, "{url}: {error}");
        let found = directory.find(&[EntryRef::named("alice")]).await;
        assert_eq!(kind(found), DirectoryErrorKind::Certificate);
    }
}

#[tokio::test]
async fn certificate_of_an_unknown_authority_is_refused() {
    let stranger = Authority::new();
    for url in [server().url(), server().tls_url()] {
        for ca in [Some(certificate(&stranger)), None] {
            let options = Options { urls: vec![url.clone()], ca, ..trusting(server()) };
            // Without authorities in the operating system, the options may be refused.
            let Ok(directory) = options.open() else { continue };
            let error = verify(&directory, "alice", PASSWORD).await.unwrap_err();
            assert_eq!(error.kind, DirectoryErrorKind::Certificate, "{url}: {error}");
        }
    }
}

#[tokio::test]
async fn certificate_that_has_expired_is_refused() {
    for (authority, is_valid) in [(Authority::new(), true), (Authority::expired(), false)] {
        let server = Server::start(Encryption::Implicit(&authority), proper);
        let options = Options { ca: Some(certificate(&authority)), ..patient(vec![server.url()]) };
        let directory = options.open().unwrap();
        if is_valid {
            log_in(&directory, "alice").await;
        } else {
            let error = verify(&directory, "alice", PASSWORD).await.unwrap_err();
            assert_eq!(error.kind, DirectoryErrorKind::Certificate);
            assert!(error.message.contains("Expired"), "{error}");
            assert_eq!(server.binds(), [""; 0]);
        }
    }
}

/// A server that offers no TLS, or from whose answers an attacker removed it.
#[tokio::test]
async fn nothing_secret_is_sent_if_tls_does_not_start() {
    let authority = Authority::new();
    let with_tls =
        Server::start(Encryption::StartTls(&authority), |request| match request.operation {
            Operation::StartTls => vec![Answer::result(request, 0, "").into(), Action::StartTls],
            _ => proper(request),
        });
    let options = |url: String| Options {
        start_tls: true,
        ca: Some(certificate(&authority)),
        ..patient(vec![url])
    };
    log_in(&options(with_tls.url()).open().unwrap(), "alice").await;
    let requests = with_tls.requests();
    assert!(
        requests
            .iter()
            .all(|request| { request.is_encrypted != (request.operation == Operation::StartTls) })
    );
    for code in [1, 2, 12, 52, 53, 80] {
        let stripped = Server::start(Encryption::None, move |request| match request.operation {
            Operation::StartTls => vec![Answer::result(request, code, "no TLS").into()],
            _ => proper(request),
        });
        let verified = verify(&options(stripped.url()).open().unwrap(), "alice", PASSWORD).await;
        assert_eq!(kind(verified), DirectoryErrorKind::Certificate, "{code}");
        assert_eq!(stripped.binds(), [""; 0]);
    }
}

/// Answers that an attacker put in front of the TLS handshake.
#[tokio::test]
async fn octets_before_the_handshake_are_not_answers() {
    let authority = Authority::new();
    let server = Server::start(Encryption::StartTls(&authority), |request| {
        let mut octets = Answer::result(request, 0, "").encode();
        match request.operation {
            Operation::StartTls => {
                for ahead in 1..10 {
                    let bind = Answer::result(request, 0, "").with_id(request.id + ahead);
                    octets.extend(bind.with_tag(0x61).encode());
                }
                vec![Action::Send(octets), Action::StartTls]
            }
            Operation::Bind { .. } => vec![Answer::result(request, 49, "").into()],
            _ => proper(request),
        }
    });
    let ca = Some(certificate(&authority));
    let options = Options { start_tls: true, ca, ..patient(vec![server.url()]) };
    verify(&options.open().unwrap(), "alice", "wrong").await.unwrap_err();
}

#[tokio::test]
async fn server_that_speaks_no_tls_is_an_error() {
    let server = Server::start(Encryption::None, proper);
    let url = server.url().replace("ldap:", "ldaps:");
    let options = Options { ca: Some(certificate(&Authority::new())), ..hasty(vec![url]) };
    verify(&options.open().unwrap(), "alice", PASSWORD).await.unwrap_err();
    assert_eq!(server.binds(), [""; 0]);
}

#[tokio::test]
async fn plain_connections_are_for_the_loopback_interface() {
    for host in ["127.0.0.1", "127.0.0.2", "[::1]", "localhost"] {
        let options = Options { start_tls: false, ..searching(vec![format!("ldap://{host}")]) };
        assert!(options.open().is_ok(), "{host}");
    }
    for host in [
        "ldap.example.org",
        "192.0.2.1",
        "[2001:db8::1]",
        "localhost.example.org",
        "127.0.0.1.example.org",
        "0.0.0.0",
        "[::]",
    ] {
        let plain = Options { start_tls: false, ..searching(vec![format!("ldap://{host}")]) };
        assert!(plain.open().is_err(), "{host}");
        let ca = Some(certificate(&Authority::new()));
        let encrypted = Options { ca, ..searching(vec![format!("ldap://{host}")]) };
        assert!(encrypted.open().is_ok(), "{host}");
    }
}

#[tokio::test]
async fn errors_and_debug_contain_no_password() {
    let server = Server::start(Encryption::None, |request| {
        let text = format!("{:?}", request.operation);
        vec![Answer::result(request, 80, &text).into()]
    });
    let options = patient(vec![server.url()]);
    let secret = crossauth_testkit::slapd::directory::SERVICE_PASSWORD;
    assert!(!format!("{options:?}").contains(secret));
    let directory = options.open().unwrap();
    assert!(!format!("{directory:?}").contains(secret));
    // A server that quotes what it was sent.
    let error =
        directory.verify(EntryRef::named("alice"), &Password::new(PASSWORD)).await.unwrap_err();
    assert!(!error.to_string().contains(PASSWORD), "{error}");
    assert!(!error.to_string().contains(secret), "{error}");
}
