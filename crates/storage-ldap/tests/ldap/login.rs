//! Passwords, and the entries that they open.

use std::sync::Arc;

use crossauth_core::directory::{
    Directory as _, Entry, EntryRef, EntryRefusal, Standing, Verified,
};
use crossauth_core::secret::Password;
use crossauth_core::user::FactorName;
use crossauth_storage_ldap::{AttributeMap, Bind, Groups, Map, Options, RawEntry, Scope};
use crossauth_testkit::slapd::directory::{BASE, GROUPS, PASSWORD, PEOPLE, dn_of};
use crossauth_testkit::slapd::server;
use serde_json::json;

use crate::site::{directory, find, log_in, plain, template, trusting, verify};

#[tokio::test]
async fn entry_of_the_right_password_is_read() {
    let options = Options {
        attributes: AttributeMap {
            fields: vec![
                ("phone".into(), "telephoneNumber".into()),
                ("room".into(), "roomNumber".into()),
            ],
            ..AttributeMap::default()
        },
        ..trusting(server())
    };
    let directory = options.open().unwrap();
    assert_eq!(directory.factor(), FactorName::LDAP);
    let entry = log_in(&directory, "alice").await;
    assert_eq!(entry.username, "alice");
    assert_eq!(entry.email.as_deref(), Some("alice@example.org"));
    assert_eq!(entry.dn, dn_of("alice"));
    assert_eq!(entry.id, server().values(&dn_of("alice"), "entryUUID")[0]);
    assert_eq!(entry.standing, Standing::Active);
    assert_eq!(entry.admin, None);
    assert_eq!(json!(entry.fields), json!({"phone": "+1 555 0100", "room": null}));
    assert_eq!(find(&directory, "alice").await, Some(entry));
}

#[tokio::test]
async fn wrong_password_and_unknown_name_are_the_same() {
    let directory = directory();
    log_in(&directory, "bob").await;
    for (name, password) in [
        ("bob", "Correct-horse-8"),
        ("bob", "correct-horse-7"),
        ("bob", "Correct-horse-7 "),
        ("unknown", PASSWORD),
        ("uid=bob,ou=people,dc=example,dc=org", PASSWORD),
    ] {
        let verified = verify(&directory, name, password).await.unwrap();
        assert_eq!(verified, Verified::Mismatch(None), "{name} {password}");
    }
    assert_eq!(find(&directory, "unknown").await, None);
}

#[tokio::test]
async fn person_logs_in_by_each_attribute_that_may_be_the_name() {
    let directory = directory();
    let entry = log_in(&directory, "carol").await;
    assert_eq!(log_in(&directory, "carol@example.org").await, entry);
    assert_eq!(log_in(&directory, "CAROL").await, entry);
}

#[tokio::test]
async fn two_entries_with_one_name_are_none() {
    let whole = Bind::Search {
        base: BASE.into(),
        attributes: vec!["uid".into()],
        filter: None,
        scope: Scope::Subtree,
    };
    log_in(&directory(), "twin").await;
    let directory = Options { bind: whole, ..trusting(server()) }.open().unwrap();
    log_in(&directory, "alice").await;
    let verified = verify(&directory, "twin", PASSWORD).await.unwrap();
    assert_eq!(verified, Verified::Mismatch(Some(EntryRefusal::Ambiguous)));
    assert_eq!(server().count_binds(&format!("uid=twin,ou=guests,{BASE}")), 0);
    assert_eq!(find(&directory, "twin").await, None);
}

#[tokio::test]
async fn scope_and_filter_limit_who_may_log_in() {
    let limited = |scope, filter: Option<&str>| {
        let bind = Bind::Search {
            base: BASE.into(),
            attributes: vec!["uid".into()],
            filter: filter.map(str::to_owned),
            scope,
        };
        Options { bind, ..trusting(server()) }.open().unwrap()
    };
    for filter in ["(objectClass=inetOrgPerson)", "(&(objectClass=inetOrgPerson)(mail=dave@*))"] {
        log_in(&limited(Scope::Subtree, Some(filter)), "dave").await;
    }
    for directory in [
        limited(Scope::OneLevel, None),
        limited(Scope::Subtree, Some("(objectClass=posixAccount)")),
        limited(Scope::Subtree, Some("(!(uid=dave))")),
    ] {
        assert_eq!(verify(&directory, "dave", PASSWORD).await.unwrap(), Verified::Mismatch(None));
        assert_eq!(find(&directory, "dave").await, None);
    }
}

#[tokio::test]
async fn template_makes_the_name_of_the_entry() {
    let directory = Options { start_tls: false, ..template(vec![server().url()]) }.open().unwrap();
    let entry = log_in(&directory, "erin").await;
    assert_eq!(entry.dn, dn_of("erin"));
    assert_eq!(entry.username, "erin");
    assert_eq!(entry.email.as_deref(), Some("erin@example.org"));
    assert_eq!(verify(&directory, "erin", "wrong").await.unwrap(), Verified::Mismatch(None));
    assert_eq!(verify(&directory, "unknown", PASSWORD).await.unwrap(), Verified::Mismatch(None));
    assert_eq!(log_in(&directory, "ERIN").await, entry);
}

