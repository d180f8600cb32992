//! Servers that are slow with one entry, or with all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crossauth_core::directory::{Directory as _, DirectoryError, DirectoryErrorKind, EntryRef};
use crossauth_core::secret::Password;
use crossauth_storage_ldap::{LdapDirectory, Options, PasswordChange};
use crossauth_testkit::ldap::{Action, Answer, Encryption, Operation, Request, Server};
use crossauth_testkit::slapd::directory::{PASSWORD, SERVICE};

use crate::site::{
    ALICE, LONG, hasty, log_in, log_in_soon, patient, proper, spawn, template, until, verify,
};

const NAMES: [&str; 3] = ["alice", "bob", "carol"];

/// Whether a request is not answered.
type Chosen = fn(&Request) -> bool;

/// A server that has three entries, all with one password.
fn three(request: &Request) -> Vec<Action> {
    let attributes = |name: &'static str| [("uid", vec![name])];
    match &request.operation {
        Operation::Bind { dn, password } if dn != SERVICE && password == PASSWORD => {
            vec![Answer::result(request, 0, "").into()]
        }
        Operation::Search { base, filter, .. } if !base.is_empty() => {
            let asked = format!("{base} {}", String::from_utf8_lossy(&filter.encode()));
            let name = NAMES.into_iter().find(|name| asked.contains(name)).unwrap_or("alice");
            let [(attribute, values)] = attributes(name);
            let dn = ALICE.replace("alice", name);
            let entry = Answer::entry(request, &dn, &[(attribute, &values[..])]);
            vec![entry.into(), Answer::result(request, 0, "").into()]
        }
        _ => proper(request),
    }
}

fn silent(is_unanswered: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Server {
    Server::start(Encryption::None, move |request| {
        if is_unanswered(request) { vec![Action::Wait] } else { three(request) }
    })
}

fn is_user_bind(request: &Request) -> bool {
    request.bind_name().is_some_and(|name| name != SERVICE)
}

async fn change(directory: &LdapDirectory, name: &str) -> Result<(), DirectoryError> {
    let (old, new) = (Password::new(PASSWORD), Password::new("another one 42"));
    directory.change_password(EntryRef::named(name), &old, &new).await.map(drop)
}

/// Even if an attacker makes the directory slow with one entry, for example by wrong passwords, others
/// have connections.
#[tokio::test]
async fn slow_logins_of_one_entry_do_not_take_the_places_of_others() {
    let by_template =
        |urls| Options { service: None, bind: template(Vec::new()).bind, ..patient(urls) };
    let cases: [fn(Vec<String>) -> Options; 2] = [patient, by_template];
    for options in cases {
        let server = silent(|request| request.is_bind(ALICE));
        let options = Options { connections: 8, ..options(vec![server.url()]) };
        let directory = Arc::new(options.open().unwrap());
        let slow: Vec<_> = (0..20).map(|_| spawn(&directory)).collect();
        let binds = || server.binds().iter().filter(|dn| *dn == ALICE).count();
        until(|| binds() == 2).await;
        for _ in 0..4 {
            log_in(&directory, "bob").await;
            log_in(&directory, "carol").await;
        }
        assert_eq!(binds(), 2, "a quarter of the connections");
        for task in slow {
            task.abort();
            task.await.unwrap_err();
        }
    }
}

#[tokio::test]
async fn slow_logins_of_one_entry_are_no_failure_of_the_server_for_others() {
    let server = silent(|request| request.is_bind(ALICE));
    let directory = hasty(vec![server.url()]).open().unwrap();
    for _ in 0..5 {
        let error = verify(&directory, "alice", PASSWORD).await.unwrap_err();
        assert_eq!(error.kind, DirectoryErrorKind::TimedOut);
        assert!(!error.message.contains("not tried again yet"), "{error}");
    }
    log_in_soon(&directory, "bob").await;
}

/// Where the passwords of users are not verified or changed any more, searches that work do not hide
/// it: calls fail at once, and do not take the places of those of other users.
#[tokio::test]
async fn binds_and_changes_that_are_not_answered_are_soon_not_tried_any_more() {
    type Case = (&'static str, bool, Chosen, fn(Vec<String>) -> Options);
    let by_template =
        |urls| Options { service: None, bind: template(Vec::new()).bind, ..hasty(urls) };
    let changes: Chosen = |request| matches!(request.operation, Operation::PasswordModify { .. });
    let cases: [Case; 4] = [
        ("the bind", false, is_user_bind, hasty),
        ("what follows on the same connection", false, Request::is_search, by_template),
        ("the change", true, changes, hasty),
        ("the change without a service account", true, changes, by_template),
    ];
    for (what, is_change, is_silent, options) in cases {
        let is_fault = Arc::new(AtomicBool::new(true));
        let fault = Arc::clone(&is_fault);
        let server = silent(move |request| fault.load(Ordering::SeqCst) && is_silent(request));
        let options = options(vec![server.url()]);
        let options = Options { password_change: PasswordChange::Rfc3062, ..options };
        let directory = options.open().unwrap();
        let end = Instant::now() + LONG;
        for name in NAMES.into_iter().cycle() {
            let error = if is_change {
                change(&directory, name).await.unwrap_err()
            } else {
                verify(&directory, name, PASSWORD).await.map(drop).unwrap_err()
            };
            assert_eq!(error.kind, DirectoryErrorKind::TimedOut, "{what}");
            if error.message.contains("not tried again yet") {
                break;
            }
            assert!(Instant::now() < end, "{what}: still tried: {error}");
        }
        if is_change {
            // Logins are not affected.
            log_in_soon(&directory, "alice").await;
        }
        is_fault.store(false, Ordering::SeqCst);
        log_in_soon(&directory, "alice").await;
    }
}
