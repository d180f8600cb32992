//! Comparison of all accounts with the directory.

use crossauth_core::account::Role;
use crossauth_core::directory::{
    DirectoryErrorKind, DirectoryLink, Standing, SyncAction, SyncError, SyncMode, SyncReport,
};
use crossauth_core::user::UserState;
use crossauth_testkit::directory::{ScriptedDirectory, entry};

use super::{SECRET, is_logged_in, site};
use crate::site::{PASSWORD, Site};

impl Site {
    pub(super) async fn sync(&self, mode: SyncMode) -> SyncReport {
        self.directory().sync(mode).await.unwrap()
    }
}

pub(super) fn actions(report: &SyncReport) -> Vec<(&str, &SyncAction)> {
    report.differing.iter().map(|one| (one.username.as_str(), &one.action)).collect()
}

/// Accounts of entries `user0` and so on, which have logged in.
async fn crowd(site: &Site, directory: &ScriptedDirectory, count: usize) {
    for number in 0..count {
        let name = format!("user{number}");
        directory.add(entry(&name), SECRET);
        site.enter(&name, SECRET).await;
    }
}

#[tokio::test]
async fn user_who_is_gone_or_disabled_in_the_directory_ends_at_the_next_comparison() {
    for is_gone in [true, false] {
        let (site, directory) = site();
        site.account("ann", Role::User).await;
        let (local, session) = (site.session("ann").await, site.enter("bob", SECRET).await);
        assert_eq!(site.sync(SyncMode::Apply).await.differing, []);
        assert!(site.is_accepted(&session).await);
        if is_gone {
            directory.remove("id-bob");
        } else {
            directory.change("id-bob", |entry| entry.standing = Standing::Disabled);
        }
        let report = site.sync(SyncMode::Apply).await;
        assert_eq!((report.compared, actions(&report)), (1, vec![("bob", &SyncAction::Disable)]));
        assert!(!site.is_accepted(&session).await);
        assert!(site.is_accepted(&local).await, "local accounts are not compared");
        assert_eq!(site.user("bob").await.unwrap().state, UserState::Disabled);
        assert!(!is_logged_in(&site.log_in("bob", SECRET).await));
        assert!(site.acts("bob").await.contains(&"directory.disabled".to_owned()));
        assert_eq!(site.sync(SyncMode::Apply).await.differing, [], "it is disabled already");
    }
}

#[tokio::test]
async fn account_that_the_directory_disabled_is_enabled_when_the_entry_is_back() {
    for by_login in [true, false] {
        let (site, directory) = site();
        let before = site.enter("bob", SECRET).await;
        directory.change("id-bob", |entry| entry.standing = Standing::Disabled);
        site.sync(SyncMode::Apply).await;
        directory.change("id-bob", |entry| entry.standing = Standing::Active);
        if !by_login {
            let report = site.sync(SyncMode::Apply).await;
            assert_eq!(actions(&report), [("bob", &SyncAction::Enable(Vec::new()))]);
            assert_eq!(site.user("bob").await.unwrap().state, UserState::Active);
        }
        assert!(is_logged_in(&site.log_in("bob", SECRET).await));
        assert_eq!(site.link("bob").await, Some(DirectoryLink::to_entry("id-bob")));
        assert!(!site.is_accepted(&before).await, "an old session does not come back");
        assert!(site.acts("bob").await.contains(&"directory.enabled".to_owned()));
    }
}

#[tokio::test]
async fn account_that_is_found_by_its_name_needs_an_entry_of_that_name() {
    let (site, directory) = site();
    for name in ["ann", "dora"] {
        site.stored(name, None).await;
    }
    directory.alias("id-bob", "ann");
    directory.add(entry("Dora"), SECRET);
    let report = site.sync(SyncMode::Apply).await;
    let linked = SyncAction::Change(vec!["link".to_owned()]);
    assert_eq!(actions(&report), [("ann", &SyncAction::Disable), ("dora", &linked)]);
    assert_eq!(site.link("dora").await, Some(DirectoryLink::to_entry("id-Dora")));
}

