//! Changes of passwords through the directory.

use crossauth_core::directory::{Directory as _, EntryRef, EntryRefusal, PasswordSet, Verified};
use crossauth_core::secret::Password;
use crossauth_storage_ldap::{LdapDirectory, Options, PasswordChange};
use crossauth_testkit::ldap::{
    Action, ActiveDirectory, Answer, Encryption, Operation, Person, Server,
};
use crossauth_testkit::slapd::directory::{PASSWORD, dn_of, person};
use crossauth_testkit::slapd::server;

use crate::site::{ALICE, certificate, hasty, kind, patient, proper, template, trusting, verify};

const NEW: &str = "Another-horse-8";

/// What makes the password of an entry one that must be changed.
const RESET: &str = "pwdPolicySubentry: cn=reset,ou=policies,dc=example,dc=org\npwdReset: TRUE\n";

fn changing_options() -> Options {
    Options { password_change: PasswordChange::Rfc3062, ..trusting(server()) }
}

fn changing() -> LdapDirectory {
    changing_options().open().unwrap()
}

async fn change(directory: &LdapDirectory, name: &str, old: &str, new: &str) -> PasswordSet {
    let (old, new) = (Password::new(old), Password::new(new));
    directory.change_password(EntryRef::named(name), &old, &new).await.unwrap()
}

