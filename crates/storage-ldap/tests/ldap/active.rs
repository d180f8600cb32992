//! Active Directory, played by a server of the testkit.

use crossauth_core::directory::{
    Directory as _, DirectoryErrorKind, EntryRef, EntryRefusal, Found, Standing, Verified,
};
use crossauth_core::secret::Password;
use crossauth_storage_ldap::{
    AttributeMap, Bind, Groups, LdapDirectory, Options, Scope, ServiceAccount,
};
use crossauth_testkit::ldap::{ActiveDirectory, Encryption, Person};
use crossauth_testkit::slapd::directory::PASSWORD;

use crate::site::{find, kind, log_in, patient, verify};

/// Options for this domain, without TLS.
pub(crate) fn options(domain: &ActiveDirectory) -> Options {
    let bind = Bind::Search {
        base: domain.base().into(),
        attributes: vec!["sAMAccountName".into(), "userPrincipalName".into()],
        filter: Some("(&(objectCategory=person)(objectClass=user))".into()),
        scope: Scope::Subtree,
    };
    let service = ServiceAccount::new("service@example.org", Password::new("service-password"));
    Options {
        bind,
        service: Some(service),
        attributes: AttributeMap { username: "sAMAccountName".into(), ..AttributeMap::default() },
        ..patient(vec![domain.server().url()])
    }
}

fn domain(people: &[Person], groups: &[(&str, &[&str])]) -> ActiveDirectory {
    let service = Person::new("service", "service-password");
    let people = [&[service, Person::new("alice", PASSWORD)], people].concat();
    ActiveDirectory::start(Encryption::None, &people, groups)
}

fn open(domain: &ActiveDirectory) -> LdapDirectory {
    options(domain).open().unwrap()
}

#[tokio::test]
async fn person_logs_in_by_account_and_principal_name() {
    let domain = domain(&[Person::new("bob", PASSWORD)], &[]);
    let directory = open(&domain);
    let alice = log_in(&directory, "alice").await;
    assert_eq!(alice.username, "alice");
    assert_eq!(alice.email.as_deref(), Some("alice@example.org"));
    assert_eq!(alice.dn, "CN=alice,CN=Users,DC=example,DC=org");
    assert_eq!(log_in(&directory, "alice@example.org").await, alice);
    assert_eq!(log_in(&directory, "ALICE").await, alice);
    let bob = log_in(&directory, "bob").await;
    assert_ne!(alice.id, bob.id);
    assert_eq!(verify(&directory, "alice", "wrong").await.unwrap(), Verified::Mismatch(None));
    assert_eq!(verify(&directory, "unknown", PASSWORD).await.unwrap(), Verified::Mismatch(None));
}

/// `objectGUID` is sixteen octets; the entry is found by it again, also after it was renamed.
#[tokio::test]
async fn entry_that_was_renamed_has_the_same_id() {
    let domain = domain(&[], &[]);
    let directory = open(&domain);
    let before = log_in(&directory, "alice").await;
    assert!(before.id.is_ascii());
    domain.change("alice", |mut person| {
        person.dn = "CN=Alice (married),OU=Moved,DC=example,DC=org".into();
        Some(person)
    });
    let after = log_in(&directory, "alice").await;
    assert_eq!(after.id, before.id);
    assert_ne!(after.dn, before.dn);
    let reference = EntryRef { name: "a former name", id: Some(&before.id) };
    let found = directory.find(&[reference]).await.unwrap();
    assert_eq!(found, [Found::Entry(Box::new(after.clone()))]);
    let verified = directory.verify(reference, &Password::new(PASSWORD)).await.unwrap();
    assert_eq!(verified, Verified::Match(Box::new(after)));
    domain.change("alice", |_| None);
    assert_eq!(directory.find(&[reference]).await.unwrap(), [Found::Gone]);
}

#[tokio::test]
async fn codes_say_why_an_account_may_not_log_in() {
    let cases = [
        ("530", Verified::Refused(EntryRefusal::NotNow)),
        ("531", Verified::Refused(EntryRefusal::NotNow)),
        ("532", Verified::Refused(EntryRefusal::PasswordExpired)),
        ("533", Verified::Refused(EntryRefusal::Disabled)),
        ("701", Verified::Refused(EntryRefusal::Disabled)),
        ("775", Verified::Mismatch(Some(EntryRefusal::Locked))),
    ];
    for (code, expected) in cases {
        let domain = domain(&[Person::new("odd", PASSWORD).with_code(code)], &[]);
        let directory = open(&domain);
        assert_eq!(verify(&directory, "odd", PASSWORD).await.unwrap(), expected, "{code}");
        let wrong = verify(&directory, "odd", "wrong").await.unwrap();
        assert!(matches!(wrong, Verified::Mismatch(_)), "{code}: {wrong:?}");
        log_in(&directory, "alice").await;
    }
    let domain = domain(&[Person::new("odd", PASSWORD).with_code("773")], &[]);
    let verified = verify(&open(&domain), "odd", PASSWORD).await.unwrap();
    assert!(matches!(verified, Verified::MustChange(_)), "{verified:?}");
}

#[tokio::test]
async fn account_that_was_disabled_is_found_as_such() {
    let domain = domain(&[Person::new("carol", PASSWORD)], &[]);
    let directory = open(&domain);
    assert_eq!(find(&directory, "carol").await.unwrap().standing, Standing::Active);
    domain.change("carol", |person| Some(person.with_code("533")));
    assert_eq!(find(&directory, "carol").await.unwrap().standing, Standing::Disabled);
    assert_eq!(find(&directory, "alice").await.unwrap().standing, Standing::Active);
}

#[tokio::test]
async fn members_of_members_are_found() {
    let users = "CN=alice,CN=Users,DC=example,DC=org";
    let [outer, inner, other] =
        ["Outer", "Inner", "Other"].map(|name| format!("CN={name},DC=example,DC=org"));
    let groups: [(&str, &[&str]); 3] =
        [(&inner, &[users, &outer]), (&outer, &[&inner]), (&other, &[])];
    let domain = domain(&[], &groups);
    let is_admin = async |nested: bool, base: Option<&str>, group: &str| {
        let base = base.map(str::to_owned);
        let groups = Groups { base, nested, admin: vec![group.into()], ..Groups::default() };
        let directory = Options { groups, ..options(&domain) }.open().unwrap();
        log_in(&directory, "alice").await.admin.unwrap()
    };
    for base in [None, Some("DC=example,DC=org")] {
        assert!(is_admin(true, base, &inner).await);
        assert!(is_admin(true, base, &outer).await, "{base:?}");
        assert!(!is_admin(true, base, &other).await);
        assert!(is_admin(false, base, &inner).await);
        assert!(!is_admin(false, base, &outer).await);
    }
}

/// It accepts unauthenticated binds, after which it answers no search.
#[tokio::test]
async fn password_without_content_does_not_log_in() {
    let domain = domain(&[], &[]);
    let directory = open(&domain);
    log_in(&directory, "alice").await;
    let binds = domain.server().binds().len();
    for password in ["", " ", "\0"] {
        let verified = verify(&directory, "alice", password).await.unwrap();
        assert_eq!(verified, Verified::Mismatch(None));
    }
    assert_eq!(domain.server().binds().len(), binds);
}

#[tokio::test]
async fn search_without_a_service_account_is_an_error() {
    let domain = domain(&[], &[]);
    let options = Options { service: None, ..options(&domain) };
    if let Ok(directory) = options.open() {
        let verified = verify(&directory, "alice", PASSWORD).await;
        assert_eq!(kind(verified), DirectoryErrorKind::ServiceAccount);
    }
}
