//! Names that entries have.

use crossauth_core::directory::{Directory as _, DirectoryErrorKind};
use crossauth_storage_ldap::{AttributeMap, Bind, Options};
use crossauth_testkit::slapd::directory::{PEOPLE, dn_of, person};
use crossauth_testkit::slapd::server;

use crate::site::{kind, searching, template, trusting};

/// Logins by `mail`, where `uid` becomes the username.
fn by_mail(bind: Bind) -> Options {
    let attributes = AttributeMap { username: "uid".into(), ..AttributeMap::default() };
    Options { bind, attributes, ..trusting(server()) }
}

#[tokio::test]
async fn login_name_username_and_address_of_an_entry_are_taken_in_any_case() {
    server().add(&person(&dn_of("taken"), "taken", "mail: taken@example.org\n"));
    let search = Bind::Search {
        base: PEOPLE.into(),
        attributes: vec!["mail".into()],
        filter: None,
        scope: crossauth_storage_ldap::Scope::Subtree,
    };
    let names = Bind::Template { attribute: "cn".into(), base: PEOPLE.into() };
    for bind in [search, names] {
        let directory = by_mail(bind).open().unwrap();
        for name in ["taken", "TAKEN", "taken@example.org", "Taken@Example.org"] {
            assert!(directory.is_taken(name).await.unwrap(), "{name}");
        }
        for name in ["untaken", "*", "taken)(uid=*", "", " ", "taken\0", "t\u{e4}ken@example.org"] {
            assert!(!directory.is_taken(name).await.unwrap(), "{name:?}");
        }
    }
}

#[tokio::test]
async fn name_that_several_entries_have_is_taken() {
    for name in ["twin1", "twin2"] {
        server().add(&person(&dn_of(name), name, "mail: twins@example.org\n"));
    }
    let directory = trusting(server()).open().unwrap();
    assert!(directory.is_taken("twins@example.org").await.unwrap());
}

#[tokio::test]
async fn names_are_unknown_where_entries_cannot_be_read() {
    let options = Options { ca: trusting(server()).ca, ..template(vec![server().tls_url()]) };
    let directory = options.open().unwrap();
    assert_eq!(kind(directory.is_taken("alice").await), DirectoryErrorKind::Configuration);
    let away = Options { start_tls: false, ..searching(vec!["ldap://127.0.0.1:1".into()]) };
    let failed = away.open().unwrap().is_taken("alice").await;
    assert_eq!(kind(failed), DirectoryErrorKind::Unreachable);
}
