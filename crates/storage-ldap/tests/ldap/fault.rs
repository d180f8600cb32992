//! Servers that are away, slow, half open, or come back.

use std::time::{Duration, Instant};

use crossauth_core::directory::{Directory as _, DirectoryErrorKind, EntryRef, Verified};
use crossauth_storage_ldap::{Bind, LdapDirectory, Options, Scope};
use crossauth_testkit::ldap::{Action, Answer, Encryption, Request, Server};
use crossauth_testkit::slapd::directory::{PASSWORD, SERVICE};
use crossauth_testkit::slapd::{self, server as openldap};

use crate::site::{
    ALICE, LONG, SHORT, hasty, kind, log_in, log_in_soon, log_in_together, patient, plain, proper,
    scripted, silent, template, trusting, verify,
};

/// Whether a request is not answered.
type Chosen = fn(&Request) -> bool;

/// A URL at which no server is.
fn nowhere() -> String {
    let server = Server::start(Encryption::None, proper);
    server.url()
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
        let directory = hasty(vec![server.url()]).open().unwrap();
        let verified = verify(&directory, "alice", PASSWORD).await;
        assert_eq!(kind(verified), DirectoryErrorKind::TimedOut, "{what}");
        assert!(began.elapsed() < LONG, "{what}");
        assert!(server.requests().iter().any(is_unanswered), "{what}");
    }
}

/// Each octet comes in time, and the answer as a whole does not.
#[tokio::test]
async fn answer_that_drips_is_an_error_in_limited_time() {
    for (pause, is_in_time) in [(Duration::from_millis(1), true), (SHORT / 2, false)] {
        let server = Server::start(Encryption::None, move |request| {
            if request.is_bind(ALICE) {
                vec![Action::Drip(Answer::result(request, 0, "").encode(), pause)]
            } else {
                proper(request)
            }
        });
        let operation_timeout = if is_in_time { LONG } else { SHORT };
        let options = Options { operation_timeout, ..patient(vec![server.url()]) };
        let verified = verify(&options.open().unwrap(), "alice", PASSWORD).await;
        if is_in_time {
            assert!(matches!(verified, Ok(Verified::Match(_))), "{verified:?}");
        } else {
            assert_eq!(kind(verified), DirectoryErrorKind::TimedOut);
        }
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
    let options = Options { connections: 4, ..patient(vec![server.url()]) };
    let directory = options.open().unwrap();
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
    let answering = |is_odd: Chosen, code| {
        Some(Server::start(Encryption::None, move |request| {
            if is_odd(request) {
                vec![Answer::result(request, code, "").into()]
            } else {
                proper(request)
            }
        }))
    };
    let is_service: Chosen = |request| request.is_bind(SERVICE);
    let is_user: Chosen = |request| request.is_bind(ALICE);
    let firsts: [(&str, Option<Server>); 14] = [
        ("away", None),
        ("garbage", Some(Server::start(Encryption::None, |_| vec![Action::Send(vec![0xff; 64])]))),
        ("service account: invalid credentials", answering(is_service, 49)),
        ("service account: other", answering(is_service, 80)),
        ("search: operations error", answering(Request::is_search, 1)),
        ("search: unwilling", answering(Request::is_search, 53)),
        ("search: other", answering(Request::is_search, 80)),
        ("user: operations error", answering(is_user, 1)),
        ("user: unwilling", answering(is_user, 53)),
        ("user: other", answering(is_user, 80)),
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
    let directory = patient(vec![first.url(), second.url()]).open().unwrap();
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
                vec![Answer::result(request, code, ALICE).into()]
            } else {
                proper(request)
            }
        });
        let by_template = Options { start_tls: false, ..template(vec![server.url()]) };
        for directory in [scripted(&server), by_template.open().unwrap()] {
            let error = verify(&directory, "alice", PASSWORD).await.unwrap_err();
            // What is typed as a name may be a password.
            assert!(!error.message.contains("alice"), "{code}: {error}");
        }
    }
}
