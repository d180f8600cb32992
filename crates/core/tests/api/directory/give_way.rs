//! Accounts that give a username or an address up to the account of an entry.

use std::sync::Arc;

use crossauth_core::directory::{DirectoryLink, FirstLogin, SyncMode};
use crossauth_core::outbox::Preview;
use crossauth_core::signup::{SignupOutcome, SignupRequest};
use crossauth_core::user::User;
use crossauth_testkit::directory::{ScriptedDirectory, entry};
use serde_json::json;

use super::{SECRET, is_wrong, site, site_with};
use crate::site::{PASSWORD, Site, form};

/// Entries `a`, `b` and so on, each of which gets the username and address of the next.
async fn rotate(site: &Site, directory: &ScriptedDirectory, names: &[&str]) {
    let address = |name: &str| Some(format!("{name}@example.com"));
    for name in names {
        directory.add(entry(name), SECRET);
        directory.change(&format!("id-{name}"), |entry| entry.email = address(name));
        site.enter(name, SECRET).await;
    }
    for (name, next) in names.iter().zip(names.iter().cycle().skip(1)) {
        directory.change(&format!("id-{name}"), |entry| {
            (entry.username, entry.email) = ((*next).to_owned(), address(next));
        });
    }
}

#[tokio::test]
async fn entries_that_exchange_usernames_and_addresses_have_them_after_one_comparison() {
    for names in [&["ann", "dan"][..], &["ann", "dan", "eve", "fay"]] {
        let (site, directory) = site();
        rotate(&site, &directory, names).await;
        site.sync(SyncMode::Apply).await;
        assert_eq!(site.sync(SyncMode::DryRun).await.differing, [], "{names:?}");
        for (name, next) in names.iter().zip(names.iter().cycle().skip(1)) {
            let user = site.user(next).await.unwrap();
            assert_eq!(user.email, Some(format!("{next}@example.com")));
            let id = format!("id-{name}");
            assert_eq!(site.link(next).await, Some(DirectoryLink::to_entry(id)));
        }
    }
}

#[tokio::test]
async fn entries_that_exchange_usernames_have_them_after_one_login() {
    let (site, directory) = site();
    rotate(&site, &directory, &["ann", "dan"]).await;
    let renamed = site.enter("ann", SECRET).await.user.unwrap();
    assert_eq!(
        (renamed.username.as_str(), renamed.email.as_deref()),
        ("dan", Some("dan@example.com"))
    );
    assert_eq!(site.link("ann").await, Some(DirectoryLink::to_entry("id-dan")));
    site.sync(SyncMode::Apply).await;
    assert_eq!(site.sync(SyncMode::DryRun).await.differing, []);
}

#[tokio::test]
async fn account_whose_entry_still_has_the_name_or_is_gone_keeps_it() {
    for is_gone in [true, false] {
        let (site, directory) = site();
        let bob = site.enter("bob", SECRET).await.user.unwrap();
        directory.add(entry("ann"), SECRET);
        site.enter("ann", SECRET).await;
        directory.change("id-ann", |entry| entry.username = "bob".into());
        if is_gone {
            directory.remove("id-bob");
        }
        site.sync(SyncMode::Apply).await;
        assert_eq!(site.user("bob").await.unwrap().id, bob.id, "{is_gone}");
        assert_eq!(site.link("ann").await, Some(DirectoryLink::to_entry("id-ann")));
    }
}

/// A site that verifies addresses.
fn verifying() -> (Arc<Site>, ScriptedDirectory) {
    site_with(FirstLogin::CreatesAccount, |config| {
        config.signup.editable_fields = vec!["email".into()];
        config.delivery.preview = Some(Preview::default());
    })
}

/// Signs up with an address, which is not verified.
async fn squat(site: &Site, username: &str, email: &str) -> User {
    let mut form = form(username, PASSWORD);
    form.fields.insert("email".into(), json!(email));
    let outcome = site.auth.signup.sign_up(SignupRequest::new(form)).await;
    assert!(matches!(outcome, Ok(SignupOutcome::VerifyEmail)), "{outcome:?}");
    site.user(username).await.unwrap()
}

#[tokio::test]
async fn unverified_address_of_a_local_account_goes_to_the_entry_that_has_it() {
    for (name, typed) in [("ceo", "ceo"), ("ceo@example.org", "CEO@example.org")] {
        for squatter in ["mallory", "ceo@example.org"] {
            let (site, directory) = verifying();
            let mallory = squat(&site, squatter, "ceo@example.org").await;
            let mut ceo = entry(name);
            ceo.email = Some("ceo@example.org".into());
            directory.add(ceo, SECRET);
            let user = site.enter(typed, SECRET).await.user.unwrap();
            assert_eq!(
                (user.username.as_str(), user.email.as_deref()),
                (name, Some("ceo@example.org"))
            );
            let loser = site.auth.accounts.find(&mallory.id).await.unwrap().unwrap();
            assert_eq!(loser.email, None, "{name} {squatter}");
            assert!(!loser.username.contains('@'), "{}", loser.username);
            assert!(site.acts(&loser.username).await.contains(&"directory.changed".to_owned()));
            assert!(is_wrong(&site.log_in(typed, PASSWORD).await), "{name} {squatter}");
        }
    }
}

#[tokio::test]
async fn unverified_address_goes_to_the_account_of_an_entry_that_gets_it_later() {
    let (site, directory) = verifying();
    site.enter("bob", SECRET).await;
    let mallory = squat(&site, "mallory", "bob@example.org").await;
    directory.change("id-bob", |entry| entry.email = Some("bob@example.org".into()));
    site.sync(SyncMode::Apply).await;
    assert_eq!(site.user("bob").await.unwrap().email.as_deref(), Some("bob@example.org"));
    assert_eq!(site.auth.accounts.find(&mallory.id).await.unwrap().unwrap().email, None);
}

/// Who signed up first under a name has it, verified or not: nothing says that it is that of the entry.
#[tokio::test]
async fn username_that_is_no_address_is_kept_by_an_unverified_local_account() {
    let (site, directory) = verifying();
    let eve = squat(&site, "eve", "eve@example.net").await;
    directory.add(entry("eve"), SECRET);
    assert!(is_wrong(&site.log_in("eve", SECRET).await));
    assert_eq!(site.user("eve").await.unwrap().id, eve.id);
}
