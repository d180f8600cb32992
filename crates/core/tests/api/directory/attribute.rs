//! What entries say is applied to their accounts at each login.

use crossauth_core::account::Role;
use crossauth_core::directory::{FirstLogin, SyncMode};
use crossauth_core::factor::Configured;
use crossauth_core::user::{FactorName, NewUser, Patch, UserSecrets};
use crossauth_testkit::storage::create_user;
use serde_json::{Value, json};

use super::{SECRET, is_logged_in, is_wrong, site, site_with};
use crate::site::PASSWORD;

#[tokio::test]
async fn attributes_are_refreshed_at_each_login_and_what_is_gone_is_deleted() {
    let (site, directory) = site();
    directory.change("id-bob", |entry| {
        entry.email = Some("bob@example.com".into());
        entry.fields.insert("phone".into(), json!("+44 1"));
        entry.fields.insert("room".into(), json!("7"));
    });
    site.enter("bob", SECRET).await;
    directory.change("id-bob", |entry| {
        entry.email = Some("robert@example.com".into());
        entry.fields.insert("phone".into(), json!(null));
        entry.fields.insert("room".into(), json!(""));
        entry.fields.insert("site".into(), json!("Leeds"));
    });
    let bob = site.enter("bob", SECRET).await.user.unwrap();
    assert_eq!(bob.email.as_deref(), Some("robert@example.com"));
    assert_eq!(Value::from(bob.extra), json!({"site": "Leeds"}));
    assert!(is_wrong(&site.log_in("bob@example.com", SECRET).await));
    assert!(is_logged_in(&site.log_in("robert@example.com", SECRET).await));
}

/// Where users may change their entries, the password alone would otherwise change where codes go.
#[tokio::test]
async fn what_the_second_factor_depends_on_does_not_follow_the_directory() {
    for (factor, depends) in [(FactorName::EMAIL, true), (FactorName::TOTP, false)] {
        let (site, directory) = site_with(FirstLogin::CreatesAccount, |config| {
            let totp = Configured::Totp { issuer: "Example".into() };
            config.factors.second = vec![Configured::Email, totp];
        });
        let user = NewUser {
            email: Some("bob@example.com".into()),
            factor1: FactorName::LDAP,
            factor2: Some(factor),
            ..NewUser::named("bob")
        };
        let secrets =
            UserSecrets { password: Some("ldap:id-bob".into()), ..UserSecrets::default() };
        create_user(site.storage.inner(), &user, &secrets).await;
        directory.change("id-bob", |entry| {
            entry.email = Some("mallory@example.com".into());
            entry.fields.insert("room".into(), json!("7"));
        });
        site.directory().sync(SyncMode::Apply).await.unwrap();
        let _ = site.log_in("bob", SECRET).await;
        let bob = site.user("bob").await.unwrap();
        let expected = if depends { "bob@example.com" } else { "mallory@example.com" };
        assert_eq!(bob.email.as_deref(), Some(expected));
        assert_eq!(Value::from(bob.extra), json!({"room": "7"}), "the rest follows");
        assert_eq!(site.directory().sync(SyncMode::DryRun).await.unwrap().differing, []);
    }
}

/// Codes go to a username that is an address if there is no other one.
#[tokio::test]
async fn username_to_which_codes_go_does_not_follow_the_directory() {
    for (email, follows) in [(None, false), (Some("robert@example.com"), true)] {
        let (site, directory) = site_with(FirstLogin::CreatesAccount, |config| {
            config.factors.second = vec![Configured::Email];
        });
        let user = NewUser {
            email: email.map(str::to_owned),
            factor1: FactorName::LDAP,
            factor2: Some(FactorName::EMAIL),
            ..NewUser::named("bob@example.com")
        };
        let secrets =
            UserSecrets { password: Some("ldap:id-bob".into()), ..UserSecrets::default() };
        create_user(site.storage.inner(), &user, &secrets).await;
        directory.change("id-bob", |entry| entry.username = "mallory@example.com".into());
        site.directory().sync(SyncMode::Apply).await.unwrap();
        assert_eq!(site.user("mallory@example.com").await.is_some(), follows);
        assert_eq!(site.user("bob@example.com").await.is_some(), !follows);
    }
}

#[tokio::test]
async fn lists_of_texts_are_kept_and_other_structures_are_left_out() {
    let (site, directory) = site();
    let set = |roles: Value| {
        directory.change("id-bob", |entry| {
            entry.fields.insert("roles".into(), roles);
            entry.fields.insert("odd".into(), json!({"a": 1}));
            entry.fields.insert("odder".into(), json!([["a"], 1]));
            entry.fields.insert("admin".into(), json!(["true"]));
        });
    };
    for roles in [json!(["engineer", "author"]), json!([])] {
        set(roles.clone());
        let bob = site.enter("bob", SECRET).await.user.unwrap();
        assert_eq!(Value::from(bob.extra), json!({ "roles": roles }));
    }
    set(json!(null));
    let bob = site.enter("bob", SECRET).await.user.unwrap();
    assert_eq!(Value::from(bob.extra), json!({}), "what a group gave is taken back");
}

#[tokio::test]
async fn login_that_changes_nothing_writes_nothing_but_the_session() {
    let (site, _directory) = site();
    site.enter("bob", SECRET).await;
    site.storage.take_calls();
    site.enter("bob", SECRET).await;
    let calls = site.storage.take_calls();
    assert!(!calls.contains(&"users.change"), "{calls:?}");
    assert!(calls.contains(&"sessions.start"), "{calls:?}");
}

