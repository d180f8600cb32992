//! Second factors on behalf of an administrator.

use crossauth_core::account::{AccountError, FactorReset, Role};
use crossauth_core::login::{Door, LoginOutcome};
use crossauth_core::user::{FactorName, UserState};

use super::{STEP, all_factors, otp, site};
use crate::site::Site;

#[tokio::test]
async fn lost_factor_is_reset_with_its_codes_devices_and_sessions() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let session = &bob.session;
    site.set_email(&bob.user, "bob@example.com").await;
    let user = site.auth.accounts.reset_factor(&bob.user, FactorReset::SetUpAgain).await.unwrap();
    assert_eq!((user.state, user.factor2), (UserState::Factor2ResetNeeded, None));
    assert!(!site.is_accepted(session).await);
    assert_eq!(site.auth.recovery.count(&bob.user.id).await.unwrap(), 0);
    assert_eq!(site.sent().await.last().unwrap(), "second_factor_changed");
    site.clock.advance(STEP);
    let outcome = site.first_step("bob", Door::default()).await;
    assert!(matches!(outcome, LoginOutcome::FactorReset(_)), "{outcome:?}");
    let stored = site.storage.inner().users.find_by_id(&bob.user.id).await.unwrap().unwrap();
    assert_eq!(stored.regardless_of_state().1.totpsecret, None);
}

#[tokio::test]
async fn factor_is_removed_and_the_password_suffices() {
    let site = site();
    let bob = site.enrolled("bob").await;
    site.clock.advance(STEP);
    let waiting = site.pending("bob").await;
    let user = site.auth.accounts.reset_factor("bob", FactorReset::Remove).await.unwrap();
    assert_eq!((user.state, user.factor2), (UserState::Active, None));
    // A login that waited for the factor does not go on.
    let outcome = site.second_step(&waiting, &otp(&site.code(&bob.phone))).await;
    assert!(!super::is_logged_in(&outcome), "{outcome:?}");
    let outcome = site.first_step("bob", Door::default()).await;
    assert!(matches!(outcome, LoginOutcome::LoggedIn(_)), "{outcome:?}");
}

#[tokio::test]
async fn administrator_requires_a_factor_that_is_offered() {
    let site = Site::with(|config| {
        all_factors(config);
        config.factors.allowed = vec!["none".into(), "totp".into()];
    });
    let bob = site.account("bob", Role::User).await;
    let to = |name: &str| FactorReset::SetUp(FactorName::from(name));
    let error = site.auth.accounts.reset_factor(&bob, to("email")).await.unwrap_err();
    assert!(matches!(error, AccountError::FactorUnavailable), "{error}");
    let user = site.auth.accounts.reset_factor(&bob, to("totp")).await.unwrap();
    assert_eq!((user.state, user.factor2), (UserState::Factor2ResetNeeded, Some(FactorName::TOTP)));
}
