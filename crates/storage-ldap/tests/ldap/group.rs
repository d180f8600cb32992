//! Groups, and groups of groups.

use crossauth_core::directory::{EntryRefusal, Standing, Verified};
use crossauth_storage_ldap::{Groups, LdapDirectory, Options};
use crossauth_testkit::slapd::directory::{GROUPS, PASSWORD, dn_of, group, person};
use crossauth_testkit::slapd::server;
use serde_json::json;

use crate::site::{find, log_in, template, trusting, verify};

fn dn(name: &str) -> String {
    format!("cn={name},{GROUPS}")
}

fn with(groups: Groups) -> LdapDirectory {
    Options { groups, ..trusting(server()) }.open().unwrap()
}

/// By the attribute of the entry, and by a search.
fn both(groups: &Groups) -> [LdapDirectory; 2] {
    let searched = Groups { base: Some(GROUPS.into()), ..groups.clone() };
    [with(groups.clone()), with(searched)]
}

#[tokio::test]
async fn group_makes_an_administrator() {
    for directory in both(&Groups { admin: vec![dn("admins")], ..Groups::default() }) {
        assert_eq!(log_in(&directory, "carol").await.admin, Some(true));
        assert_eq!(log_in(&directory, "alice").await.admin, Some(false));
        assert_eq!(find(&directory, "carol").await.unwrap().admin, Some(true));
    }
    // In any spelling.
    let spelt = "CN=Admins, OU=Groups,dc=EXAMPLE,dc=org".to_owned();
    for directory in both(&Groups { admin: vec![spelt], ..Groups::default() }) {
        assert_eq!(log_in(&directory, "carol").await.admin, Some(true));
        assert_eq!(log_in(&directory, "alice").await.admin, Some(false));
    }
}

#[tokio::test]
async fn only_members_of_allowed_groups_log_in() {
    for directory in both(&Groups { allowed: vec![dn("engineers")], ..Groups::default() }) {
        log_in(&directory, "alice").await;
        let verified = verify(&directory, "carol", PASSWORD).await.unwrap();
        assert_eq!(verified, Verified::Refused(EntryRefusal::NotInGroup));
        let verified = verify(&directory, "carol", "wrong").await.unwrap();
        assert_eq!(verified, Verified::Mismatch(None), "a wrong password does not reveal it");
        assert_eq!(find(&directory, "alice").await.unwrap().standing, Standing::Active);
        let carol = find(&directory, "carol").await;
        assert!(carol.is_none_or(|entry| entry.standing == Standing::Disabled));
    }
}

#[tokio::test]
async fn members_of_members_count_if_groups_are_nested() {
    let roles = vec![(dn("everyone"), "all".into()), (dn("engineers"), "engineer".into())];
    let groups = Groups { roles, roles_field: "granted".into(), ..Groups::default() };
    for directory in both(&Groups { nested: true, ..groups.clone() }) {
        assert_eq!(log_in(&directory, "alice").await.fields["granted"], json!(["all", "engineer"]));
        assert_eq!(log_in(&directory, "dave").await.fields["granted"], json!(["all"]));
        assert_eq!(log_in(&directory, "carol").await.fields["granted"], json!([]));
    }
    for directory in both(&groups) {
        assert_eq!(log_in(&directory, "alice").await.fields["granted"], json!(["engineer"]));
        assert_eq!(log_in(&directory, "dave").await.fields["granted"], json!([]));
    }
}

#[tokio::test]
async fn groups_that_contain_each_other_are_followed_once() {
    let groups = Groups { nested: true, admin: vec![dn("ring2")], ..Groups::default() };
    for directory in both(&groups) {
        assert_eq!(log_in(&directory, "erin").await.admin, Some(true));
        assert_eq!(log_in(&directory, "alice").await.admin, Some(false));
    }
}

#[tokio::test]
async fn members_are_named_in_three_ways() {
    let is_member = async |name: &str, group: &str| {
        let base = Some(GROUPS.into());
        let groups = Groups { base, admin: vec![dn(group)], ..Groups::default() };
        log_in(&with(groups), name).await.admin.unwrap()
    };
    for (name, group) in [("alice", "engineers"), ("frank", "wardens"), ("gina", "operators")] {
        assert!(is_member(name, group).await, "{group}");
        assert!(!is_member("judy", group).await, "{group}");
    }
}

#[tokio::test]
async fn groups_and_members_with_awkward_names_are_found() {
    for (name, group) in [("heidi", r"sales\, (EMEA)"), ("Smith, John", "awkward")] {
        for directory in both(&Groups { admin: vec![dn(group)], ..Groups::default() }) {
            assert_eq!(log_in(&directory, name).await.admin, Some(true), "{group}");
            assert_eq!(log_in(&directory, "alice").await.admin, Some(false), "{group}");
        }
    }
}

#[tokio::test]
async fn user_reads_groups_if_there_is_no_service_account() {
    let base = Some(GROUPS.into());
    let groups = Groups { base, nested: true, admin: vec![dn("staff")], ..Groups::default() };
    let options = Options { start_tls: false, groups, ..template(vec![server().url()]) };
    let directory = options.open().unwrap();
    assert_eq!(log_in(&directory, "alice").await.admin, Some(true));
    assert_eq!(log_in(&directory, "carol").await.admin, Some(false));
}

/// What a group gave is taken back.
#[tokio::test]
async fn person_who_left_a_group_has_nothing_of_it() {
    let (name, member) = ("leaver", dn_of("leaver"));
    server().add(&person(&member, name, ""));
    server().add(&group("leavers", &[&member, &dn_of("judy")]));
    let roles = vec![(dn("leavers"), "leaver".into())];
    let groups = Groups { admin: vec![dn("leavers")], roles, ..Groups::default() };
    for directory in both(&groups) {
        let entry = log_in(&directory, name).await;
        assert_eq!((entry.admin, &entry.fields["roles"]), (Some(true), &json!(["leaver"])));
    }
    server().modify(&format!(
        "dn: {}\nchangetype: modify\ndelete: member\nmember: {member}\n\n",
        dn("leavers")
    ));
    for directory in both(&groups) {
        let entry = log_in(&directory, name).await;
        assert_eq!((entry.admin, &entry.fields["roles"]), (Some(false), &json!([])));
        assert_eq!(find(&directory, name).await, Some(entry));
    }
}

/// A chain that is longer than groups of real directories are deep must end.
#[tokio::test]
async fn long_chains_of_groups_end() {
    server().add(&person(&dn_of("chained"), "chained", ""));
    server().add(&group("chain0", &[&dn_of("chained")]));
    for number in 1..40 {
        server().add(&group(&format!("chain{number}"), &[&dn(&format!("chain{}", number - 1))]));
    }
    let groups = Groups { nested: true, admin: vec![dn("chain3")], ..Groups::default() };
    for directory in both(&groups) {
        assert_eq!(find(&directory, "chained").await.unwrap().admin, Some(true));
        assert_eq!(find(&directory, "alice").await.unwrap().admin, Some(false));
    }
}
