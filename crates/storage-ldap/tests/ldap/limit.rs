//! Limits, and what they are for.

use std::time::Duration;

use crossauth_core::directory::{Directory as _, DirectoryErrorKind, EntryRef, Verified};
use crossauth_core::secret::Password;
use crossauth_storage_ldap::{OpenError, Options};
use crossauth_testkit::ldap::{Action, Encryption, Server};
use crossauth_testkit::slapd::directory::{PASSWORD, dn_of, person};
use crossauth_testkit::slapd::server;

use crate::site::{hasty, log_in, log_in_soon, proper, searching, template, verify};

/// With all of its servers, a login takes no longer than two connections and operations.
#[tokio::test]
async fn many_silent_servers_do_not_add_up() {
    let silent: Vec<_> =
        (0..10).map(|_| Server::start(Encryption::None, |_| vec![Action::Wait])).collect();
    let directory = hasty(silent.iter().map(Server::url).collect()).open().unwrap();
    let error = verify(&directory, "alice", PASSWORD).await.unwrap_err();
    assert_eq!(error.kind, DirectoryErrorKind::TimedOut);
    assert!(error.message.starts_with("no server gave an answer within"), "{error}");
    assert_eq!(silent[9].accepted(), 0, "the last one is not tried any more");
    let second = Server::start(Encryption::None, proper);
    let urls = vec![silent[0].url(), second.url()];
    log_in_soon(&hasty(urls).open().unwrap(), "alice").await;
}

#[tokio::test]
async fn limits_of_nothing_and_for_ever_are_refused() {
    let url = || vec!["ldap://127.0.0.1:1".to_owned()];
    let valid = || Options { start_tls: false, ..searching(url()) };
    assert!(valid().open().is_ok());
    for wrong in [
        Options { connect_timeout: Duration::ZERO, ..valid() },
        Options { operation_timeout: Duration::MAX, ..valid() },
        Options { acquire_timeout: Duration::ZERO, ..valid() },
        Options { connections: 0, ..valid() },
        Options { connections: usize::MAX, ..valid() },
        Options { max_entry_size: 0, ..valid() },
        Options { max_entry_size: usize::MAX, ..valid() },
        Options { urls: Vec::new(), ..valid() },
        Options { urls: vec![url().remove(0); 11], ..valid() },
    ] {
        let error = wrong.open().unwrap_err();
        assert!(matches!(error, OpenError::Invalid(_) | OpenError::InvalidUrl { .. }), "{error}");
    }
}

/// Where names are made of usernames, an entry that is known by its id may be renamed if the account
/// for services can search for it.
#[tokio::test]
async fn entry_that_is_known_by_its_id_is_found_under_its_new_name() {
    server().add(&person(&dn_of("formerly"), "formerly", ""));
    let options = Options { start_tls: false, ..template(vec![server().url()]) };
    let service = searching(Vec::new()).service;
    let alone = options.clone().open().unwrap();
    let directory = Options { service, ..options }.open().unwrap();
    let before = log_in(&directory, "formerly").await;
    assert_eq!(log_in(&alone, "formerly").await.id, before.id);
    server().modify(&format!(
        "dn: {}\nchangetype: modrdn\nnewrdn: uid=nowadays\ndeleteoldrdn: 1\n\n",
        dn_of("formerly")
    ));
    let (entry, password) =
        (EntryRef { name: "formerly", id: Some(&before.id) }, Password::new(PASSWORD));
    match directory.verify(entry, &password).await.unwrap() {
        Verified::Match(after) => assert_eq!(
            (after.id.as_str(), after.username.as_str()),
            (before.id.as_str(), "nowadays")
        ),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        directory.find(&[entry]).await.unwrap().remove(0).entry().unwrap().username,
        "nowadays"
    );
    // Without it, there is nothing but the name.
    assert_eq!(alone.verify(entry, &password).await.unwrap(), Verified::Mismatch(None));
    let error = alone.find(&[entry]).await.unwrap_err();
    assert_eq!(error.kind, DirectoryErrorKind::Configuration);
}
