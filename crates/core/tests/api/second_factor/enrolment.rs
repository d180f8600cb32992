//! Setting up, replacing, changing and turning off the second factor.

use std::sync::Arc;
use std::time::Duration;

use crossauth_core::Rejection;
use crossauth_core::account::Role;
use crossauth_core::clock::Clock;
use crossauth_core::enrolment::{Assurance, Begun, Completed};
use crossauth_core::key::KeyPrefix;
use crossauth_core::login::{Door, LoginOutcome};
use crossauth_core::secret::Password;
use crossauth_core::session::Session;
use crossauth_core::user::FactorName;

use super::{STEP, fields, is_logged_in, otp, race, secret_of, site};
use crate::site::{PASSWORD, Site};

fn assert_not_done(completed: &Completed, expected: Rejection) {
    let Completed::Rejected(rejection) = completed else { panic!("{completed:?}") };
    assert_eq!(*rejection, expected);
}

async fn logged_in(site: &Site, username: &str) -> Session {
    let session = site.session(username).await;
    site.checked(&session).await
}

#[tokio::test]
async fn confirmed_factor_is_demanded_and_gives_a_new_session_and_ten_recovery_codes() {
    let site = site();
    site.account("bob", Role::User).await;
    let other = site.session("bob").await;
    let session = logged_in(&site, "bob").await;
    let shown = site.begin(&session, "totp").await;
    let secret = secret_of(&shown);
    assert_eq!((&shown["username"], &shown["factor2"]), (&"bob".into(), &"totp".into()));
    let uri = shown["uri"].as_str().unwrap();
    assert!(uri.starts_with("otpauth://totp/Example:bob?secret="), "{uri}");
    assert!(shown["qr"].as_str().unwrap().starts_with("data:image/png;base64,iVBORw0KGgo"));
    let (user, new, codes) = site.confirm(&session, &site.code(&secret)).await;
    assert_eq!((user.factor2, codes.len()), (Some(FactorName::TOTP), 10));
    assert!(site.is_accepted(&new).await);
    assert_ne!(new.id, session.id, "the id is new");
    assert!(!site.is_accepted(&other).await, "other sessions end");
    assert!(site.auth.sessions.find(session.id).await.is_err());
    assert_eq!(site.checked(&new).await.key.data.application_object().unwrap(), fields([]));
    site.clock.advance(STEP);
    assert!(site.logs_in("bob", &otp(&site.code(&secret))).await);
}

#[tokio::test]
async fn m17_secret_is_stored_encrypted_and_shown_only_while_it_is_set_up() {
    let site = site();
    site.account("bob", Role::User).await;
    let session = logged_in(&site, "bob").await;
    let secret = secret_of(&site.begin(&session, "totp").await);
    let pending = site.auth.sessions.find(session.id.clone()).await.unwrap();
    assert!(!pending.key.data.as_text().contains(secret.expose()));
    let (user, new, _) = site.confirm(&session, &site.code(&secret)).await;
    let stored = site.storage.inner().users.find_by_id(&user.id).await.unwrap().unwrap();
    let stored = stored.regardless_of_state().1.totpsecret.unwrap();
    assert!(stored.starts_with("v2.") && !stored.contains(secret.expose()), "{stored}");
    let session = site.checked(&new).await;
    assert_eq!(site.auth.enrolment.waiting(&session).await.unwrap(), None);
}

#[tokio::test]
async fn m12_factor_is_not_in_force_before_it_is_confirmed() {
    let site = site();
    site.account("bob", Role::User).await;
    let session = logged_in(&site, "bob").await;
    site.begin(&session, "totp").await;
    // The page was closed: the next login needs no factor.
    assert!(matches!(site.first_step("bob", Door::default()).await, LoginOutcome::LoggedIn(_)));
    // The same for the replacement of a factor.
    let alice = site.enrolled("alice").await;
    let session = site.checked(&alice.session).await;
    let proof = site.proof(&alice, &session).await;
    let assurance = Assurance { factor: Some(&proof), password: None };
    let begun = site.auth.enrolment.configure(&session, assurance).await.unwrap();
    let Begun::Waiting { shown, .. } = begun else { panic!("{begun:?}") };
    let new = secret_of(&shown);
    assert_ne!(new.expose(), alice.phone.expose());
    assert!(!site.logs_in("alice", &otp(&site.code(&new))).await);
    assert!(site.logs_in("alice", &otp(&site.code(&alice.phone))).await);
    // Once it is confirmed, only the new one is.
    let (_, session, _) = site.confirm(&session, &site.code(&new)).await;
    assert!(site.is_accepted(&session).await);
    site.clock.advance(STEP);
    assert!(!site.logs_in("alice", &otp(&site.code(&alice.phone))).await);
    assert!(site.logs_in("alice", &otp(&site.code(&new))).await);
}

