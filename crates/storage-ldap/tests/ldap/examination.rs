//! Reports about servers and names.

use crossauth_core::directory::{DirectoryErrorKind, EntryRefusal};
use crossauth_core::secret::Password;
use crossauth_storage_ldap::{Bind, Finding, FoundEntry, Groups, Options, Scope, ServiceAccount};
use crossauth_testkit::ldap::{ActiveDirectory, Answer, Encryption, Person, Request, Server};
use crossauth_testkit::slapd::directory::{BASE, GROUPS, SERVICE, dn_of};
use crossauth_testkit::slapd::server;

use crate::site::{ALICE, proper, scripted, searching, template, trusting};

async fn find(options: Options, name: &str) -> Finding {
    options.open().unwrap().examine(name).await.finding
}

async fn found(options: Options, name: &str) -> FoundEntry {
    match find(options, name).await {
        Finding::Found(entry) => *entry,
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test]
async fn servers_are_described() {
    let urls = vec![server().tls_url(), server().url()];
    let servers = Options { urls: urls.clone(), ..trusting(server()) }.open().unwrap();
    let servers = servers.examine_servers().await;
    assert_eq!(servers.iter().map(|server| &server.url).collect::<Vec<_>>(), [&urls[0], &urls[1]]);
    for server in servers {
        assert_eq!(server.problem, None);
        assert!(server.address.is_some_and(|address| address.ip().is_loopback()));
        assert_eq!(server.tls.as_deref(), Some("TLSv1_3"));
        assert!(server.certificate_expiry.is_some());
        assert!(server.changes_passwords);
        // OpenLDAP does not say.
        assert_eq!((server.product, server.time), (None, None));
    }
}

#[tokio::test]
async fn each_server_has_its_own_problem() {
    let [_, wrong] = server().other_urls();
    let urls = vec![wrong, "ldaps://127.0.0.1:1".to_owned(), server().tls_url()];
    let servers = Options { urls, ..trusting(server()) }.open().unwrap().examine_servers().await;
    let kinds: Vec<_> =
        servers.iter().map(|server| server.problem.as_ref().map(|error| error.kind)).collect();
    let expected = [DirectoryErrorKind::Certificate, DirectoryErrorKind::Unreachable];
    assert_eq!(kinds, [Some(expected[0]), Some(expected[1]), None]);

    let service = Some(ServiceAccount::new(SERVICE, Password::new("wrong")));
    let refused = Options { service, ..trusting(server()) }.open().unwrap();
    let refused = refused.examine_servers().await.pop().unwrap();
    assert_eq!(refused.problem.unwrap().kind, DirectoryErrorKind::ServiceAccount);
    assert!(refused.certificate_expiry.is_some(), "what was seen before is told");
}

#[tokio::test]
async fn entry_is_described_with_what_it_becomes() {
    let groups = Groups {
        base: Some(GROUPS.into()),
        nested: true,
        admin: vec![format!("cn=admins,{GROUPS}")],
        ..Groups::default()
    };
    let entry = found(Options { groups, ..trusting(server()) }, "alice@example.org").await;
    assert_eq!(entry.dn, dn_of("alice"));
    let mail = ("mail".to_owned(), vec!["alice@example.org".to_owned()]);
    assert!(entry.attributes.contains(&mail), "{:?}", entry.attributes);
    assert!(entry.groups.contains(&format!("cn=engineers,{GROUPS}")), "{:?}", entry.groups);
    assert!(entry.groups.contains(&format!("cn=everyone,{GROUPS}")), "{:?}", entry.groups);
    let account = entry.account.unwrap();
    assert_eq!((account.username.as_str(), account.admin), ("alice", Some(false)));
    assert_eq!(entry.id, Some(account.id));
    assert_eq!((entry.refusal, entry.disabled), (None, None));
}

#[tokio::test]
async fn report_says_why_an_entry_may_not_log_in() {
    let locked = found(trusting(server()), "locked").await;
    assert_eq!(locked.refusal, Some(EntryRefusal::Disabled));
    assert!(locked.disabled.unwrap().contains("pwdAccountLockedTime"));

    let groups = Groups { allowed: vec![format!("cn=admins,{GROUPS}")], ..Groups::default() };
    let outside = found(Options { groups, ..trusting(server()) }, "alice").await;
    assert_eq!(outside.refusal, Some(EntryRefusal::NotInGroup));
    assert!(outside.groups.contains(&format!("cn=engineers,{GROUPS}")));

    let by_cn = Bind::Search {
        base: BASE.into(),
        attributes: vec!["cn".into()],
        filter: None,
        scope: Scope::Subtree,
    };
    let nameless = found(Options { bind: by_cn, ..trusting(server()) }, "nameless").await;
    assert_eq!(nameless.refusal, Some(EntryRefusal::Unusable));
    assert_eq!(nameless.account, Err("uid is missing".into()));
}

#[tokio::test]
async fn names_that_have_not_one_entry_are_told_apart() {
    assert!(matches!(find(trusting(server()), "unknown").await, Finding::NotFound));
    let whole = Bind::Search {
        base: BASE.into(),
        attributes: vec!["uid".into()],
        filter: None,
        scope: Scope::Subtree,
    };
    match find(Options { bind: whole, ..trusting(server()) }, "twin").await {
        Finding::Ambiguous(names) => assert!(names.contains(&dn_of("twin")), "{names:?}"),
        other => panic!("{other:?}"),
    }
    let plain = Options { start_tls: false, ..template(vec![server().url()]) };
    match find(plain.clone(), "alice").await {
        Finding::Unread(dn) => assert_eq!(dn, dn_of("alice")),
        other => panic!("{other:?}"),
    }
    // With a service account, it is read.
    let service = searching(Vec::new()).service;
    assert_eq!(found(Options { service, ..plain }, "alice").await.dn, dn_of("alice"));
    let nowhere = searching(vec!["ldaps://127.0.0.1:1".into()]);
    let nowhere = Options { ca: trusting(server()).ca, ..nowhere };
    match find(nowhere, "alice").await {
        Finding::Failed(error) => assert_eq!(error.kind, DirectoryErrorKind::Unreachable),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn active_directory_is_described() {
    let people =
        [Person::new("service", "service-password"), Person::new("odd", "x").with_code("533")];
    let domain = ActiveDirectory::start(Encryption::None, &people, &[]);
    let options = crate::active::options(&domain);
    let entry = found(options, "odd").await;
    assert_eq!(entry.refusal, Some(EntryRefusal::Disabled));
    assert!(entry.disabled.unwrap().contains("userAccountControl"));
    assert_eq!(entry.id.map(|id| id.len()), Some(36));
}

/// A report is shown in a terminal.
#[tokio::test]
async fn report_has_no_control_characters_and_no_hash() {
    let server = Server::start(Encryption::None, |request| {
        let odd: &[u8] = b"\x1b[2J\r\nforged line\xff";
        let attributes: [(&str, &[&[u8]]); 5] = [
            ("uid", &[b"alice"]),
            ("entryUUID", &[b"1"]),
            ("description", &[odd]),
            ("vendorName", &[b"\x1b[2J\r\nforged line"]),
            ("userPassword", &[b"{SSHA}hash"]),
        ];
        if Request::is_search(request) {
            let entry = Answer::entry(request, ALICE, &attributes);
            vec![entry.into(), Answer::result(request, 0, "").into()]
        } else {
            proper(request)
        }
    });
    let examination = scripted(&server).examine("alice").await;
    let product = examination.servers[0].product.clone().unwrap();
    assert!(product.contains("forged line") && !product.contains(char::is_control), "{product:?}");
    let Finding::Found(entry) = examination.finding else { panic!("{:?}", examination.finding) };
    assert!(entry.attributes.iter().any(|(name, _)| name == "description"));
    for (name, values) in entry.attributes {
        assert_ne!(name, "userPassword");
        assert!(!values.concat().contains(char::is_control), "{name}: {values:?}");
    }
}
