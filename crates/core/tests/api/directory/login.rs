//! Logins to accounts of the directory, and to others beside them.

use std::num::NonZeroUsize;

use crossauth_core::account::Role;
use crossauth_core::directory::{
    DirectoryErrorKind, DirectoryLink, EntryRefusal, FirstLogin, SyncMode,
};
use crossauth_core::factor::Configured;
use crossauth_core::limit::{LimitConfig, Rate};
use crossauth_core::login::{LoginError, LoginOutcome};
use crossauth_core::user::{Refusal, UserState};
use crossauth_testkit::directory::{Answer, entry};
use tokio::task::JoinSet;

use super::{SECRET, is_logged_in, is_wrong, site, site_with};
use crate::site::{PASSWORD, Site};

/// Limits that allow this many wrong passwords of an account.
fn limited(count: u32) -> LimitConfig {
    LimitConfig { logins_per_account: Some(Rate::per_hour(count)), ..LimitConfig::default() }
}

#[tokio::test]
async fn local_accounts_and_accounts_of_the_directory_exist_beside_each_other() {
    let (site, directory) = site();
    site.account("ann", Role::User).await;
    assert!(is_logged_in(&site.log_in("bob", SECRET).await));
    directory.take_calls();
    assert!(is_logged_in(&site.log_in("ann", PASSWORD).await));
    assert!(is_wrong(&site.log_in("ann", SECRET).await));
    assert_eq!(directory.take_calls(), [""; 0], "the directory is not asked about local accounts");
    assert!(is_wrong(&site.log_in("bob", PASSWORD).await));
    assert!(is_logged_in(&site.log_in("bob", SECRET).await));
    assert_eq!(directory.take_calls(), ["verify id-bob"; 2]);
}

#[tokio::test]
async fn entry_with_the_name_of_a_local_account_does_not_log_in_to_it() {
    let (site, directory) = site();
    let bob = site.account("bob", Role::User).await;
    directory.alias("id-bob", "robert");
    for name in ["bob", "BOB", "robert"] {
        assert!(is_wrong(&site.log_in(name, SECRET).await), "{name}");
    }
    assert!(site.user("robert").await.is_none());
    assert!(is_logged_in(&site.log_in("bob", PASSWORD).await));

    site.directory().link(&bob, None).await.unwrap();
    for name in ["bob", "BOB", "robert"] {
        let session = site.enter(name, SECRET).await;
        assert_eq!(session.user.unwrap().id, bob.id, "{name}");
    }
    assert!(is_wrong(&site.log_in("bob", PASSWORD).await), "there is no local password any more");
}

#[tokio::test]
async fn directory_that_fails_is_an_error_and_never_a_wrong_or_a_local_password() {
    let (site, directory) =
        site_with(FirstLogin::CreatesAccount, |config| config.limits = limited(2));
    site.account("ann", Role::User).await;
    site.enter("bob", SECRET).await;
    for kind in [
        DirectoryErrorKind::Unreachable,
        DirectoryErrorKind::Certificate,
        DirectoryErrorKind::ServiceAccount,
        DirectoryErrorKind::Protocol,
        DirectoryErrorKind::TooLarge,
        DirectoryErrorKind::Configuration,
        DirectoryErrorKind::Busy,
    ] {
        directory.fail(kind);
        for (name, password) in [("bob", SECRET), ("bob", "wrong"), ("unknown", SECRET)] {
            let failed = site.try_log_in(name, password).await;
            let Err(LoginError::Directory(error)) = failed else { panic!("{name}: {failed:?}") };
            assert_eq!(error.kind, kind);
        }
        assert!(is_logged_in(&site.log_in("ann", PASSWORD).await), "{kind:?}");
    }
    directory.recover();
    assert!(is_logged_in(&site.log_in("bob", SECRET).await), "failures are not counted");
    for _ in 0..2 {
        assert!(is_wrong(&site.log_in("bob", "wrong").await));
    }
    let refused = site.log_in("bob", SECRET).await;
    assert!(matches!(refused, LoginOutcome::TooMany { .. }), "wrong passwords are: {refused:?}");
}