#[tokio::test]
async fn attributes_and_groups_are_compared_and_a_dry_run_changes_nothing() {
    let (site, directory) = site();
    site.account("ann", Role::Administrator).await;
    directory.change("id-bob", |entry| entry.admin = Some(true));
    site.enter("bob", SECRET).await;
    directory.change("id-bob", |entry| {
        entry.admin = Some(false);
        entry.username = "robert".into();
        entry.email = Some("bob@example.com".into());
    });
    let expected = SyncAction::Change(["username", "email", "admin"].map(str::to_owned).to_vec());
    let dry = site.sync(SyncMode::DryRun).await;
    assert_eq!(actions(&dry), [("bob", &expected)]);
    assert!(site.user("bob").await.unwrap().admin);
    let report = site.sync(SyncMode::Apply).await;
    assert_eq!(report, dry);
    let bob = site.user("robert").await.unwrap();
    assert_eq!((bob.admin, bob.email.as_deref()), (false, Some("bob@example.com")));
    assert_eq!(site.sync(SyncMode::DryRun).await.differing, []);
}

#[tokio::test]
async fn last_administrator_is_not_disabled_by_the_directory() {
    let (site, directory) = site();
    directory.change("id-bob", |entry| entry.admin = Some(true));
    let session = site.enter("bob", SECRET).await;
    directory.remove("id-bob");
    let report = site.sync(SyncMode::Apply).await;
    assert_eq!(actions(&report), [("bob", &SyncAction::KeepLastAdmin)]);
    assert!(site.is_accepted(&session).await);
    site.account("ann", Role::Administrator).await;
    let report = site.sync(SyncMode::Apply).await;
    assert_eq!(actions(&report), [("bob", &SyncAction::Disable)]);
    assert!(!site.is_accepted(&session).await);
}

#[tokio::test]
async fn directory_that_fails_changes_nothing() {
    let (site, directory) = site();
    let session = site.enter("bob", SECRET).await;
    directory.remove("id-bob");
    directory.fail(DirectoryErrorKind::Unreachable);
    for mode in [SyncMode::Apply, SyncMode::Forced, SyncMode::DryRun] {
        let failed = site.directory().sync(mode).await;
        assert!(matches!(failed, Err(SyncError::Directory(_))), "{failed:?}");
    }
    assert!(site.is_accepted(&session).await);
    directory.recover();
    site.sync(SyncMode::Apply).await;
    assert!(!site.is_accepted(&session).await);
}

