//! Servers that are away, slow, half open, or come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossauth_core::directory::{Directory as _, DirectoryErrorKind, EntryRef, Verified};
use crossauth_storage_ldap::{Bind, LdapDirectory, Options, Scope};
use crossauth_testkit::ldap::{Action, Answer, Encryption, Operation, Request, Server};
use crossauth_testkit::slapd::directory::{PASSWORD, SERVICE};
use crossauth_testkit::slapd::{self, server as openldap};

use crate::site::{ALICE, SHORT, hasty, kind, log_in, plain, proper, scripted, trusting, verify};

/// Much more than the limits of an attempt, with all of its connections.
const LONG: Duration = Duration::from_secs(30);

/// Whether a request is not answered.
type Chosen = fn(&Request) -> bool;

/// A URL at which no server is.
fn nowhere() -> String {
    let server = Server::start(Encryption::None, proper);
    server.url()
}

/// A proper server that does not answer to some requests.
fn silent(is_unanswered: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Server {
    Server::start(Encryption::None, move |request| {
        if is_unanswered(request) { vec![Action::Wait] } else { proper(request) }
    })
}

#[tokio::test]
async fn server_that_is_away_is_unreachable() {
    let directory = hasty(vec![nowhere(), nowhere()]).open().unwrap();
    let verified = verify(&directory, "alice", PASSWORD).await;
    assert_eq!(kind(verified), DirectoryErrorKind::Unreachable);
    let found = directory.find(&[EntryRef::named("alice")]).await;
    assert_eq!(kind(found), DirectoryErrorKind::Unreachable);
}

#[tokio::test]
async fn host_without_an_address_is_unreachable() {
    let ca = Some(crate::site::certificate(openldap().authority()));
    let options = Options { ca, ..hasty(vec!["ldaps://ldap.invalid".into()]) };
    let kind = kind(verify(&options.open().unwrap(), "alice", PASSWORD).await);
    assert!(matches!(kind, DirectoryErrorKind::Unreachable | DirectoryErrorKind::TimedOut));
}

/// Each of the steps of a login.
#[tokio::test]
async fn silent_server_is_an_error_in_limited_time() {
    let cases: [(&str, Chosen); 4] = [
        ("everything", |_| true),
        ("the bind of the service account", |request| request.is_bind(SERVICE)),
        ("the search", Request::is_search),
        ("the bind of the user", |request| request.is_bind(ALICE)),
    ];
    for (what, is_unanswered) in cases {
        let server = silent(is_unanswered);
        let began = Instant::now();
        let verified = verify(&scripted(&server), "alice", PASSWORD).await;
        assert_eq!(kind(verified), DirectoryErrorKind::TimedOut, "{what}");
        assert!(began.elapsed() < LONG, "{what}");
        assert!(server.requests().iter().any(is_unanswered), "{what}");
    }
}

/// Half open: the kernel accepts connections, and nothing answers, also to TLS.
#[tokio::test]
async fn frozen_server_is_an_error_in_limited_time_and_then_answers_again() {
    let server = slapd::Server::start();
    let options = |urls| Options {
        connect_timeout: SHORT,
        operation_timeout: SHORT,
        urls,
        ..trusting(&server)
    };
    let directories: Vec<LdapDirectory> =
        [server.url(), server.tls_url()].map(|url| options(vec![url]).open().unwrap()).into();
    for directory in &directories {
        log_in_soon(directory, "alice").await;
    }
    server.freeze();
    for directory in &directories {
        for _ in 0..2 {
            let began = Instant::now();
            let verified = verify(directory, "alice", PASSWORD).await;
            assert_eq!(kind(verified), DirectoryErrorKind::TimedOut);
            assert!(began.elapsed() < LONG);
        }
    }
    server.resume();
    for directory in &directories {
        log_in_soon(directory, "alice").await;
    }
}

/// Connections that the server closed while they were idle.
#[tokio::test]
async fn first_login_after_a_restart_of_the_server_succeeds() {
    let server = slapd::Server::start();
    let directory = Options { connections: 4, ..plain(&server) }.open().unwrap();
    let logins = || log_in_together(&directory, 4);
    logins().await;
    server.kill();
    let verified = verify(&directory, "alice", PASSWORD).await;
    assert_eq!(kind(verified), DirectoryErrorKind::Unreachable);
    server.resume();
    logins().await;
}

#[tokio::test]
async fn first_login_after_connections_were_broken_off_succeeds() {
    let server = Server::start(Encryption::None, proper);
    let directory = Options { connections: 4, ..crate::site::hasty(vec![server.url()]) };
    let directory = Options { operation_timeout: LONG, ..directory }.open().unwrap();
    log_in_together(&directory, 4).await;
    for _ in 0..3 {
        server.break_off();
        log_in_together(&directory, 4).await;
    }
}

/// A login uses the second server while the first one cannot be used for any reason.
#[tokio::test]
async fn another_server_is_used_while_the_first_is_away() {
    let second = Server::start(Encryption::None, proper);
    let firsts: [(&str, Option<Server>); 5] = [
        ("away", None),
        ("silent", Some(silent(|_| true))),
        ("closing", Some(Server::start(Encryption::None, |_| vec![Action::Close]))),
        (
            "busy",
            Some(Server::start(Encryption::None, |request| {
                vec![Answer::result(request, 51, "").into()]
            })),
        ),
        (
            "unavailable",
            Some(Server::start(Encryption::None, |request| {
                vec![Answer::result(request, 52, "").into()]
            })),
        ),
    ];
    for (what, first) in firsts {
        let url = first.as_ref().map_or_else(nowhere, Server::url);
        let directory = hasty(vec![url, second.url()]).open().unwrap();
        let before = second.requests().len();
        log_in_soon(&directory, "alice").await;
        assert!(second.requests().len() > before, "{what}");
    }
}

/// A wrong password is wrong, whatever another server would say.
#[tokio::test]
async fn another_server_is_not_asked_for_a_wrong_password() {
    let first = Server::start(Encryption::None, proper);
    let second =
        Server::start(Encryption::None, |request| vec![Answer::result(request, 0, "").into()]);
    let directory = hasty(vec![first.url(), second.url()]).open().unwrap();
    let verified = verify(&directory, "alice", "wrong").await.unwrap();
    assert_eq!(verified, Verified::Mismatch(None));
    assert_eq!(second.accepted(), 0);
}

/// A server with a wrong certificate is skipped, and trusted no more than before.
#[tokio::test]
async fn another_server_is_used_if_the_certificate_of_the_first_is_wrong() {
    let [_, wrong] = openldap().other_urls();
    let urls = vec![wrong.clone(), openldap().tls_url()];
    log_in(&Options { urls, ..trusting(openldap()) }.open().unwrap(), "alice").await;
    let directory = Options { urls: vec![wrong], ..trusting(openldap()) }.open().unwrap();
    assert_eq!(kind(verify(&directory, "alice", PASSWORD).await), DirectoryErrorKind::Certificate);
}

#[tokio::test]
async fn first_server_is_used_again_when_it_is_back() {
    let port = Server::start(Encryption::None, proper).port();
    let second = Server::start(Encryption::None, proper);
    let url = format!("ldap://127.0.0.1:{port}");
    let directory = hasty(vec![url, second.url()]).open().unwrap();
    log_in_soon(&directory, "alice").await;
    let first = Server::start_at(port, Encryption::None, proper);
    // The second one ends, so that the first one is needed.
    drop(second);
    log_in_soon(&directory, "alice").await;
    assert!(!first.binds().is_empty());
}

#[tokio::test]
async fn refused_service_account_is_an_error_of_its_own() {
    for (code, text) in [(49, ""), (49, "80090308: LdapErr, data 532, v4563"), (32, ""), (53, "")] {
        let server = Server::start(Encryption::None, move |request| {
            if request.is_bind(SERVICE) {
                vec![Answer::result(request, code, text).into()]
            } else {
                proper(request)
            }
        });
        let directory = scripted(&server);
        let verified = verify(&directory, "alice", PASSWORD).await;
        assert_eq!(kind(verified), DirectoryErrorKind::ServiceAccount, "{code}");
        let found = directory.find(&[EntryRef::named("alice")]).await;
        assert_eq!(kind(found), DirectoryErrorKind::ServiceAccount, "{code}");
        assert!(!server.binds().iter().any(|dn| dn == ALICE));
    }
}

#[tokio::test]
async fn search_base_that_does_not_exist_is_an_error_of_the_settings() {
    let base = "ou=nowhere,dc=example,dc=org";
    let bind = Bind::Search {
        base: base.into(),
        attributes: vec!["uid".into()],
        filter: None,
        scope: Scope::Subtree,
    };
    let directory = Options { bind, ..trusting(openldap()) }.open().unwrap();
    let verified = verify(&directory, "alice", PASSWORD).await;
    assert_eq!(kind(verified), DirectoryErrorKind::Configuration);
    let found = directory.find(&[EntryRef::named("alice")]).await;
    assert_eq!(kind(found), DirectoryErrorKind::Configuration);
}

/// Results of a user's bind that say nothing about the password.
#[tokio::test]
async fn trouble_of_the_server_is_not_a_wrong_password() {
    for code in [1, 2, 3, 8, 11, 13, 51, 52, 53, 80, 118] {
        let server = Server::start(Encryption::None, move |request| {
            if request.is_bind(ALICE) {
                vec![Answer::result(request, code, "").into()]
            } else {
                proper(request)
            }
        });
        let verified = verify(&scripted(&server), "alice", PASSWORD).await;
        assert!(verified.is_err(), "{code}: {verified:?}");
    }
}

/// Calls beyond the limit wait, and then fail; they do not pile up connections.
#[tokio::test]
async fn calls_beyond_the_limit_are_busy() {
    let is_silent = Arc::new(AtomicBool::new(true));
    let silenced = Arc::clone(&is_silent);
    let server = silent(move |request| {
        matches!(request.operation, Operation::Bind { .. }) && silenced.load(Ordering::SeqCst)
    });
    let options = Options {
        connections: 2,
        operation_timeout: Duration::from_secs(15),
        acquire_timeout: Duration::from_millis(100),
        ..hasty(vec![server.url()])
    };
    let directory = Arc::new(options.open().unwrap());
    let waiting: Vec<_> = (0..2).map(|_| spawn(&directory)).collect();
    while server.binds().len() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for _ in 0..5 {
        let verified = verify(&directory, "alice", PASSWORD).await;
        assert_eq!(kind(verified), DirectoryErrorKind::Busy);
    }
    assert_eq!(server.accepted(), 2);
    for task in waiting {
        task.abort();
        task.await.unwrap_err();
    }
    // What a caller no longer waits for takes no place.
    is_silent.store(false, Ordering::SeqCst);
    log_in_soon(&directory, "alice").await;
}

#[tokio::test]
async fn connections_do_not_grow_with_logins() {
    let server = Server::start(Encryption::None, proper);
    let options = Options { connections: 3, operation_timeout: LONG, ..hasty(vec![server.url()]) };
    let directory = Options { acquire_timeout: LONG, ..options }.open().unwrap();
    for _ in 0..5 {
        log_in_together(&directory, 20).await;
        assert!(server.open() <= 6, "{} connections", server.open());
    }
    let end = Instant::now() + LONG;
    while server.open() > 3 {
        assert!(Instant::now() < end, "{} connections are kept", server.open());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A pooled connection belongs to the service account, also after a user's password was verified.
#[tokio::test]
async fn searches_are_never_made_as_a_user() {
    let server = Server::start(Encryption::None, proper);
    let directory = scripted(&server);
    for _ in 0..3 {
        log_in_soon(&directory, "alice").await;
        verify(&directory, "alice", "wrong").await.unwrap();
    }
    let mut bound = std::collections::HashMap::new();
    for request in server.requests() {
        match request.operation {
            Operation::Bind { dn, .. } => drop(bound.insert(request.connection, dn)),
            Operation::Search { .. } => {
                assert_eq!(bound.get(&request.connection).map(String::as_str), Some(SERVICE));
            }
            _ => {}
        }
    }
}

fn spawn(directory: &Arc<LdapDirectory>) -> tokio::task::JoinHandle<()> {
    let directory = Arc::clone(directory);
    tokio::spawn(async move {
        let _ = verify(&directory, "alice", PASSWORD).await;
    })
}

/// Logs in at the same time.
async fn log_in_together(directory: &LdapDirectory, count: usize) {
    let logins = (0..count).map(|_| log_in(directory, "alice"));
    futures_util::future::join_all(logins).await;
}

/// With short limits, a slow machine may need more than one attempt.
async fn log_in_soon(directory: &LdapDirectory, name: &str) {
    let end = Instant::now() + LONG;
    loop {
        match verify(directory, name, PASSWORD).await {
            Ok(verified) => {
                assert!(matches!(verified, Verified::Match(_)), "{verified:?}");
                break;
            }
            Err(error) => {
                assert!(Instant::now() < end, "{error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