#[tokio::test]
async fn entry_that_may_not_be_read_makes_no_account() {
    let directory = Options { start_tls: false, ..template(vec![server().url()]) }.open().unwrap();
    log_in(&directory, "frank").await;
    let before = server().count_binds(&dn_of("hidden"));
    let verified = verify(&directory, "hidden", PASSWORD).await;
    assert!(!matches!(verified, Ok(Verified::Match(_) | Verified::MustChange(_))), "{verified:?}");
    assert!(server().count_binds(&dn_of("hidden")) > before);
}

#[tokio::test]
async fn entry_without_a_username_makes_no_account() {
    let bind = |attribute: &str| Bind::Search {
        base: PEOPLE.into(),
        attributes: vec![attribute.into()],
        filter: None,
        scope: Scope::Subtree,
    };
    let named = AttributeMap { username: "cn".into(), ..AttributeMap::default() };
    let by_cn = Options { bind: bind("cn"), ..plain(server()) };
    let entry =
        log_in(&Options { attributes: named, ..by_cn.clone() }.open().unwrap(), "nameless").await;
    assert_eq!((entry.username.as_str(), entry.email), ("nameless", None));
    let verified = verify(&by_cn.open().unwrap(), "nameless", PASSWORD).await.unwrap();
    assert_eq!(verified, Verified::Refused(EntryRefusal::Unusable));
}

#[tokio::test]
async fn entry_with_two_names_has_the_same_account_by_both() {
    let directory = directory();
    let entry = log_in(&directory, "double").await;
    assert_eq!(log_in(&directory, "second").await, entry);
}

#[tokio::test]
async fn entry_with_another_id_is_not_the_same() {
    let directory = directory();
    let password = Password::new(PASSWORD);
    let gina = log_in(&directory, "gina").await;
    let other = log_in(&directory, "heidi").await;
    let reference = EntryRef { name: "gina", id: Some(&gina.id) };
    assert_eq!(
        directory.verify(reference, &password).await.unwrap(),
        Verified::Match(Box::new(gina.clone()))
    );
    // The id decides, not the name.
    for id in ["57e7a3ea-0000-4000-8000-00000000ffff", "*", "", "gina"] {
        let reference = EntryRef { name: "gina", id: Some(id) };
        let verified = directory.verify(reference, &password).await.unwrap();
        assert_eq!(verified, Verified::Mismatch(None), "{id}");
    }
    let reference = EntryRef { name: "gina", id: Some(&other.id) };
    match directory.verify(reference, &password).await.unwrap() {
        Verified::Match(found) => assert_eq!(found.id, other.id),
        verified => assert_eq!(verified, Verified::Mismatch(None)),
    }
}

#[tokio::test]
async fn closure_changes_what_an_entry_becomes() {
    let map = |raw: &RawEntry, mut entry: Entry| {
        if entry.username == "judy" {
            return Err("not judy".to_owned());
        }
        entry.fields.insert("dn".into(), json!(raw.dn()));
        Ok(entry)
    };
    let directory = Options { map: Some(Arc::new(map)), ..trusting(server()) }.open().unwrap();
    assert_eq!(log_in(&directory, "ivan").await.fields["dn"], json!(dn_of("ivan")));
    let verified = verify(&directory, "judy", PASSWORD).await.unwrap();
    assert_eq!(verified, Verified::Refused(EntryRefusal::Unusable));
}

#[tokio::test]
async fn fields_that_entries_fill_are_those_that_users_do_not_edit() {
    let map: Map = Arc::new(|entry: &RawEntry, account: Entry| {
        let mut fields = account.fields.clone();
        fields.insert("office".into(), entry.text("roomNumber").unwrap_or("none").into());
        Ok(Entry { fields, ..account })
    });
    let mapped = AttributeMap {
        fields: vec![("phone".into(), "telephoneNumber".into())],
        ..AttributeMap::default()
    };
    let group = |name: &str| format!("cn={name},{GROUPS}");
    let groups = Groups {
        base: Some(GROUPS.into()),
        admin: vec![group("staff")],
        roles: vec![(group("engineers"), "engineer".into())],
        ..Groups::default()
    };
    let options = Options {
        attributes: mapped,
        groups,
        map: Some(map),
        map_fields: vec!["office".into()],
        ..trusting(server())
    };
    let directory = options.open().unwrap();
    let entry = log_in(&directory, "alice").await;
    let mut filled: Vec<_> = entry.fields.keys().map(String::as_str).collect();
    filled.sort_unstable();
    assert_eq!(filled, ["office", "phone", "roles"]);
    for field in filled.into_iter().chain(["username", "email", "admin"]) {
        assert!(directory.provides(field), "{field}");
    }
    // Those of another application, and the name of the attribute.
    for field in ["colour", "telephoneNumber", "roomNumber", "password", ""] {
        assert!(!directory.provides(field), "{field}");
    }
    let attributes = AttributeMap { email: None, ..AttributeMap::default() };
    let directory = Options { attributes, ..trusting(server()) }.open().unwrap();
    let entry = log_in(&directory, "alice").await;
    assert!(entry.email.is_none() && entry.admin.is_none() && entry.fields.is_empty());
    for field in ["email", "admin", "roles", "phone", "office"] {
        assert!(!directory.provides(field), "{field}");
    }
    assert!(directory.provides("username"));
}
