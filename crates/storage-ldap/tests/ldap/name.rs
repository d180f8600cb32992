//! Names that need escaping (RFC 4514, RFC 4515), and names that are attacks.

use crossauth_core::directory::Verified;
use crossauth_storage_ldap::{Bind, Options, Scope};
use crossauth_testkit::slapd::directory::{AWKWARD, PASSWORD, PEOPLE, person};
use crossauth_testkit::slapd::server;

use crate::site::{directory, find, log_in, template, verify};

#[tokio::test]
async fn awkward_names_log_in_as_themselves_by_search() {
    let directory = directory();
    for (name, _) in AWKWARD {
        let entry = log_in(&directory, name).await;
        assert_eq!(entry.username, name.trim());
        assert_eq!(find(&directory, name).await, Some(entry), "{name}");
    }
}

#[tokio::test]
async fn awkward_names_log_in_as_themselves_by_template() {
    let directory = Options { start_tls: false, ..template(vec![server().url()]) }.open().unwrap();
    for (name, _) in AWKWARD {
        let entry = log_in(&directory, name).await;
        assert_eq!(entry.username, name.trim());
        let verified = verify(&directory, name, "wrong").await.unwrap();
        assert_eq!(verified, Verified::Mismatch(None), "{name}");
    }
}

/// Each would find an entry if it were not escaped.
#[tokio::test]
async fn payloads_are_unknown_names() {
    // Alone in the tree below it, so that a wildcard would find it alone.
    let base = format!("ou=lonely,{PEOPLE}");
    server().add(&format!("dn: {base}\nobjectClass: organizationalUnit\nou: lonely\n\n"));
    server().add(&person(&format!("uid=lonely,{base}"), "lonely", "mail: lonely@example.org\n"));
    let by_search = |options: Options| {
        let bind = Bind::Search {
            base: base.clone(),
            attributes: vec!["uid".into(), "mail".into()],
            filter: None,
            scope: Scope::Subtree,
        };
        Options { bind, ..options }.open().unwrap()
    };
    let search = by_search(crate::site::plain(server()));
    let template = Options { start_tls: false, ..template(vec![server().url()]) };
    let bind = Bind::Template { attribute: "uid".into(), base };
    let template = Options { bind, ..template }.open().unwrap();
    for directory in [&search, &template] {
        log_in(directory, "lonely").await;
        for payload in [
            "*",
            "lone*",
            "*)(uid=*",
            "x)(|(uid=*",
            "lonely)(&",
            "lonely)(objectClass=*",
            "lonely,ou=lonely",
            "lonely+uid=lonely",
            "#046c6f6e656c79",
            "\\6conely",
            "\\2a",
            "lonely\0",
            "\0lonely",
            "lonely\u{200b}",
            "",
            " ",
            "(",
            ")",
            "\\",
            "{\"$ne\":null}",
            "' OR 1=1 --",
        ] {
            let verified = verify(directory, payload, PASSWORD).await.unwrap();
            assert_eq!(verified, Verified::Mismatch(None), "{payload:?}");
        }
    }
}