#[tokio::test]
async fn m12_second_beginning_and_wrong_codes_keep_the_secret_that_was_shown() {
    let site = site();
    site.account("bob", Role::User).await;
    let session = logged_in(&site, "bob").await;
    let first = secret_of(&site.begin(&session, "totp").await);
    let session = site.auth.sessions.find(session.id).await.unwrap();
    let second = secret_of(&site.begin(&session, "totp").await);
    assert_eq!(first.expose(), second.expose());
    let wrong = otp(&site.wrong_code(&first));
    assert_not_done(&site.set_up(&session, &wrong).await, Rejection::Wrong);
    let session = site.auth.sessions.find(session.id).await.unwrap();
    let waiting = site.auth.enrolment.waiting(&session).await.unwrap().unwrap();
    assert_eq!(secret_of(&waiting.shown).expose(), first.expose());
    site.confirm(&session, &site.code(&first)).await;
    site.clock.advance(STEP);
    assert!(site.logs_in("bob", &otp(&site.code(&first))).await);
}

#[tokio::test]
async fn m12_first_factor_needs_a_fresh_login_or_the_password() {
    let site = site();
    site.account("bob", Role::User).await;
    let session = logged_in(&site, "bob").await;
    site.clock.advance(Duration::from_mins(15));
    let enrolment = &site.auth.enrolment;
    let begun = enrolment.change(&session, "totp", Assurance::default()).await.unwrap();
    assert!(matches!(begun, Begun::NeedsPassword), "{begun:?}");
    let with = |password: &str| Assurance { password: Some(Password::new(password)), factor: None };
    for _ in 0..10 {
        let begun = enrolment.change(&session, "totp", with("wrong")).await.unwrap();
        assert!(matches!(begun, Begun::WrongPassword), "{begun:?}");
    }
    let begun = enrolment.change(&session, "totp", with(PASSWORD)).await.unwrap();
    assert!(matches!(begun, Begun::TooMany { .. }), "{begun:?}");
    site.clock.advance(Duration::from_hours(1));
    let begun = enrolment.change(&session, "totp", with(PASSWORD)).await.unwrap();
    assert!(matches!(begun, Begun::Waiting { .. }), "{begun:?}");
    // A clock that was set back makes no login fresh.
    site.clock.set(session.key.created - Duration::from_secs(1));
    let begun = enrolment.change(&session, "totp", Assurance::default()).await.unwrap();
    assert!(matches!(begun, Begun::NeedsPassword), "{begun:?}");
}

#[tokio::test]
async fn m13_changing_replacing_and_turning_off_need_the_present_factor() {
    let site = site();
    let bob = site.enrolled("bob").await;
    site.set_email(&bob.user, "bob@example.com").await;
    let session = site.checked(&bob.session).await;
    let enrolment = &site.auth.enrolment;
    let password = || Assurance { password: Some(Password::new(PASSWORD)), factor: None };
    for factor in ["none", "", "totp", "email", "dummyFactor2"] {
        for assurance in [Assurance::default(), password()] {
            let begun = enrolment.change(&session, factor, assurance).await.unwrap();
            assert!(matches!(begun, Begun::NeedsFactor), "{factor}: {begun:?}");
        }
    }
    let begun = enrolment.configure(&session, password()).await.unwrap();
    assert!(matches!(begun, Begun::NeedsFactor), "{begun:?}");
    // Nor is the proof of another account of use.
    let alice = site.enrolled("alice").await;
    let proof = site.proof(&alice, &site.checked(&alice.session).await).await;
    let foreign = Assurance { factor: Some(&proof), password: None };
    let begun = enrolment.change(&session, "none", foreign).await.unwrap();
    assert!(matches!(begun, Begun::NeedsFactor), "{begun:?}");
    let proof = site.proof(&bob, &session).await;
    let assurance = Assurance { factor: Some(&proof), password: None };
    let begun = enrolment.change(&session, "none", assurance).await.unwrap();
    let Begun::TurnedOff { session: new } = begun else { panic!("{begun:?}") };
    assert!(site.is_accepted(&new).await && !site.is_accepted(&bob.session).await);
    let LoginOutcome::LoggedIn(session) = site.first_step("bob", Door::default()).await else {
        panic!("no factor is left")
    };
    assert_eq!(session.user.unwrap().factor2, None);
    let keys = &site.storage.inner().keys;
    let codes = keys.list_for_user(Some(&bob.user.id), KeyPrefix::RecoveryCode, None, 99);
    assert!(codes.await.unwrap().is_empty());
    // The proof was for the account as it was before.
    let session = site.checked(&new).await;
    let assurance = Assurance { factor: Some(&proof), password: None };
    let begun = enrolment.configure(&session, assurance).await.unwrap();
    assert!(!matches!(begun, Begun::Waiting { .. }), "{begun:?}");
}

