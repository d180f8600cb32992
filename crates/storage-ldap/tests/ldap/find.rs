//! Entries as they are now, for accounts that exist.

use crossauth_core::directory::{
    Directory as _, DirectoryErrorKind, Entry, EntryRef, Found, Standing, Verified,
};
use crossauth_core::secret::Password;
use crossauth_storage_ldap::{Groups, Options};
use crossauth_testkit::ldap::{Action, Answer, Encryption, Operation, Request, Server};
use crossauth_testkit::slapd::directory::{GROUPS, PASSWORD, PEOPLE, dn_of, group, person};
use crossauth_testkit::slapd::server;

use crate::site::{
    ALICE, directory, find, hasty, kind, log_in, proper, scripted, trusting, verify,
};

fn one(entry: Entry) -> Found {
    Found::Entry(Box::new(entry))
}

#[tokio::test]
async fn entries_are_found_in_the_order_asked_for() {
    let directory = directory();
    let [alice, bob] = [log_in(&directory, "alice").await, log_in(&directory, "bob").await];
    let by_id = EntryRef { name: "alice", id: Some(&alice.id) };
    let asked = [
        EntryRef::named("bob"),
        EntryRef::named("unknown"),
        by_id,
        EntryRef::named("bob"),
        EntryRef { name: "bob", id: Some("57e7a3ea-0000-4000-8000-00000000ffff") },
    ];
    let found = directory.find(&asked).await.unwrap();
    assert_eq!(found, [one(bob.clone()), Found::Gone, one(alice), one(bob), Found::Gone]);
    assert_eq!(directory.find(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn many_entries_are_found() {
    let names: Vec<String> = (0..300).map(|number| format!("many{number}")).collect();
    let ldif: String = names.iter().map(|name| person(&dn_of(name), name, "")).collect();
    server().add(&ldif);
    let asked: Vec<_> = names.iter().map(|name| EntryRef::named(name)).collect();
    let found = directory().find(&asked).await.unwrap();
    assert_eq!(found.len(), names.len());
    let found: Vec<_> = found.into_iter().map(|found| found.entry().unwrap()).collect();
    for (entry, name) in found.iter().zip(&names) {
        assert_eq!(&entry.username, name);
    }
    let ids: Vec<String> = found.into_iter().map(|entry| entry.id).collect();
    let asked: Vec<_> = ids.iter().map(|id| EntryRef { name: "x", id: Some(id) }).collect();
    let found = directory().find(&asked).await.unwrap();
    let again: Vec<_> = found.into_iter().map(|found| found.entry().unwrap().id).collect();
    assert_eq!(again, ids);
}

#[tokio::test]
async fn deleted_entry_is_gone() {
    server().add(&person(&dn_of("deleted"), "deleted", ""));
    let directory = directory();
    let entry = log_in(&directory, "deleted").await;
    server().delete(&dn_of("deleted"));
    let reference = EntryRef { name: "deleted", id: Some(&entry.id) };
    assert_eq!(directory.find(&[reference]).await.unwrap(), [Found::Gone]);
    assert_eq!(verify(&directory, "deleted", PASSWORD).await.unwrap(), Verified::Mismatch(None));
    // Another person gets the name.
    server().add(&person(&dn_of("deleted"), "deleted", ""));
    assert_eq!(directory.find(&[reference]).await.unwrap(), [Found::Gone]);
    let verified = directory.verify(reference, &Password::new(PASSWORD)).await.unwrap();
    assert_eq!(verified, Verified::Mismatch(None));
    assert_ne!(log_in(&directory, "deleted").await.id, entry.id);
}

#[tokio::test]
async fn renamed_and_moved_entry_is_the_same() {
    server().add(&person(&dn_of("maiden"), "maiden", "mail: m@example.org\n"));
    server().add(&format!("dn: ou=moved,{PEOPLE}\nobjectClass: organizationalUnit\nou: moved\n\n"));
    let directory = directory();
    let before = log_in(&directory, "maiden").await;
    server().modify(&format!(
        "dn: {}\nchangetype: modrdn\nnewrdn: uid=married\ndeleteoldrdn: 1\n\
         newsuperior: ou=moved,{PEOPLE}\n\n",
        dn_of("maiden")
    ));
    let reference = EntryRef { name: "maiden", id: Some(&before.id) };
    let found = directory.find(&[reference]).await.unwrap().pop().unwrap().entry().unwrap();
    assert_eq!((found.id.as_str(), found.username.as_str()), (before.id.as_str(), "married"));
    assert_eq!(log_in(&directory, "married").await, found);
    assert_eq!(verify(&directory, "maiden", PASSWORD).await.unwrap(), Verified::Mismatch(None));
    let verified = directory.verify(reference, &Password::new(PASSWORD)).await.unwrap();
    assert_eq!(verified, Verified::Match(Box::new(found)));
}

/// Moved out of the base, or no longer matched by the filter: it may not log in any more.
#[tokio::test]
async fn entry_outside_of_the_base_is_gone() {
    let place = format!("ou=guests,{}", PEOPLE.split_once(',').unwrap().1);
    server().add(&person(&dn_of("outsider"), "outsider", ""));
    let directory = directory();
    let entry = log_in(&directory, "outsider").await;
    server().modify(&format!(
        "dn: {}\nchangetype: modrdn\nnewrdn: uid=outsider\ndeleteoldrdn: 0\nnewsuperior: {place}\n\n",
        dn_of("outsider")
    ));
    let reference = EntryRef { name: "outsider", id: Some(&entry.id) };
    assert_eq!(directory.find(&[reference]).await.unwrap(), [Found::Gone]);
    assert_eq!(verify(&directory, "outsider", PASSWORD).await.unwrap(), Verified::Mismatch(None));
}

#[tokio::test]
async fn person_who_left_the_allowed_groups_may_not_log_in() {
    let (dn, place) = (dn_of("dismissed"), format!("cn=hired,{GROUPS}"));
    server().add(&person(&dn, "dismissed", ""));
    server().add(&group("hired", &[&dn, &dn_of("judy")]));
    let groups = Groups { allowed: vec![place.clone()], ..Groups::default() };
    let directory = Options { groups, ..trusting(server()) }.open().unwrap();
    assert_eq!(find(&directory, "dismissed").await.unwrap().standing, Standing::Active);
    server().modify(&format!("dn: {place}\nchangetype: modify\ndelete: member\nmember: {dn}\n\n"));
    let found = find(&directory, "dismissed").await;
    assert!(found.is_none_or(|entry| entry.standing == Standing::Disabled));
    assert_eq!(find(&directory, "judy").await.unwrap().standing, Standing::Active);
}

/// The person writes into the own entry as much as the limit of a message, or more.
#[tokio::test]
async fn entry_that_is_too_large_does_not_hide_the_others() {
    let long = "m".repeat(2000);
    let mails: Vec<String> = (0..600).map(|n| format!("mail: {n}{long}@x.org\n")).collect();
    server().add(&person(&dn_of("large"), "large", &mails.concat()));
    server().add(&person(&dn_of("before"), "before", ""));
    server().add(&person(&dn_of("after"), "after", ""));
    let asked = ["before", "large", "departed", "after"].map(EntryRef::named);
    let found = directory().find(&asked).await.unwrap();
    assert!(
        matches!(&found[..], [Found::Entry(_), Found::Unusable(_), Found::Gone, Found::Entry(_)]),
        "{found:?}"
    );
}

/// What a server answers to the search for an account that is linked by its id.
async fn answer_to_id(
    id: &'static str,
    answer: impl Fn(&Request) -> Vec<Action> + Send + Sync + 'static,
) -> Found {
    let server = Server::start(Encryption::None, move |request| match &request.operation {
        Operation::Search { base, .. } if !base.is_empty() => answer(request),
        _ => proper(request),
    });
    let asked = EntryRef { name: "alice", id: Some(id) };
    scripted(&server).find(&[asked]).await.unwrap().remove(0)
}

#[tokio::test]
async fn answer_that_cannot_be_used_is_no_absence() {
    const ID: &str = "57e7a3ea-0000-4000-8000-000000000001";
    let with = |attributes: &'static [(&'static str, &'static [&'static str])]| {
        move |request: &Request| {
            let entry = Answer::entry(request, ALICE, attributes);
            vec![entry.into(), Answer::result(request, 0, "").into()]
        }
    };
    let is_unusable = |found: &Found| matches!(found, Found::Unusable(_));
    let proper = answer_to_id(ID, proper).await;
    assert!(matches!(proper, Found::Entry(_)), "{proper:?}");
    for (what, found) in [
        ("no id", answer_to_id(ID, with(&[("uid", &["alice"])])).await),
        ("no username", answer_to_id(ID, with(&[("entryUUID", &[ID])])).await),
        (
            "another entry",
            answer_to_id(
                ID,
                with(&[
                    ("uid", &["alice"]),
                    ("entryUUID", &["57e7a3ea-0000-4000-8000-000000000002"]),
                ]),
            )
            .await,
        ),
    ] {
        assert!(is_unusable(&found), "{what}: {found:?}");
    }
    for (url, is_expected) in [
        ("ldap://127.0.0.1:1/ou=people,dc=example,dc=org", true),
        ("ldap://127.0.0.1:1/OU=Elsewhere,OU=people,DC=example,DC=org", false),
        ("ldap://127.0.0.1:1/dc=example,dc=org??sub", true),
        ("ldap://127.0.0.1:1/", true),
    ] {
        let found = answer_to_id(ID, move |request| {
            let reference = Answer::reference(request, &[url]);
            vec![reference.into(), Answer::result(request, 0, "").into()]
        });
        assert_eq!(is_unusable(&found.await), is_expected, "{url}");
    }
    // The search by the id finds nothing, and the one by the name an entry without it.
    let hidden = answer_to_id(ID, move |request| {
        let Operation::Search { filter, .. } = &request.operation else { return Vec::new() };
        let is_by_id = String::from_utf8_lossy(&filter.encode()).contains("entryUUID");
        let done = Answer::result(request, 0, "").into();
        if is_by_id { vec![done] } else { with(&[("uid", &["alice"])])(request) }
    });
    assert!(is_unusable(&hidden.await));
}

