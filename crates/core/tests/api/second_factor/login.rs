//! The second step of a login with an authenticator application.

use std::sync::Arc;
use std::time::Duration;

use crossauth_core::account::Role;
use crossauth_core::key::KeyData;
use crossauth_core::login::{Door, SecondFactorAttempt};
use crossauth_core::session::Persistence;
use crossauth_core::storage::{Change, Effects, EndSessions};
use crossauth_core::user::{FactorName, Patch, Refusal, StateEvent, UserUpdate};
use crossauth_core::{Rejection, login::SecondFactorOutcome};
use crossauth_testkit::storage::change_user;
use serde_json::json;

use super::{
    STEP, all_factors, assert_rejected, fields, is_logged_in, otp, replacing, secret_of, site,
};
use crate::site::Site;

#[tokio::test]
async fn password_and_code_log_in_and_end_the_waiting_session() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let waiting = site.pending("bob").await;
    assert_eq!(waiting.user, None);
    let pending = site.auth.login.pending(&waiting).unwrap();
    assert_eq!((pending.username.as_str(), pending.factor), ("bob", FactorName::TOTP));
    let outcome = site.second_step(&waiting, &otp(&site.code(&bob.phone))).await;
    let SecondFactorOutcome::LoggedIn { session, device } = outcome else { panic!("{outcome:?}") };
    assert_eq!((session.user.as_ref().unwrap(), device), (&bob.user, None));
    assert!(site.is_accepted(&session).await);
    assert!(site.auth.sessions.find(waiting.id.clone()).await.is_err());
}

#[tokio::test]
async fn the_login_says_whether_the_cookie_persists() {
    let site = site();
    let bob = site.enrolled("bob").await;
    for (persist, expected) in
        [(Persistence::Persistent, true), (Persistence::UntilBrowserCloses, false)]
    {
        let door = Door { persist: Some(persist), ..Door::default() };
        let needed = site.needed("bob", door).await;
        let waiting = site.checked(&needed.session.unwrap()).await;
        let outcome = site.second_step(&waiting, &otp(&site.code(&bob.phone))).await;
        let SecondFactorOutcome::LoggedIn { session, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(session.cookie_expires.is_some(), expected);
        site.clock.advance(STEP);
    }
}

#[tokio::test]
async fn m1_second_step_without_a_login_or_a_code_is_rejected() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let code = otp(&site.code(&bob.phone));
    // Without the first step: in an anonymous session, and in that of the user.
    let anonymous = site.auth.sessions.begin_anonymous(&fields([])).await.unwrap();
    for session in [&anonymous, &bob.session] {
        let session = site.checked(session).await;
        assert_rejected(&site.second_step(&session, &code).await, Rejection::Gone);
    }
    // With what waits in the session of a set-up.
    let session = site.account("carol", Role::User).await;
    let session = {
        let _ = session;
        site.session("carol").await
    };
    let session = site.checked(&session).await;
    let phone = secret_of(&site.begin(&session, "totp").await);
    let session = site.auth.sessions.find(session.id).await.unwrap();
    let outcome = site.second_step(&session, &otp(&site.code(&phone))).await;
    assert_rejected(&outcome, Rejection::Gone);
    // Without a code.
    let waiting = site.pending("bob").await;
    for nothing in [
        fields([]),
        otp(""),
        fields([("otp", ""), ("recovery_code", "")]),
        fields([("code", "123456"), ("password", "x")]),
        json!({"otp": null}).as_object().unwrap().clone(),
        json!({"otp": 123_456}).as_object().unwrap().clone(),
        json!({"otp": ["123456"]}).as_object().unwrap().clone(),
        json!({"otp": {"otp": true}}).as_object().unwrap().clone(),
    ] {
        assert_rejected(&site.second_step(&waiting, &nothing).await, Rejection::Wrong);
    }
}

#[tokio::test]
async fn m1_application_data_cannot_pretend_a_waiting_login() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let waiting = site.pending("bob").await;
    let stolen = waiting.key.data.object().unwrap();
    assert!(site.auth.sessions.begin_anonymous(&stolen).await.is_err());
    // Another field with the same content is of no use.
    let copied = json!({"2FA": stolen["2fa"]}).as_object().unwrap().clone();
    let session = site.auth.sessions.begin_anonymous(&copied).await.unwrap();
    let session = site.checked(&session).await;
    let outcome = site.second_step(&session, &otp(&site.code(&bob.phone))).await;
    assert_rejected(&outcome, Rejection::Gone);
}

#[tokio::test]
async fn failure_of_the_store_is_an_error_and_not_a_wrong_code() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let waiting = site.pending("bob").await;
    for call in ["users.find_by_id", "attempts.charge", "sessions.start"] {
        let code = otp(&site.code(&bob.phone));
        site.storage.fail_call(call);
        let attempt = SecondFactorAttempt::new(&waiting, &code);
        assert!(site.auth.login.complete(attempt).await.is_err(), "{call}");
        site.storage.recover();
    }
    assert!(is_logged_in(&site.second_step(&waiting, &otp(&site.code(&bob.phone))).await));
}