#[tokio::test]
async fn change_of_the_factor_deletes_the_old_secret() {
    let site = site();
    let bob = site.enrolled("bob").await;
    site.set_email(&bob.user, "bob@example.com").await;
    let session = site.checked(&bob.session).await;
    let proof = site.proof(&bob, &session).await;
    let assurance = Assurance { factor: Some(&proof), password: None };
    let begun = site.auth.enrolment.change(&session, "email", assurance).await.unwrap();
    let Begun::Waiting { shown, .. } = begun else { panic!("{begun:?}") };
    assert_eq!(shown["email"], "bob@example.com");
    let (user, ..) = site.confirm(&session, &site.sent_code().await).await;
    assert_eq!(user.factor2, Some(FactorName::EMAIL));
    let stored = site.storage.inner().users.find_by_id(&user.id).await.unwrap().unwrap();
    assert_eq!(stored.regardless_of_state().1.totpsecret, None);
    let sent = site.sent().await;
    assert!(sent.contains(&"second_factor_changed".to_owned()), "{sent:?}");
}

#[tokio::test]
async fn set_up_needs_what_the_factor_sends_to() {
    let site = site();
    site.account("bob", Role::User).await;
    let session = logged_in(&site, "bob").await;
    let enrolment = &site.auth.enrolment;
    let begun = enrolment.change(&session, "email", Assurance::default()).await.unwrap();
    assert!(matches!(begun, Begun::InvalidEmail), "{begun:?}");
    let begun = enrolment.change(&session, "sms", Assurance::default()).await.unwrap();
    assert!(matches!(begun, Begun::InvalidPhone), "{begun:?}");
    let begun = enrolment.change(&session, "unknown", Assurance::default()).await.unwrap();
    assert!(matches!(begun, Begun::Unavailable), "{begun:?}");
    let begun = enrolment.configure(&session, Assurance::default()).await.unwrap();
    assert!(matches!(begun, Begun::NoSecret), "{begun:?}");
}

#[tokio::test]
async fn m21_new_number_is_verified_before_it_is_in_force() {
    let site = site();
    let bob = site.account("bob", Role::User).await;
    site.set_phone(&bob, "+4312345678").await;
    let session = logged_in(&site, "bob").await;
    let shown = site.begin(&session, "sms").await;
    assert_eq!(shown["phone"], "+4312345678");
    let code = site.sent_code().await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_not_done(&site.set_up(&session, &otp(wrong)).await, Rejection::Wrong);
    assert_eq!(site.auth.accounts.find("bob").await.unwrap().unwrap().factor2, None);
    site.confirm(&session, &code).await;
    let found = site.auth.accounts.find("bob").await.unwrap().unwrap();
    assert_eq!(found.factor2, Some(FactorName::SMS));
}

#[tokio::test]
async fn m21_code_sent_to_a_former_number_does_not_confirm_another() {
    let site = site();
    let bob = site.account("bob", Role::User).await;
    site.set_phone(&bob, "+4312345678").await;
    let session = logged_in(&site, "bob").await;
    site.begin(&session, "sms").await;
    let code = site.sent_code().await;
    site.set_phone(&bob, "+4387654321").await;
    assert_not_done(&site.set_up(&session, &otp(&code)).await, Rejection::Expired);
    assert_eq!(site.auth.accounts.find("bob").await.unwrap().unwrap().factor2, None);
    site.set_phone(&bob, "+4312345678").await;
    site.confirm(&session, &code).await;
}

