//! Setting up a second factor before the login.

use crossauth_core::account::Role;
use crossauth_core::enrolment::{Assurance, Begun, Completed};
use crossauth_core::login::{Door, LoginOutcome};
use crossauth_core::session::Session;
use crossauth_core::storage::Change;
use crossauth_core::user::{FactorName, Patch, StateEvent, UserState, UserUpdate};
use crossauth_testkit::storage::change_user;

use super::{Enrolled, STEP, all_factors, otp, secret_of, site};
use crate::site::Site;

/// The session after bob's password, which permits to set a factor up.
async fn must_set_up(site: &Site) -> Session {
    let outcome = site.first_step("bob", Door::default()).await;
    let LoginOutcome::FactorReset(session) = outcome else { panic!("{outcome:?}") };
    site.checked(&session).await
}

/// Bob, whose authenticator application must be set up again.
async fn reset(site: &Site) -> (Enrolled, Session) {
    let bob = site.enrolled("bob").await;
    let state = Some(UserState::Factor2ResetNeeded);
    site.update(&bob.user, UserUpdate { state, ..UserUpdate::default() }).await;
    let session = must_set_up(site).await;
    (bob, session)
}

#[tokio::test]
async fn factor_that_was_reset_is_set_up_before_the_login() {
    let site = site();
    let (bob, session) = reset(&site).await;
    let secret = secret_of(&site.begin(&session, "totp").await);
    let (user, new, codes) = site.confirm(&session, &site.code(&secret)).await;
    assert_eq!((user.state, codes.len()), (UserState::Active, 10));
    assert_eq!(site.checked(&new).await.user.unwrap().username, "bob");
    site.clock.advance(STEP);
    assert!(!site.logs_in("bob", &otp(&site.code(&bob.phone))).await);
    assert!(site.logs_in("bob", &otp(&site.code(&secret))).await);
}

#[tokio::test]
async fn factor_that_was_reset_may_be_turned_off_where_none_is_allowed() {
    let site = site();
    let (_, session) = reset(&site).await;
    let begun = site.auth.enrolment.change(&session, "none", Assurance::default()).await.unwrap();
    let Begun::TurnedOff { session } = begun else { panic!("{begun:?}") };
    let user = site.checked(&session).await.user.unwrap();
    assert_eq!((user.state, user.factor2), (UserState::Active, None));
}

#[tokio::test]
async fn factor_that_is_not_offered_any_more_is_replaced_and_not_turned_off() {
    let site = Site::with(|config| {
        all_factors(config);
        config.factors.allowed = vec!["none".into(), "email".into()];
    });
    let bob = site.account("bob", Role::User).await;
    site.set_email(&bob, "bob@example.com").await;
    let factor2 = Patch::Set(FactorName::TOTP);
    site.update(&bob, UserUpdate { factor2, ..UserUpdate::default() }).await;
    let session = must_set_up(&site).await;
    let begun = site.auth.enrolment.change(&session, "none", Assurance::default()).await.unwrap();
    assert!(matches!(begun, Begun::Unavailable), "{begun:?}");
    site.begin(&session, "email").await;
    let (user, new, _) = site.confirm(&session, &site.sent_code().await).await;
    assert_eq!(user.factor2, Some(FactorName::EMAIL));
    assert!(site.is_accepted(&new).await);
}

#[tokio::test]
async fn turning_off_is_refused_where_every_account_needs_a_factor() {
    let site = Site::with(|config| {
        all_factors(config);
        config.factors.allowed = vec!["totp".into()];
    });
    let bob = site.account("bob", Role::User).await;
    let session = must_set_up(&site).await;
    let secret = secret_of(&site.begin(&session, "totp").await);
    let (_, new, _) = site.confirm(&session, &site.code(&secret)).await;
    let session = site.checked(&new).await;
    for none in ["none", ""] {
        let begun = site.auth.enrolment.change(&session, none, Assurance::default()).await;
        assert!(matches!(begun, Ok(Begun::Unavailable)), "{begun:?}");
    }
    let found = site.auth.accounts.find(&bob.id).await.unwrap().unwrap();
    assert_eq!(found.factor2, Some(FactorName::TOTP));
}

#[tokio::test]
async fn account_that_is_disabled_during_its_set_up_stays_disabled() {
    let site = site();
    let (bob, session) = reset(&site).await;
    let secret = secret_of(&site.begin(&session, "totp").await);
    let disable = Change { event: Some(StateEvent::Disabled), ..Change::default() };
    change_user(site.storage.inner(), &bob.user.id, &disable).await;
    let outcome = site.set_up(&session, &otp(&site.code(&secret))).await;
    assert!(matches!(outcome, Completed::Refused(_)), "{outcome:?}");
    let found = site.auth.accounts.find("bob").await.unwrap().unwrap();
    assert_eq!(found.state, UserState::Disabled);
}