#[tokio::test]
async fn logins_that_a_directory_cannot_verify_keep_no_local_login_waiting() {
    let (site, directory) = site_with(FirstLogin::CreatesAccount, |config| {
        config.hasher.threads = Some(NonZeroUsize::MIN);
        config.hasher.queue = NonZeroUsize::MIN.saturating_add(3);
    });
    site.account("ann", Role::User).await;
    site.enter("bob", SECRET).await;
    directory.fail(DirectoryErrorKind::Unreachable);
    let before = site.auth.metrics().hashing;
    let refused = (0..200).map(|index| {
        let site = site.clone();
        let name = if index % 2 == 0 { "bob" } else { "unknown" };
        async move { site.try_log_in(name, SECRET).await }
    });
    let refused: JoinSet<_> = refused.collect();
    assert!(is_logged_in(&site.log_in("ann", PASSWORD).await));
    for outcome in refused.join_all().await {
        assert!(matches!(outcome, Err(LoginError::Directory(_))), "{outcome:?}");
    }
    let after = site.auth.metrics().hashing;
    assert_eq!((after.done, after.refused), (before.done + 1, before.refused));
}

#[tokio::test]
async fn calls_of_the_directory_are_counted_by_outcome() {
    let (site, directory) = site();
    assert!(is_wrong(&site.log_in("bob", "wrong").await));
    site.enter("bob", SECRET).await;
    directory.fail(DirectoryErrorKind::TimedOut);
    site.try_log_in("bob", SECRET).await.unwrap_err();
    site.directory().sync(SyncMode::Apply).await.unwrap_err();
    let metrics = site.auth.metrics().directory.unwrap();
    assert_eq!(metrics.answered, 2);
    for (kind, count) in metrics.failures {
        assert_eq!(count, if kind == "timed_out" { 2 } else { 0 }, "{kind}");
    }
    assert_eq!(Site::new().auth.metrics().directory, None);
}

/// Else a directory that answers wrong passwords late would allow any number of guesses.
#[tokio::test]
async fn password_whose_check_is_not_answered_in_time_is_counted() {
    let (site, directory) =
        site_with(FirstLogin::CreatesAccount, |config| config.limits = limited(2));
    site.enter("bob", SECRET).await;
    directory.fail(DirectoryErrorKind::TimedOut);
    for _ in 0..2 {
        let failed = site.try_log_in("bob", "wrong").await;
        assert!(matches!(failed, Err(LoginError::Directory(_))), "{failed:?}");
    }
    directory.recover();
    let refused = site.log_in("bob", SECRET).await;
    assert!(matches!(refused, LoginOutcome::TooMany { .. }), "{refused:?}");
}

#[tokio::test]
async fn all_names_of_an_account_share_one_count_of_wrong_passwords() {
    let (site, directory) =
        site_with(FirstLogin::CreatesAccount, |config| config.limits = limited(4));
    directory.change("id-bob", |entry| entry.email = Some("bob@example.com".into()));
    site.enter("bob", SECRET).await;
    directory.take_calls();
    for name in ["bob", " BOB", "bob@example.com", "BOB@EXAMPLE.COM"] {
        assert!(is_wrong(&site.log_in(name, "wrong").await), "{name}");
    }
    assert_eq!(directory.take_calls().len(), 4);
    for name in ["bob", "Bob@example.com"] {
        assert!(matches!(site.log_in(name, SECRET).await, LoginOutcome::TooMany { .. }), "{name}");
    }
    assert_eq!(directory.take_calls(), [""; 0], "a refused attempt does not reach the directory");
}

#[tokio::test]
async fn empty_and_blank_passwords_and_those_with_nul_never_reach_the_directory() {
    let (site, directory) = site();
    site.enter("bob", SECRET).await;
    directory.take_calls();
    for password in ["", " ", "\u{a0}\t", "\0", "Directory-Horse-9\0", "\0Directory-Horse-9"] {
        for name in ["bob", "unknown"] {
            assert!(is_wrong(&site.log_in(name, password).await), "{name} {password:?}");
        }
    }
    assert_eq!(directory.take_calls(), [""; 0]);
    assert!(is_logged_in(&site.log_in("bob", SECRET).await));
}

#[tokio::test]
async fn l2_every_wrong_password_costs_one_hash() {
    let (site, _directory) = site();
    site.account("ann", Role::User).await;
    site.enter("bob", SECRET).await;
    for (name, password) in
        [("ann", "wrong"), ("bob", "wrong"), ("unknown", "wrong"), ("bob", ""), ("unknown", "\0")]
    {
        let before = site.auth.metrics().hashing.done;
        assert!(is_wrong(&site.log_in(name, password).await));
        assert_eq!(site.auth.metrics().hashing.done, before + 1, "{name} {password:?}");
    }
}