async fn is_match(directory: &LdapDirectory, name: &str, password: &str) -> bool {
    match verify(directory, name, password).await.unwrap() {
        Verified::Match(_) => true,
        Verified::Mismatch(_) => false,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn new_password_counts_and_the_old_one_does_not() {
    server().add(&person(&dn_of("changer"), "changer", ""));
    let by_template = Options {
        start_tls: false,
        password_change: PasswordChange::Rfc3062,
        ..template(vec![server().url()])
    };
    let mut old = PASSWORD.to_owned();
    for (directory, new) in
        [(changing(), NEW), (by_template.open().unwrap(), "Überraschung 9 \"x\"")]
    {
        assert!(is_match(&directory, "changer", &old).await);
        let set = change(&directory, "changer", "wrong", new).await;
        assert_eq!(set, PasswordSet::WrongPassword);
        assert!(is_match(&directory, "changer", &old).await);
        assert_eq!(change(&directory, "changer", &old, new).await, PasswordSet::Done);
        assert!(is_match(&directory, "changer", new).await);
        assert!(!is_match(&directory, "changer", &old).await);
        new.clone_into(&mut old);
    }
}

#[tokio::test]
async fn password_that_the_policy_refuses_is_refused_with_a_reason() {
    server().add(&person(&dn_of("refused"), "refused", ""));
    let directory = changing();
    // Too short, and used before.
    for new in ["short", PASSWORD] {
        match change(&directory, "refused", PASSWORD, new).await {
            PasswordSet::Refused(Some(reason)) => assert!(!reason.trim().is_empty()),
            other => panic!("{new}: {other:?}"),
        }
    }
    assert!(is_match(&directory, "refused", PASSWORD).await);
    assert_eq!(change(&directory, "refused", PASSWORD, NEW).await, PasswordSet::Done);
}

#[tokio::test]
async fn new_password_without_content_is_refused_before_the_directory_is_asked() {
    server().add(&person(&dn_of("emptier"), "emptier", ""));
    let directory = changing();
    assert!(is_match(&directory, "emptier", PASSWORD).await);
    let before = server().count_binds(&dn_of("emptier"));
    // Without a new password, OpenLDAP would generate one.
    for new in ["", "\0"] {
        let set = change(&directory, "emptier", PASSWORD, new).await;
        assert!(matches!(set, PasswordSet::Refused(_)), "{new:?}: {set:?}");
    }
    assert_eq!(server().count_binds(&dn_of("emptier")), before);
    assert!(is_match(&directory, "emptier", PASSWORD).await);
}

#[tokio::test]
async fn password_that_must_be_changed_can_be_changed() {
    let directory = changing();
    let verified = verify(&directory, "reset", PASSWORD).await.unwrap();
    assert!(matches!(verified, Verified::MustChange(_)), "{verified:?}");
    assert_eq!(change(&directory, "reset", "wrong", NEW).await, PasswordSet::WrongPassword);
    assert_eq!(change(&directory, "reset", PASSWORD, NEW).await, PasswordSet::Done);
    assert!(is_match(&directory, "reset", NEW).await);
}

/// Before the change, OpenLDAP lets nothing be read; after it, the entry shows that it is another one.
#[tokio::test]
async fn new_entry_of_a_former_name_is_another_one_once_its_password_was_changed() {
    let (dn, password) = (dn_of("renewed"), Password::new(PASSWORD));
    let options = Options {
        start_tls: false,
        password_change: PasswordChange::Rfc3062,
        ..template(vec![server().url()])
    };
    let directory = options.open().unwrap();
    server().add(&person(&dn, "renewed", ""));
    let named = EntryRef::named("renewed");
    let Verified::Match(former) = directory.verify(named, &password).await.unwrap() else {
        panic!("the password is correct")
    };
    server().delete(&dn);
    server().add(&person(&dn, "renewed", RESET));
    let linked = EntryRef { id: Some(&former.id), ..named };
    let verified = directory.verify(linked, &password).await.unwrap();
    assert_eq!(verified, Verified::MustChange(None));
    let new = Password::new(NEW);
    assert_eq!(
        directory.change_password(linked, &password, &new).await.unwrap(),
        PasswordSet::Done
    );
    let verified = directory.verify(linked, &new).await.unwrap();
    assert!(matches!(verified, Verified::Mismatch(_)), "{verified:?}");
    let verified = directory.verify(named, &new).await.unwrap();
    assert!(matches!(&verified, Verified::Match(entry) if entry.id != former.id), "{verified:?}");
}

/// The service account reads all that may log in, also before a password is changed.
#[tokio::test]
async fn entry_that_makes_no_account_is_refused_also_if_its_password_must_be_changed() {
    let dn = dn_of("unmapped");
    server().add(&person(&dn, "unmapped", RESET));
    let options = changing_options();
    let mut attributes = options.attributes.clone();
    attributes.username = "displayName".into();
    let directory = Options { attributes, ..options }.open().unwrap();
    let verified = verify(&directory, "unmapped", PASSWORD).await.unwrap();
    assert_eq!(verified, Verified::Refused(EntryRefusal::Unusable));
    let verified = verify(&directory, "unmapped", "wrong").await.unwrap();
    assert_eq!(verified, Verified::Mismatch(None));
    let verified = verify(&changing(), "unmapped", PASSWORD).await.unwrap();
    assert!(matches!(verified, Verified::MustChange(Some(_))), "{verified:?}");
}

#[tokio::test]
async fn unknown_name_has_no_password_to_change() {
    let directory = changing();
    assert_eq!(change(&directory, "unknown", PASSWORD, NEW).await, PasswordSet::WrongPassword);
    let (old, new) = (Password::new(PASSWORD), Password::new(NEW));
    let entry = EntryRef { name: "alice", id: Some("57e7a3ea-0000-4000-8000-00000000ffff") };
    let set = directory.change_password(entry, &old, &new).await.unwrap();
    assert_eq!(set, PasswordSet::WrongPassword);
    assert!(is_match(&directory, "alice", PASSWORD).await);
}

#[tokio::test]
async fn passwords_are_not_changed_unless_that_is_set() {
    let directory = trusting(server()).open().unwrap();
    assert_eq!(change(&directory, "bob", PASSWORD, NEW).await, PasswordSet::NotSupported);
    assert!(is_match(&directory, "bob", PASSWORD).await);
}

/// Whether it was changed is unknown.
#[tokio::test]
async fn change_that_is_not_answered_is_an_error() {
    for action in [Action::Wait, Action::Close] {
        let after = action.clone();
        let server = Server::start(Encryption::None, move |request| match request.operation {
            Operation::PasswordModify { .. } => vec![after.clone()],
            _ => proper(request),
        });
        let options = hasty(vec![server.url()]);
        let options = Options { password_change: PasswordChange::Rfc3062, ..options };
        let directory = options.open().unwrap();
        let (old, new) = (Password::new(PASSWORD), Password::new(NEW));
        let set = directory.change_password(EntryRef::named("alice"), &old, &new).await;
        kind(set);
        let asked = server
            .requests()
            .into_iter()
            .filter(|request| matches!(request.operation, Operation::PasswordModify { .. }));
        assert_eq!(asked.count(), 1, "{action:?}: a change is not repeated");
    }
}

/// Some servers generate a password if they do not understand the request.
#[tokio::test]
async fn refusals_of_other_servers_are_told() {
    for (code, is_refused) in [(19, true), (0, false)] {
        let server = Server::start(Encryption::None, move |request| match request.operation {
            Operation::PasswordModify { .. } => {
                vec![Answer::result(request, code, "Password is too simple").into()]
            }
            _ => proper(request),
        });
        let options = patient(vec![server.url()]);
        let options = Options { password_change: PasswordChange::Rfc3062, ..options };
        let set = change(&options.open().unwrap(), "alice", PASSWORD, NEW).await;
        assert_eq!(matches!(set, PasswordSet::Refused(_)), is_refused, "{set:?}");
        assert!(server.binds().iter().any(|dn| dn == ALICE), "the old password is verified");
    }
}

#[tokio::test]
async fn active_directory_changes_passwords() {
    let authority = crossauth_testkit::authority::Authority::new();
    let people = [
        Person::new("service", "service-password"),
        Person::new("alice", PASSWORD),
        Person::new("expired", PASSWORD).with_code("532"),
        Person::new("reset", PASSWORD).with_code("773"),
        Person::new("disabled", PASSWORD).with_code("533"),
    ];
    let domain = ActiveDirectory::start(Encryption::Implicit(&authority), &people, &[]);
    let options = crate::active::options(&domain);
    let options = Options {
        ca: Some(certificate(&authority)),
        password_change: PasswordChange::ActiveDirectory,
        ..options
    };
    let directory = options.open().unwrap();
    assert!(is_match(&directory, "alice", PASSWORD).await);
    assert_eq!(change(&directory, "alice", "wrong", NEW).await, PasswordSet::WrongPassword);
    let set = change(&directory, "alice", PASSWORD, "short").await;
    assert!(matches!(set, PasswordSet::Refused(_)), "{set:?}");
    for new in [NEW, "Überraschung 9 \"x\" 🐎"] {
        let old = if new == NEW { PASSWORD } else { NEW };
        assert_eq!(change(&directory, "alice", old, new).await, PasswordSet::Done);
        assert!(is_match(&directory, "alice", new).await);
        assert!(!is_match(&directory, "alice", old).await);
    }
    for name in ["expired", "reset"] {
        assert_eq!(change(&directory, name, "wrong", NEW).await, PasswordSet::WrongPassword);
        assert_eq!(change(&directory, name, PASSWORD, NEW).await, PasswordSet::Done, "{name}");
        assert!(is_match(&directory, name, NEW).await);
    }
}

#[tokio::test]
async fn active_directory_is_not_sent_passwords_without_encryption() {
    let people = [Person::new("service", "service-password"), Person::new("alice", PASSWORD)];
    let domain = ActiveDirectory::start(Encryption::None, &people, &[]);
    let options = Options {
        password_change: PasswordChange::ActiveDirectory,
        ..crate::active::options(&domain)
    };
    if let Ok(directory) = options.open() {
        let (old, new) = (Password::new(PASSWORD), Password::new(NEW));
        let set = directory.change_password(EntryRef::named("alice"), &old, &new).await;
        assert!(!matches!(set, Ok(PasswordSet::Done)), "{set:?}");
        assert!(is_match(&directory, "alice", PASSWORD).await);
    }
}
