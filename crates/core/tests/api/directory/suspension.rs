//! Accounts that the directory or an administrator disabled, or both.

use std::sync::Arc;

use crossauth_core::account::{AccountUpdate, StateRequest};
use crossauth_core::directory::{DirectoryLink, Standing, SyncAction, SyncMode};
use crossauth_core::login::LoginOutcome;
use crossauth_core::user::{Refusal, UserState};
use crossauth_testkit::directory::entry;

use super::sync::actions;
use super::{SECRET, is_logged_in, site};
use crate::site::Site;

#[tokio::test]
async fn account_that_an_administrator_disabled_is_not_enabled_by_the_directory() {
    let (site, _directory) = site();
    let bob = site.enter("bob", SECRET).await.user.unwrap();
    site.auth.accounts.disable(&bob).await.unwrap();
    assert_eq!(site.sync(SyncMode::Apply).await.differing, []);
    let refused = site.log_in("bob", SECRET).await;
    assert!(matches!(refused, LoginOutcome::Refused(Refusal::NotActive)), "{refused:?}");
    site.auth.accounts.enable(&bob).await.unwrap();
    assert!(is_logged_in(&site.log_in("bob", SECRET).await));
}

#[tokio::test]
async fn account_that_both_have_disabled_is_not_enabled_by_the_directory() {
    let (site, directory) = site();
    let bob = site.enter("bob", SECRET).await.user.unwrap();
    directory.change("id-bob", |entry| entry.standing = Standing::Disabled);
    site.sync(SyncMode::Apply).await;
    site.auth.accounts.disable(&bob).await.unwrap();
    directory.change("id-bob", |entry| entry.standing = Standing::Active);
    assert_eq!(site.sync(SyncMode::Apply).await.differing, []);
    assert!(!is_logged_in(&site.log_in("bob", SECRET).await));
    assert_eq!(site.user("bob").await.unwrap().state, UserState::Disabled);
    site.auth.accounts.enable(&bob).await.unwrap();
    assert!(is_logged_in(&site.log_in("bob", SECRET).await));
}

/// Disables an account that the directory has disabled, in one of the ways of an administrator.
async fn disable_too(site: &Site, way: usize) {
    let (accounts, off) = (&site.auth.accounts, UserState::Disabled);
    let select = Some(StateRequest::Select(off.clone()));
    match way {
        0 => drop(accounts.disable("bob").await.unwrap()),
        1 => drop(accounts.set_state("bob", &off).await.unwrap()),
        2 => drop(accounts.edit("bob", AccountUpdate::default(), select).await.unwrap()),
        3 => {
            accounts.enable("bob").await.unwrap();
            accounts.set_state("bob", &off).await.unwrap();
        }
        _ => {
            accounts.set_state("bob", &UserState::Active).await.unwrap();
            accounts.edit("bob", AccountUpdate::default(), select).await.unwrap();
        }
    }
}

#[tokio::test]
async fn account_that_an_administrator_disabled_in_any_way_stays_so_when_the_entry_is_back() {
    for way in 0..5 {
        let (site, directory) = site();
        let bob = site.enter("bob", SECRET).await.user.unwrap();
        directory.change("id-bob", |entry| entry.standing = Standing::Disabled);
        site.sync(SyncMode::Apply).await;
        assert!(site.auth.accounts.is_disabled_by_directory(&bob.id).await.unwrap());
        disable_too(&site, way).await;
        assert!(!site.auth.accounts.is_disabled_by_directory(&bob.id).await.unwrap());
        assert!(site.acts("bob").await.contains(&"user.disabled".to_owned()), "{way}");
        directory.change("id-bob", |entry| entry.standing = Standing::Active);
        assert_eq!(site.sync(SyncMode::Apply).await.differing, [], "{way}");
        assert!(!is_logged_in(&site.log_in("bob", SECRET).await), "{way}");
        site.auth.accounts.set_state("bob", &UserState::Active).await.unwrap();
        assert!(is_logged_in(&site.log_in("bob", SECRET).await), "{way}");
    }
}

/// The moment between reading the link of an account and changing the account.
#[tokio::test]
async fn administrator_who_disables_an_account_does_not_undo_its_link_to_another_entry() {
    for way in [0, 1, 2] {
        for calls in 0..8 {
            let (site, directory) = site();
            site.enter("bob", SECRET).await;
            let mut other = entry("bob");
            other.id = "id-new".into();
            directory.add(other, SECRET);
            link_after(&site, calls);
            disable_too(&site, way).await;
            let is_linked = site.link("bob").await.unwrap().id() == Some("id-new");
            assert_eq!(site.user("bob").await.unwrap().state, UserState::Disabled, "{way} {calls}");
            assert_eq!(is_linked, site.acts("bob").await.contains(&"user.linked".to_owned()));
            assert!(is_linked || calls > 0, "{way}");
        }
    }
}

/// Links `bob` to another entry after one more than so many reads of an account.
fn link_after(site: &Arc<Site>, calls: usize) {
    let inside = site.clone();
    site.storage.interrupt_after("users.find_by_id", move |_| async move {
        if calls > 0 {
            link_after(&inside, calls - 1);
        } else {
            inside.directory().link("bob", Some("id-new")).await.unwrap();
        }
    });
}

#[tokio::test]
async fn account_that_is_found_by_its_name_is_enabled_with_the_entry_that_was_disabled() {
    let (site, directory) = site();
    site.stored("bob", None).await;
    directory.change("id-bob", |entry| entry.standing = Standing::Disabled);
    assert_eq!(actions(&site.sync(SyncMode::Apply).await), [("bob", &SyncAction::Disable)]);
    directory.change("id-bob", |entry| entry.standing = Standing::Active);
    let enabled = SyncAction::Enable(Vec::new());
    assert_eq!(actions(&site.sync(SyncMode::Apply).await), [("bob", &enabled)]);
    assert_eq!(site.link("bob").await, Some(DirectoryLink::to_entry("id-bob")));
    assert!(is_logged_in(&site.log_in("bob", SECRET).await));
}

/// The entry that has the name later may be that of another person.
#[tokio::test]
async fn account_that_is_found_by_its_name_stays_disabled_if_there_was_no_entry() {
    let (site, directory) = site();
    site.stored("ann", None).await;
    site.sync(SyncMode::Apply).await;
    directory.add(entry("ann"), SECRET);
    site.sync(SyncMode::Apply).await;
    assert_eq!(site.user("ann").await.unwrap().state, UserState::Disabled);
    assert!(!is_logged_in(&site.log_in("ann", SECRET).await));
}