#[tokio::test]
async fn entry_that_may_not_log_in_is_refused_and_only_with_the_correct_password() {
    let (site, directory) = site();
    for is_known in [false, true] {
        for (reason, expected) in [
            (EntryRefusal::Disabled, Refusal::NotActive),
            (EntryRefusal::Locked, Refusal::NotActive),
            (EntryRefusal::NotNow, Refusal::NotActive),
            (EntryRefusal::NotInGroup, Refusal::NotActive),
            (EntryRefusal::PasswordExpired, Refusal::PasswordResetNeeded),
        ] {
            directory.answer("id-bob", Answer::Refused(reason));
            let refused = site.log_in("bob", SECRET).await;
            assert!(
                matches!(refused, LoginOutcome::Refused(refusal) if refusal == expected),
                "{reason:?}: {refused:?}"
            );
        }
        assert!(is_wrong(&site.log_in("bob", "wrong").await));
        directory.answer("id-bob", Answer::Mismatch(EntryRefusal::Locked));
        assert!(is_wrong(&site.log_in("bob", SECRET).await));
        assert_eq!(site.user("bob").await.is_some(), is_known);
        directory.answer("id-bob", Answer::Match);
        assert!(is_logged_in(&site.log_in("bob", SECRET).await));
    }
}

#[tokio::test]
async fn login_of_an_entry_that_is_disabled_ends_the_sessions_of_its_account() {
    for (reason, is_accepted) in [
        (EntryRefusal::Disabled, false),
        (EntryRefusal::NotInGroup, false),
        (EntryRefusal::Locked, true),
        (EntryRefusal::NotNow, true),
        (EntryRefusal::PasswordExpired, true),
    ] {
        let (site, directory) = site();
        let session = site.enter("bob", SECRET).await;
        directory.answer("id-bob", Answer::Refused(reason));
        assert!(is_wrong(&site.log_in("bob", "wrong").await));
        assert!(site.is_accepted(&session).await, "{reason:?}: the password was wrong");
        site.log_in("bob", SECRET).await;
        assert_eq!(site.is_accepted(&session).await, is_accepted, "{reason:?}");
        directory.answer("id-bob", Answer::Match);
        assert!(is_logged_in(&site.log_in("bob", SECRET).await), "{reason:?}: it is back");
    }
}

#[tokio::test]
async fn two_entries_of_one_name_are_none() {
    let (site, directory) = site();
    let mut other = entry("bob");
    other.id = "id-other".into();
    directory.add(other, SECRET);
    assert!(is_wrong(&site.log_in("bob", SECRET).await));
    directory.remove("id-other");
    assert!(is_logged_in(&site.log_in("bob", SECRET).await));
}

#[tokio::test]
async fn entry_that_has_the_name_of_a_former_one_does_not_get_its_account() {
    let (site, directory) = site();
    site.enter("bob", SECRET).await;
    directory.remove("id-bob");
    let mut new = entry("bob");
    new.id = "id-new-bob".into();
    directory.add(new, "Another-Secret-9");
    directory.alias("id-new-bob", "bobby");
    for name in ["bob", "bobby"] {
        assert!(is_wrong(&site.log_in(name, "Another-Secret-9").await), "{name}");
    }
    site.directory().link("bob", Some("id-new-bob")).await.unwrap();
    assert!(is_logged_in(&site.log_in("bob", "Another-Secret-9").await));
}

#[tokio::test]
async fn link_that_is_changed_during_a_login_decides() {
    let (site, directory) = site();
    site.enter("bob", SECRET).await;
    let mut other = entry("bob");
    other.id = "id-other".into();
    directory.add(other, "Another-Secret-9");
    directory.change("id-bob", |entry| entry.email = Some("old@example.com".into()));
    let inside = site.clone();
    directory.during_next_call(move || async move {
        inside.directory().link("bob", Some("id-other")).await.unwrap();
    });
    assert!(is_wrong(&site.log_in("bob", SECRET).await), "the old entry logs in no more");
    assert_eq!(site.user("bob").await.unwrap().email, None, "nor does it change the account");
    assert_eq!(site.link("bob").await, Some(DirectoryLink::to_entry("id-other")));
    assert!(is_logged_in(&site.log_in("bob", "Another-Secret-9").await));
}

#[tokio::test]
async fn account_of_upstream_is_found_by_its_name_and_then_linked_to_its_entry() {
    let (site, directory) = site();
    let sentinel = "pbkdf2:sha256:32:600000:0:DISABLED:DISABLED";
    let bob = site.stored("bob", Some(sentinel)).await;
    assert_eq!(site.link("bob").await, Some(DirectoryLink::Name));
    assert!(is_wrong(&site.log_in("bob", "DISABLED").await));
    assert_eq!(site.enter("bob", SECRET).await.user.unwrap().id, bob.id);
    assert_eq!(site.link("bob").await, Some(DirectoryLink::to_entry("id-bob")));
    assert_eq!(directory.take_calls(), ["verify bob"; 2]);
}

