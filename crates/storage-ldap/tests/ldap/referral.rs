//! Referrals and references to other servers, which are not followed.

use crossauth_core::directory::{DirectoryErrorKind, EntryRefusal, Verified};
use crossauth_storage_ldap::{Bind, Options, Scope};
use crossauth_testkit::ldap::{Action, Answer, Encryption, Operation, Request, Server};
use crossauth_testkit::slapd::directory::{PASSWORD, PEOPLE};
use crossauth_testkit::slapd::server as openldap;

use crate::site::{ALICE, kind, log_in, plain, proper, scripted, template, verify};

/// A server to which others refer: it would accept the password.
fn other() -> (Server, String) {
    let server = Server::start(Encryption::None, proper);
    let url = format!("{}/{ALICE}", server.url());
    (server, url)
}

/// A proper server, except for some requests.
fn except(
    is_odd: impl Fn(&Request) -> bool + Send + Sync + 'static,
    answer: impl Fn(&Request) -> Vec<Action> + Send + Sync + 'static,
) -> Server {
    Server::start(
        Encryption::None,
        move |request| {
            if is_odd(request) { answer(request) } else { proper(request) }
        },
    )
}

#[tokio::test]
async fn referral_of_a_bind_is_an_error() {
    let (other, url) = other();
    let server = except(
        |request| request.is_bind(ALICE),
        move |request| vec![Answer::result(request, 10, "").with_referral(&[&url]).into()],
    );
    let verified = verify(&scripted(&server), "alice", PASSWORD).await;
    assert_eq!(kind(verified), DirectoryErrorKind::Protocol);
    assert_eq!(server.binds().last().map(String::as_str), Some(ALICE));
    assert_eq!(other.accepted(), 0);
    log_in(&scripted(&other), "alice").await;
}

#[tokio::test]
async fn referral_of_a_search_is_an_error() {
    let (other, url) = other();
    let server = except(Request::is_search, move |request| {
        vec![Answer::result(request, 10, "").with_referral(&[&url]).into()]
    });
    let verified = verify(&scripted(&server), "alice", PASSWORD).await;
    assert_eq!(kind(verified), DirectoryErrorKind::Protocol);
    assert_eq!(other.accepted(), 0);
}

#[tokio::test]
async fn references_beside_an_entry_are_ignored() {
    let (other, url) = other();
    let server = except(Request::is_search, move |request| {
        let mut actions = vec![Answer::reference(request, &[&url, &url]).into()];
        actions.extend(proper(request));
        actions.insert(2, Answer::reference(request, &[&url]).into());
        actions
    });
    log_in(&scripted(&server), "alice").await;
    assert_eq!(other.accepted(), 0);
}

#[tokio::test]
async fn reference_alone_finds_nothing() {
    let (other, url) = other();
    let server = except(Request::is_search, move |request| {
        let reference = Answer::reference(request, &[&url]);
        vec![reference.into(), Answer::result(request, 0, "").into()]
    });
    let verified = verify(&scripted(&server), "alice", PASSWORD).await.unwrap();
    assert_eq!(verified, Verified::Mismatch(None));
    assert_eq!(other.accepted(), 0);
}

/// The part `ou=elsewhere` of its tree is on another server.
#[tokio::test]
async fn openldap_refers_to_another_server_and_is_not_followed() {
    let below = |base: &str| Bind::Template { attribute: "uid".into(), base: base.into() };
    let options = Options { start_tls: false, ..template(vec![openldap().url()]) };
    log_in(&Options { bind: below(PEOPLE), ..options.clone() }.open().unwrap(), "alice").await;
    let elsewhere = format!("ou=elsewhere,{PEOPLE}");
    let directory = Options { bind: below(&elsewhere), ..options }.open().unwrap();
    assert_eq!(verify(&directory, "alice", PASSWORD).await.unwrap(), Verified::Mismatch(None));
    let bind = Bind::Search {
        base: elsewhere,
        attributes: vec!["uid".into()],
        filter: None,
        scope: Scope::Subtree,
    };
    let directory = Options { bind, ..plain(openldap()) }.open().unwrap();
    assert_eq!(kind(verify(&directory, "alice", PASSWORD).await), DirectoryErrorKind::Protocol);
}

#[tokio::test]
async fn two_entries_of_a_search_are_none_also_with_a_size_limit() {
    for code in [0, 4] {
        let server = except(Request::is_search, move |request| {
            let entry = |dn: &str| {
                let attributes: [(&str, &[&str]); 2] = [("uid", &["alice"]), ("entryUUID", &[dn])];
                Answer::entry(request, dn, &attributes).into()
            };
            vec![entry(ALICE), entry("uid=alice,o=x"), Answer::result(request, code, "").into()]
        });
        let verified = verify(&scripted(&server), "alice", PASSWORD).await.unwrap();
        assert_eq!(verified, Verified::Mismatch(Some(EntryRefusal::Ambiguous)), "{code}");
        assert!(!server.binds().iter().any(|dn| dn == ALICE));
    }
}

/// A distinguished name that is empty, invalid or that of another entry must not become a bind that
/// succeeds for that reason.
#[tokio::test]
async fn found_entry_with_an_unusable_name_does_not_log_in() {
    for dn in ["", " ", "alice", "uid=alice,,dc=example", "uid=alice\0,dc=example,dc=org"] {
        let server = except(
            |request| matches!(&request.operation, Operation::Search { base, .. } if !base.is_empty()),
            move |request| {
                let attributes: [(&str, &[&str]); 2] = [("uid", &["alice"]), ("entryUUID", &["1"])];
                let entry = Answer::entry(request, dn, &attributes);
                vec![entry.into(), Answer::result(request, 0, "").into()]
            },
        );
        let verified = verify(&scripted(&server), "alice", PASSWORD).await;
        let is_match = matches!(verified, Ok(Verified::Match(_) | Verified::MustChange(_)));
        assert!(!is_match, "{dn:?}: {verified:?}");
        assert!(!server.binds().iter().any(String::is_empty), "an anonymous bind: {dn:?}");
    }
}