#[tokio::test]
async fn renamed_entry_keeps_its_account_by_its_old_and_its_new_name() {
    let (site, directory) = site();
    let bob = site.enter("bob", SECRET).await.user.unwrap();
    directory.change("id-bob", |entry| entry.username = "robert".into());
    let renamed = site.enter("robert", SECRET).await.user.unwrap();
    assert_eq!((&renamed.id, renamed.username.as_str()), (&bob.id, "robert"));
    directory.change("id-bob", |entry| entry.username = "rob".into());
    let renamed = site.enter("robert", SECRET).await.user.unwrap();
    assert_eq!((&renamed.id, renamed.username.as_str()), (&bob.id, "rob"));
    assert_eq!(site.count_users().await, 1);
}

#[tokio::test]
async fn new_name_that_another_account_has_is_left_out() {
    let (site, directory) = site();
    let bob = site.enter("bob", SECRET).await.user.unwrap();
    let ann = site.account("ann", Role::User).await;
    directory.change("id-bob", |entry| {
        entry.username = "ann".into();
        entry.email = Some("bob@example.com".into());
    });
    let updated = site.enter("bob", SECRET).await.user.unwrap();
    assert_eq!((&updated.id, updated.username.as_str()), (&bob.id, "bob"));
    assert_eq!(updated.email.as_deref(), Some("bob@example.com"), "the rest is applied");
    assert_eq!(site.enter("ann", PASSWORD).await.user.unwrap().id, ann.id);
}

#[tokio::test]
async fn groups_make_an_administrator_and_take_it_back_but_not_from_the_last() {
    let (site, directory) = site();
    directory.change("id-bob", |entry| entry.admin = Some(true));
    assert!(site.enter("bob", SECRET).await.user.unwrap().admin);
    directory.change("id-bob", |entry| {
        entry.admin = Some(false);
        entry.email = Some("bob@example.com".into());
    });
    let bob = site.enter("bob", SECRET).await.user.unwrap();
    assert!(bob.admin, "the last administrator stays one");
    assert_eq!(bob.email.as_deref(), Some("bob@example.com"), "the rest is applied");
    site.account("ann", Role::Administrator).await;
    assert!(!site.enter("bob", SECRET).await.user.unwrap().admin);
    directory.change("id-bob", |entry| entry.admin = None);
    assert!(!site.enter("bob", SECRET).await.user.unwrap().admin, "nothing decides it");
}

#[tokio::test]
async fn address_of_an_account_of_the_directory_is_not_changed_by_its_owner() {
    use crossauth_core::profile::{ProfileChange, ProfileUpdate};
    use serde_json::Map;

    let (site, directory) =
        super::site_with(crossauth_core::directory::FirstLogin::CreatesAccount, |config| {
            config.signup.editable_fields = vec!["email".into(), "phone".into()];
        });
    directory.change("id-bob", |entry| entry.email = Some("bob@example.com".into()));
    site.account("ann", Role::User).await;
    for (name, password, is_changed) in [("bob", SECRET, false), ("ann", PASSWORD, true)] {
        let session = site.enter(name, password).await;
        let session = site.auth.sessions.check(&session.cookie).await.unwrap();
        let new = format!("{name}@elsewhere.example");
        let fields = Map::from_iter([
            ("email".to_owned(), json!(new)),
            ("phone".to_owned(), json!("+44 2")),
        ]);
        let update = ProfileUpdate { fields, ..ProfileUpdate::default() };
        let changed = site.auth.profile.update(&session, update).await.unwrap();
        assert!(matches!(changed, ProfileChange::Done(_)), "{changed:?}");
        let user = site.user(name).await.unwrap();
        assert_eq!(user.email == Some(new), is_changed, "{name}");
        assert_eq!(user.extra["phone"], json!("+44 2"));
        assert_eq!(site.auth.profile.is_editable_by(&user, "email"), is_changed);
        assert_eq!(site.auth.is_from_directory(&user, "email"), !is_changed);
    }
    let email = Patch::Set("set@example.com".to_owned());
    let update = crossauth_core::account::AccountUpdate {
        email,
        ..crossauth_core::account::AccountUpdate::default()
    };
    site.auth.accounts.update("bob", update).await.unwrap();
    let email = site.enter("bob", SECRET).await.user.unwrap().email;
    assert_eq!(email.as_deref(), Some("bob@example.com"), "the directory decides");
}

#[tokio::test]
async fn field_of_an_entry_is_changed_by_its_user_in_the_directory_only() {
    use crossauth_core::profile::{ProfileChange, ProfileUpdate};
    use serde_json::Map;

    let (site, directory) = site_with(FirstLogin::CreatesAccount, |config| {
        config.signup.editable_fields = vec!["phone".into(), "room".into()];
    });
    directory.change("id-bob", |entry| {
        entry.fields.insert("phone".into(), json!("+44 1"));
    });
    site.account("ann", Role::User).await;
    for (name, password, phone) in [("bob", SECRET, "+44 1"), ("ann", PASSWORD, "+44 2")] {
        let session = site.enter(name, password).await;
        let session = site.auth.sessions.check(&session.cookie).await.unwrap();
        let given = [("phone".to_owned(), json!("+44 2")), ("room".to_owned(), json!("7"))];
        let update = ProfileUpdate { fields: Map::from_iter(given), ..ProfileUpdate::default() };
        let changed = site.auth.profile.update(&session, update).await.unwrap();
        assert!(matches!(changed, ProfileChange::Done(_)), "{changed:?}");
        let user = site.user(name).await.unwrap();
        assert_eq!(Value::from(user.extra), json!({"phone": phone, "room": "7"}), "{name}");
    }
}
