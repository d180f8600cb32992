//! Calls at the same time, and the connections that they share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossauth_core::directory::{DirectoryErrorKind, Verified};
use crossauth_storage_ldap::Options;
use crossauth_testkit::ldap::{Action, Answer, Encryption, Operation, Request, Server};
use crossauth_testkit::slapd::directory::{PASSWORD, SERVICE};
use crossauth_testkit::slapd::server as openldap;
use parking_lot::{Condvar, Mutex};

use crate::site::{
    ALICE, find, kind, log_in, log_in_soon, log_in_together, patient, proper, scripted, silent,
    spawn, trusting, until, verify,
};

/// Whether an answer comes late.
type Chosen = fn(&Request) -> bool;

/// The answer to a call that was given up must not become that to the next one.
#[tokio::test]
async fn call_that_was_given_up_leaves_no_answer_to_the_next_one() {
    let is_service: Chosen = |request| request.is_bind(SERVICE);
    let is_user: Chosen = |request| request.is_bind(ALICE);
    // On a new connection, and on one that is kept.
    for (is_late, is_kept) in [
        (is_service, false),
        (Request::is_search, false),
        (Request::is_search, true),
        (is_user, true),
    ] {
        let gate = Arc::new((Mutex::new(Gate::Open), Condvar::new()));
        let at_gate = Arc::clone(&gate);
        let server = Server::start(Encryption::None, move |request| {
            if is_late(request) {
                let mut state = at_gate.0.lock();
                at_gate.1.wait_while(&mut state, |state| *state == Gate::Closed);
            }
            alice_or_bob(request)
        });
        let options = Options { connections: 1, ..patient(vec![server.url()]) };
        let directory = Arc::new(options.open().unwrap());
        if is_kept {
            log_in(&directory, "alice").await;
        }
        let late = || server.requests().iter().filter(|request| is_late(request)).count();
        let before = late();
        *gate.0.lock() = Gate::Closed;
        let given_up = spawn(&directory);
        until(|| late() > before).await;
        given_up.abort();
        given_up.await.unwrap_err();
        *gate.0.lock() = Gate::Open;
        gate.1.notify_all();
        assert_eq!(find(&directory, "bob").await.unwrap().username, "bob");
        let verified = verify(&directory, "alice", "wrong").await.unwrap();
        assert_eq!(verified, Verified::Mismatch(None));
    }
}

/// Whether the server answers.
#[derive(PartialEq)]
enum Gate {
    Open,
    Closed,
}

/// A proper server that has bob, too.
fn alice_or_bob(request: &Request) -> Vec<Action> {
    match &request.operation {
        Operation::Search { filter, .. }
            if String::from_utf8_lossy(&filter.encode()).contains("bob") =>
        {
            let attributes: [(&str, &[&str]); 1] = [("uid", &["bob"])];
            let dn = "uid=bob,ou=people,dc=example,dc=org";
            let entry = Answer::entry(request, dn, &attributes);
            vec![entry.into(), Answer::result(request, 0, "").into()]
        }
        _ => proper(request),
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
    until(|| server.binds().len() == 2).await;
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
    until(|| server.open() <= 3).await;
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