#[tokio::test]
async fn m10_request_cannot_choose_another_factor() {
    let site = site();
    let bob = site.enrolled("bob").await;
    site.set_email(&bob.user, "bob@example.com").await;
    let waiting = site.pending("bob").await;
    for chosen in [
        fields([("factor2", "dummyFactor2"), ("otp", "0000")]),
        fields([("factor2", "none")]),
        fields([("factor2", ""), ("otp", "0000")]),
        fields([("factor2", "email"), ("otp", "000000")]),
    ] {
        assert_rejected(&site.second_step(&waiting, &chosen).await, Rejection::Wrong);
    }
    assert_eq!(site.auth.login.pending(&waiting).unwrap().factor, FactorName::TOTP);
    // Nor does a login wait any more once the account has another factor.
    let update = UserUpdate { factor2: Patch::Set(FactorName::DUMMY), ..UserUpdate::default() };
    site.update(&bob.user, update).await;
    let code = otp(&site.code(&bob.phone));
    assert_rejected(&site.second_step(&waiting, &code).await, Rejection::Gone);
}

#[tokio::test]
async fn waiting_login_ends_with_a_new_password() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let waiting = site.pending("bob").await;
    let password = crossauth_core::secret::Password::new(crate::site::OTHER);
    site.auth.accounts.set_password("bob", password).await.unwrap();
    let code = otp(&site.code(&bob.phone));
    assert_rejected(&site.second_step(&waiting, &code).await, Rejection::Gone);
}

#[tokio::test]
async fn waiting_login_ends_after_fifteen_minutes() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let waiting = site.pending("bob").await;
    site.clock.advance(Duration::from_mins(15));
    let code = otp(&site.code(&bob.phone));
    assert_eq!(site.auth.login.pending(&waiting), None);
    assert_rejected(&site.second_step(&waiting, &code).await, Rejection::Gone);
    assert!(site.auth.sessions.find(waiting.id.clone()).await.is_err());
}

#[tokio::test]
async fn login_that_was_cancelled_cannot_be_completed() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let waiting = site.pending("bob").await;
    assert!(site.auth.login.cancel(&waiting).await.unwrap());
    let waiting = site.auth.sessions.find(waiting.id).await.unwrap();
    assert!(!site.auth.login.cancel(&waiting).await.unwrap());
    let code = otp(&site.code(&bob.phone));
    assert_rejected(&site.second_step(&waiting, &code).await, Rejection::Gone);
}

#[tokio::test]
async fn account_that_is_disabled_between_the_steps_gets_no_session() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let waiting = site.pending("bob").await;
    let effects = Effects { sessions: EndSessions::Keep, ..Effects::default() };
    let disable = Change { event: Some(StateEvent::Disabled), effects, ..Change::default() };
    change_user(site.storage.inner(), &bob.user.id, &disable).await;
    let outcome = site.second_step(&waiting, &otp(&site.code(&bob.phone))).await;
    assert!(matches!(outcome, SecondFactorOutcome::Refused(Refusal::NotActive)), "{outcome:?}");
}

#[tokio::test]
async fn other_account_may_log_in_while_a_user_is_logged_in() {
    let site = site();
    let bob = site.enrolled("bob").await;
    site.account("alice", Role::User).await;
    let alice = site.session("alice").await;
    let session = site.checked(&alice).await;
    let needed = site.needed("bob", replacing(&session)).await;
    assert!(needed.session.is_none(), "alice's session goes on");
    let session = site.checked(&alice).await;
    assert_eq!(site.auth.login.pending(&session).unwrap().username, "bob");
    // With a wrong code, alice is still logged in.
    let wrong = otp(&site.wrong_code(&bob.phone));
    assert_rejected(&site.second_step(&session, &wrong).await, Rejection::Wrong);
    assert_eq!(site.checked(&alice).await.user.unwrap().username, "alice");
    let outcome = site.second_step(&session, &otp(&site.code(&bob.phone))).await;
    let SecondFactorOutcome::LoggedIn { session, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(session.user.unwrap().username, "bob");
    assert!(!site.is_accepted(&alice).await);
}

#[tokio::test]
async fn data_of_an_anonymous_session_outlives_both_steps() {
    let site = Site::with(|config| {
        all_factors(config);
        config.hooks.carry_over = Some(Arc::new(|data| data));
    });
    let bob = site.enrolled("bob").await;
    let cart = fields([("cart", "7")]);
    let anonymous = site.auth.sessions.begin_anonymous(&cart).await.unwrap();
    let anonymous = site.checked(&anonymous).await;
    let needed = site.needed("bob", replacing(&anonymous)).await;
    let waiting = site.checked(&needed.session.unwrap()).await;
    let outcome = site.second_step(&waiting, &otp(&site.code(&bob.phone))).await;
    let SecondFactorOutcome::LoggedIn { session, .. } = outcome else { panic!("{outcome:?}") };
    let key = site.checked(&session).await.key;
    assert_eq!(key.data.application_object().unwrap(), cart);
}

#[tokio::test]
async fn unreadable_slot_is_no_waiting_login() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let mut waiting = site.pending("bob").await;
    let code = otp(&site.code(&bob.phone));
    for data in [
        json!({"2fa": "text"}),
        json!({"2fa": {}}),
        json!({"2fa": {"username": "bob", "twoFactorInitiated": true, "factor2": "totp"}}),
        json!([]),
    ] {
        waiting.key.data = KeyData::from_text(data.to_string());
        assert_rejected(&site.second_step(&waiting, &code).await, Rejection::Gone);
    }
}