#[tokio::test]
async fn more_than_ten_and_more_than_half_of_the_accounts_are_disabled_only_if_that_is_forced() {
    let (site, directory) = site();
    crowd(&site, &directory, 21).await;
    for number in 0..11 {
        directory.remove(&format!("id-user{number}"));
    }
    let refused = site.directory().sync(SyncMode::Apply).await;
    let Err(SyncError::TooMany { disabled, enabled, report }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!((disabled, enabled, report.differing.len()), (11, 21, 11));
    assert_eq!(site.user("user0").await.unwrap().state, UserState::Active);
    assert_eq!(site.sync(SyncMode::DryRun).await.differing.len(), 11);
    directory.add(entry("user10"), SECRET);
    assert_eq!(site.sync(SyncMode::Apply).await.differing.len(), 10, "ten are few");
    directory.remove("id-user10");
    assert_eq!(site.sync(SyncMode::Apply).await.differing.len(), 1);
}

#[tokio::test]
async fn forced_comparison_disables_all_that_are_gone() {
    let (site, directory) = site();
    crowd(&site, &directory, 12).await;
    for number in 0..12 {
        directory.remove(&format!("id-user{number}"));
    }
    assert!(matches!(site.directory().sync(SyncMode::Apply).await, Err(SyncError::TooMany { .. })));
    assert_eq!(site.sync(SyncMode::Forced).await.differing.len(), 12);
    assert_eq!(site.user("user0").await.unwrap().state, UserState::Disabled);
}

#[tokio::test]
async fn more_than_two_and_more_than_half_of_the_administrators_are_demoted_only_if_forced() {
    let (site, directory) = site();
    site.account("ann", Role::Administrator).await;
    let demote = |number: usize, admin: bool| {
        directory.change(&format!("id-user{number}"), |entry| entry.admin = Some(admin));
    };
    crowd(&site, &directory, 20).await;
    for number in 0..5 {
        demote(number, true);
    }
    assert_eq!(site.sync(SyncMode::Apply).await.differing.len(), 5);
    for number in 0..3 {
        demote(number, false);
    }
    let refused = site.directory().sync(SyncMode::Apply).await;
    let Err(SyncError::TooManyAdmins { demoted, admins, report }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!((demoted, admins, report.differing.len()), (3, 5, 3));
    assert!(site.user("user0").await.unwrap().admin, "nothing was changed");
    demote(2, true);
    assert_eq!(site.sync(SyncMode::Apply).await.differing.len(), 2, "two are few");
    assert!(!site.user("user0").await.unwrap().admin);
    for number in 2..5 {
        demote(number, false);
    }
    assert!(matches!(
        site.directory().sync(SyncMode::Apply).await,
        Err(SyncError::TooManyAdmins { demoted: 3, admins: 3, .. })
    ));
    assert_eq!(site.sync(SyncMode::Forced).await.differing.len(), 3);
    assert!(!site.user("user4").await.unwrap().admin);
}

/// The comparison asks about one page after the other, and writes then.
#[tokio::test]
async fn what_an_entry_said_earlier_in_a_comparison_is_not_written_over_a_later_login() {
    let (site, directory) = site();
    site.account("ann", Role::Administrator).await;
    site.enter("bob", SECRET).await;
    for number in 0..250 {
        site.stored(&format!("user{number:03}"), Some(&format!("ldap:id-user{number:03}"))).await;
        directory.add(entry(&format!("user{number:03}")), SECRET);
    }
    let set = |directory: &ScriptedDirectory, admin: bool| {
        directory.change("id-bob", |entry| {
            entry.admin = Some(admin);
            entry.fields.insert("room".into(), if admin { "7" } else { "8" }.into());
        });
    };
    set(&directory, true);
    let (inside, scripted) = (site.clone(), directory.clone());
    directory.during_next_call({
        let directory = directory.clone();
        move || async move {
            directory.during_next_call(move || async move {
                set(&scripted, false);
                inside.enter("bob", SECRET).await;
            });
        }
    });
    let report = site.sync(SyncMode::Apply).await;
    assert_eq!(actions(&report), [("bob", &SyncAction::Skip)]);
    let bob = site.user("bob").await.unwrap();
    assert_eq!((bob.admin, bob.extra.get("room")), (false, Some(&"8".into())));
    assert_eq!(site.sync(SyncMode::DryRun).await.differing, []);
}

#[tokio::test]
async fn more_accounts_than_a_page_are_compared() {
    let (site, directory) = site();
    for number in 0..450 {
        site.stored(&format!("user{number:03}"), Some(&format!("ldap:id-user{number:03}"))).await;
        directory.add(entry(&format!("user{number:03}")), SECRET);
    }
    site.account("ann", Role::User).await;
    directory.remove("id-user449");
    let report = site.sync(SyncMode::Apply).await;
    assert_eq!((report.compared, actions(&report)), (450, vec![("user449", &SyncAction::Disable)]));
    assert!(is_logged_in(&site.log_in("ann", PASSWORD).await));
}

#[tokio::test]
async fn account_that_is_linked_to_another_entry_during_the_comparison_is_left_alone() {
    let (site, directory) = site();
    site.enter("bob", SECRET).await;
    directory.remove("id-bob");
    let mut new = entry("bob");
    new.id = "id-new".into();
    directory.add(new, SECRET);
    let inside = site.clone();
    directory.during_next_call(move || async move {
        inside.directory().link("bob", Some("id-new")).await.unwrap();
    });
    let report = site.sync(SyncMode::Apply).await;
    assert_eq!(actions(&report), [("bob", &SyncAction::Skip)]);
    assert!(is_logged_in(&site.log_in("bob", SECRET).await));
}

/// One user could otherwise stop the comparison of all by what is in the own entry.
#[tokio::test]
async fn entry_that_cannot_be_used_is_reported_and_keeps_no_other_account_from_being_compared() {
    let (site, directory) = site();
    crowd(&site, &directory, 3).await;
    let session = site.enter("user0", SECRET).await;
    directory.make_unusable("id-user0");
    directory.remove("id-user1");
    let reason = SyncAction::Unusable("as the test says".to_owned());
    for mode in [SyncMode::DryRun, SyncMode::Apply] {
        let report = site.sync(mode).await;
        assert_eq!((report.compared, report.not_compared), (2, 1));
        assert_eq!(actions(&report), [("user0", &reason), ("user1", &SyncAction::Disable)]);
    }
    assert!(site.is_accepted(&session).await);
    assert_eq!(site.user("user1").await.unwrap().state, UserState::Disabled);
    let report = site.sync(SyncMode::Forced).await;
    assert_eq!(actions(&report), [("user0", &reason)]);
}

#[tokio::test]
async fn account_that_cannot_be_read_or_changed_keeps_no_other_from_being_disabled() {
    for call in ["users.find_by_id", "users.change"] {
        let (site, directory) = site();
        crowd(&site, &directory, 3).await;
        let session = site.enter("user1", SECRET).await;
        for number in 0..2 {
            directory.remove(&format!("id-user{number}"));
        }
        site.storage.fail_call_for(call, &site.user("user0").await.unwrap().id);
        let report = site.sync(SyncMode::Apply).await;
        assert_eq!((report.failed, report.differences()), (1, 1), "{call}");
        let broken = report.differing.iter().find(|one| one.username == "user0").unwrap();
        assert!(matches!(broken.action, SyncAction::Failed(_)), "{call} {:?}", broken.action);
        assert!(!site.is_accepted(&session).await, "{call}");
        site.storage.recover();
        let report = site.sync(SyncMode::Apply).await;
        assert_eq!(actions(&report), [("user0", &SyncAction::Disable)], "{call}");
    }
}

#[tokio::test]
async fn storage_that_is_away_ends_the_comparison() {
    for call in ["users.find_by_id", "users.change"] {
        let (site, directory) = site();
        crowd(&site, &directory, 1).await;
        directory.remove("id-user0");
        site.storage.fail_call(call);
        let failed = site.directory().sync(SyncMode::Apply).await;
        assert!(matches!(failed, Err(SyncError::Storage(_))), "{call} {failed:?}");
    }
}

/// Accounts of which nothing is known must not make the others look few.
#[tokio::test]
async fn entries_that_cannot_be_used_do_not_count_when_too_many_would_be_disabled() {
    let (site, directory) = site();
    crowd(&site, &directory, 24).await;
    for number in 0..24 {
        let id = format!("id-user{number}");
        if number < 11 {
            directory.remove(&id);
        } else if number < 21 {
            directory.make_unusable(&id);
        }
    }
    let refused = site.directory().sync(SyncMode::Apply).await;
    assert!(matches!(refused, Err(SyncError::TooMany { disabled: 11, enabled: 14, .. })));
    assert_eq!(site.user("user0").await.unwrap().state, UserState::Active);
}

#[tokio::test(start_paused = true)]
async fn background_task_compares_accounts_once_in_each_interval_over_all_processes() {
    let (site, directory) = site();
    site.enter("bob", SECRET).await;
    directory.take_calls();
    let tasks = [tokio::spawn(site.auth.tasks()), tokio::spawn(site.auth.tasks())];
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    assert_eq!(directory.take_calls(), ["find id-bob"]);
    site.clock.advance(std::time::Duration::from_hours(1));
    tokio::time::sleep(std::time::Duration::from_secs(3700)).await;
    assert_eq!(directory.take_calls(), ["find id-bob"]);
    for task in tasks {
        task.abort();
    }
}