#[tokio::test]
async fn account_that_is_found_by_its_name_is_not_that_of_an_entry_with_another_username() {
    let (site, directory) = site();
    let ann = site.stored("ann", None).await;
    directory.alias("id-bob", "ann");
    assert!(is_wrong(&site.log_in("ann", SECRET).await));
    assert_eq!(site.link("ann").await, Some(DirectoryLink::Name));
    directory.change("id-bob", |entry| entry.username = "Ann".into());
    assert_eq!(site.enter("ann", SECRET).await.user.unwrap().id, ann.id);
}

#[tokio::test]
async fn account_with_a_hash_where_the_link_should_be_does_not_log_in() {
    let (site, directory) = site();
    let ann = site.account("ann", Role::User).await;
    let found = site.storage.inner().users.find_by_id(&ann.id).await.unwrap().unwrap();
    let hash = found.regardless_of_state().1.password;
    site.stored("bob", hash.as_deref()).await;
    for password in [PASSWORD, SECRET] {
        assert!(is_wrong(&site.log_in("bob", password).await));
    }
    assert_eq!(directory.take_calls(), [""; 0]);
    site.directory().link("bob", None).await.unwrap();
    assert!(is_logged_in(&site.log_in("bob", SECRET).await));
}

#[tokio::test]
async fn account_that_an_administrator_disabled_stays_so() {
    let (site, _directory) = site();
    let bob = site.enter("bob", SECRET).await.user.unwrap();
    site.auth.accounts.disable(&bob).await.unwrap();
    let refused = site.log_in("bob", SECRET).await;
    assert!(matches!(refused, LoginOutcome::Refused(Refusal::NotActive)), "{refused:?}");
    assert!(is_wrong(&site.log_in("bob", "wrong").await));
    assert_eq!(site.user("bob").await.unwrap().state, UserState::Disabled);
    site.auth.accounts.enable(&bob).await.unwrap();
    assert!(is_logged_in(&site.log_in("bob", SECRET).await));
}

#[tokio::test]
async fn m16_entry_logs_in_only_with_the_factor_that_all_need() {
    let (site, directory) = site_with(FirstLogin::CreatesAccount, |config| {
        config.factors.second = vec![Configured::Totp { issuer: "Example".into() }];
        config.factors.allowed = vec!["totp".into()];
    });
    for _ in 0..2 {
        let outcome = site.log_in("bob", SECRET).await;
        assert!(matches!(outcome, LoginOutcome::FactorReset(_)), "{outcome:?}");
    }
    directory.answer("id-bob", Answer::MustChange);
    let outcome = site.log_in("bob", SECRET).await;
    let LoginOutcome::PasswordChange(session) = outcome else { panic!("{outcome:?}") };
    assert!(session.user.is_none());
}

#[tokio::test]
async fn logins_are_in_the_audit_log() {
    let (site, directory) = site();
    site.enter("bob", SECRET).await;
    site.clock.advance(std::time::Duration::from_secs(1));
    site.log_in("bob", "wrong").await;
    site.clock.advance(std::time::Duration::from_secs(1));
    directory.answer("id-bob", Answer::Refused(EntryRefusal::Locked));
    site.log_in("bob", SECRET).await;
    let acts = site.acts("bob").await;
    assert_eq!(acts[..2], ["login.refused", "login.failed"], "{acts:?}");
    for act in ["account.created", "directory.changed", "login.succeeded"] {
        assert!(acts.iter().any(|found| found == act), "{act}: {acts:?}");
    }
}

#[tokio::test]
async fn all_spellings_that_a_directory_may_read_as_one_name_have_one_limit() {
    let (site, directory) = site();
    let spaces = |count: usize| format!("john{}smith", " ".repeat(count));
    let marks = |count: usize| format!("jo{}hn\u{200b} Smíth", "\u{ad}".repeat(count));
    let names =
        (1..=30).flat_map(|count| [spaces(count), marks(count), spaces(count).to_uppercase()]);
    let mut judged = 0;
    for name in names {
        let outcome = site.log_in(&name, "wrong").await;
        if is_wrong(&outcome) {
            judged += 1;
        } else {
            assert!(matches!(outcome, LoginOutcome::TooMany { .. }), "{name:?} {outcome:?}");
        }
    }
    assert_eq!((judged, directory.take_calls().len()), (20, 20));
    assert!(is_logged_in(&site.log_in("bob", SECRET).await), "another name has another limit");
}