#[tokio::test]
async fn m5_five_wrong_codes_end_a_set_up_and_do_not_touch_logins() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let session = site.checked(&bob.session).await;
    let proof = site.proof(&bob, &session).await;
    let assurance = Assurance { factor: Some(&proof), password: None };
    let begun = site.auth.enrolment.configure(&session, assurance).await.unwrap();
    let Begun::Waiting { shown, .. } = begun else { panic!("{begun:?}") };
    let new = secret_of(&shown);
    for _ in 0..5 {
        let wrong = otp(&site.wrong_code(&new));
        assert_not_done(&site.set_up(&session, &wrong).await, Rejection::Wrong);
    }
    let outcome = site.set_up(&session, &otp(&site.code(&new))).await;
    assert!(matches!(outcome, Completed::Rejected(Rejection::TooMany { .. })), "{outcome:?}");
    assert!(site.logs_in("bob", &otp(&site.code(&bob.phone))).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m2_one_of_fifty_parallel_confirmations_succeeds() {
    let site = Arc::new(site());
    site.account("bob", Role::User).await;
    let session = logged_in(&site, "bob").await;
    let secret = secret_of(&site.begin(&session, "totp").await);
    let session = Arc::new(site.auth.sessions.find(session.id).await.unwrap());
    let code = otp(&site.code(&secret));
    let outcomes = race(|_| {
        let (site, session, code) = (site.clone(), session.clone(), code.clone());
        async move {
            let attempt = super::SetUpAttempt::new(&session, &code);
            site.auth.enrolment.complete(attempt).await.unwrap()
        }
    })
    .await;
    let done = |outcome: &&Completed| matches!(outcome, Completed::Done { .. });
    assert_eq!(outcomes.iter().filter(done).count(), 1);
}

#[tokio::test]
async fn set_up_ends_with_the_credentials_and_after_half_an_hour() {
    let site = site();
    site.account("bob", Role::User).await;
    let session = logged_in(&site, "bob").await;
    let secret = secret_of(&site.begin(&session, "totp").await);
    let pending = site.auth.sessions.find(session.id).await.unwrap();
    site.clock.advance(Duration::from_mins(30));
    let code = otp(&site.code(&secret));
    assert_not_done(&site.set_up(&pending, &code).await, Rejection::Gone);
    let session = logged_in(&site, "bob").await;
    site.begin(&session, "totp").await;
    let session = site.auth.sessions.find(session.id).await.unwrap();
    site.auth.accounts.end_sessions("bob", Some(&session.id)).await.unwrap();
    assert_not_done(&site.set_up(&session, &code).await, Rejection::Gone);
}

#[tokio::test]
async fn anonymous_session_without_permission_sets_nothing_up() {
    let site = site();
    site.enrolled("bob").await;
    let waiting = site.pending("bob").await;
    let anonymous = site.auth.sessions.begin_anonymous(&fields([])).await.unwrap();
    let anonymous = site.checked(&anonymous).await;
    for session in [&waiting, &anonymous] {
        let begun = site.auth.enrolment.change(session, "totp", Assurance::default()).await;
        assert!(matches!(begun, Ok(Begun::NotPermitted)), "{begun:?}");
        let begun = site.auth.enrolment.configure(session, Assurance::default()).await;
        assert!(matches!(begun, Ok(Begun::NotPermitted)), "{begun:?}");
    }
}

#[tokio::test]
async fn failed_completion_leaves_the_set_up_waiting() {
    let site = site();
    site.account("bob", Role::User).await;
    let session = logged_in(&site, "bob").await;
    let secret = secret_of(&site.begin(&session, "totp").await);
    let session = site.auth.sessions.find(session.id).await.unwrap();
    let code = otp(&site.code(&secret));
    site.storage.fail_call("users.change");
    let attempt = super::SetUpAttempt::new(&session, &code);
    assert!(site.auth.enrolment.complete(attempt).await.is_err());
    site.storage.recover();
    site.confirm(&session, &site.code(&secret)).await;
    site.clock.advance(STEP);
    let waiting = site.pending("bob").await;
    assert!(is_logged_in(&site.second_step(&waiting, &otp(&site.code(&secret))).await));
    assert!(site.clock.now() > session.key.created);
}