#[tokio::test]
async fn name_as_an_id_may_be_spelt_in_another_way() {
    for spelt in [ALICE, "UID=Alice, OU=People,DC=example,dc=org"] {
        let server = Server::start(Encryption::None, move |request| match &request.operation {
            Operation::Search { base, .. } if !base.is_empty() => {
                let attributes: [(&str, &[&str]); 1] = [("uid", &["alice"])];
                let entry = Answer::entry(request, spelt, &attributes);
                vec![entry.into(), Answer::result(request, 0, "").into()]
            }
            Operation::Bind { dn, .. } if dn == spelt => {
                vec![Answer::result(request, 0, "").into()]
            }
            _ => proper(request),
        });
        let directory = scripted(&server);
        assert_eq!(log_in(&directory, "alice").await.id, ALICE, "the same account");
        for id in [ALICE, "uid=ALICE,ou=people,dc=example,dc=org"] {
            let asked = EntryRef { name: "alice", id: Some(id) };
            let found = directory.find(&[asked]).await.unwrap().remove(0).entry().unwrap();
            assert_eq!(found.id, id);
            let verified = directory.verify(asked, &Password::new(PASSWORD)).await.unwrap();
            assert_eq!(verified, Verified::Match(Box::new(found)));
        }
    }
}

/// Half of an answer must not make the other half disappear.
#[tokio::test]
async fn search_that_breaks_off_is_no_absence() {
    for last in [Action::Close, Action::Wait] {
        let server = Server::start(Encryption::None, move |request| {
            if !Request::is_search(request) {
                return proper(request);
            }
            let mut actions = proper(request);
            actions.pop();
            actions.push(last.clone());
            actions
        });
        let asked = [EntryRef::named("alice"), EntryRef::named("bob")];
        let directory = hasty(vec![server.url()]).open().unwrap();
        let found = directory.find(&asked).await;
        let kind = kind(found);
        let expected = [
            DirectoryErrorKind::Unreachable,
            DirectoryErrorKind::TimedOut,
            DirectoryErrorKind::Protocol,
        ];
        assert!(expected.contains(&kind), "{kind:?}");
    }
}

/// Limits of the server, which answers with less than there is.
#[tokio::test]
async fn search_that_is_cut_short_is_no_absence() {
    for code in [3, 4, 11] {
        let server = Server::start(Encryption::None, move |request| {
            let done = Answer::result(request, code, "");
            if Request::is_search(request) { vec![done.into()] } else { proper(request) }
        });
        let found = scripted(&server).find(&[EntryRef::named("alice")]).await;
        assert!(found.is_err(), "{code}: {found:?}");
    }
}
