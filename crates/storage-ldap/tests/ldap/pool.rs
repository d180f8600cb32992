//! Calls at the same time, and the connections that they share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossauth_core::directory::{DirectoryErrorKind, Verified};
use crossauth_storage_ldap::Options;
use crossauth_testkit::ldap::{Encryption, Operation, Server};
use crossauth_testkit::slapd::directory::{PASSWORD, SERVICE};
use crossauth_testkit::slapd::{self, server as openldap};

use crate::site::{
    LONG, find, kind, log_in, log_in_soon, log_in_together, patient, plain, proper, scripted,
    silent, spawn, trusting, verify,
};

/// The answer to a call that was given up must not become that to the next one.
#[tokio::test]
async fn call_that_was_given_up_leaves_no_answer_to_the_next_one() {
    let server = slapd::Server::start();
    let directory = Arc::new(Options { connections: 1, ..plain(&server) }.open().unwrap());
    for _ in 0..5 {
        assert_eq!(log_in(&directory, "bob").await.username, "bob");
        server.freeze();
        let given_up = spawn(&directory);
        // Enough for a request to be sent; less, or a server that still answers, makes the test weaker.
        tokio::time::sleep(Duration::from_millis(50)).await;
        given_up.abort();
        let _ = given_up.await;
        server.resume();
        assert_eq!(find(&directory, "carol").await.unwrap().username, "carol");
        let verified = verify(&directory, "dave", "wrong").await.unwrap();
        assert_eq!(verified, Verified::Mismatch(None));
    }
}

#[tokio::test]
async fn parallel_logins_are_not_confused() {
    let directory = trusting(openldap()).open().unwrap();
    let names = ["alice", "bob", "carol", "dave", "erin", "frank"];
    let logins = (0..60).map(async |number| {
        let name = names[number % names.len()];
        let is_right = number % 4 != 0;
        let password = if is_right { PASSWORD } else { "wrong" };
        match verify(&directory, name, password).await.unwrap() {
            Verified::Match(entry) => assert_eq!((entry.username.as_str(), is_right), (name, true)),
            verified => assert_eq!((verified, is_right), (Verified::Mismatch(None), false)),
        }
    });
    futures_util::future::join_all(logins).await;
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
        acquire_timeout: Duration::from_millis(100),
        ..patient(vec![server.url()])
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
    let options = Options { connections: 3, ..patient(vec![server.url()]) };
    let directory = options.open().unwrap();
    for _ in 0..5 {
        log_in_together(&directory, 20).await;
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
