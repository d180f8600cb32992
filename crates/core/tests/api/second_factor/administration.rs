//! Second factors on behalf of an administrator.

use crossauth_core::account::{AccountError, FactorReset, Role};
use crossauth_core::login::{Door, LoginOutcome};
use crossauth_core::outbox::Preview;
use crossauth_core::user::{FactorName, NewUser, UserSecrets, UserState};
use crossauth_testkit::storage::create_user;

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
async fn no_account_has_to_set_up_a_factor_where_none_is_offered() {
    let site = Site::with(|config| {
        all_factors(config);
        config.factors.allowed = vec!["none".into()];
        config.delivery.preview = Some(Preview::new());
    });
    let accounts = &site.auth.accounts;
    let demanding = [UserState::Factor2ResetNeeded, UserState::PasswordAndFactor2ResetNeeded];
    for before in UserState::KNOWN {
        let name = before.as_str();
        let email = Some(format!("{name}@example.com"));
        let new = NewUser { state: before.clone(), admin: true, email, ..NewUser::named(name) };
        create_user(site.storage.inner(), &new, &UserSecrets::default()).await;
        let user = accounts.find(name).await.unwrap().unwrap();
        let possible = accounts.selectable_states(&user);
        for state in before.selectable() {
            let is_refused = state != before && demanding.contains(&state);
            assert_eq!(possible.contains(&state), !is_refused, "{before:?} {state:?}");
            if is_refused {
                let error = accounts.set_state(&user, &state).await.unwrap_err();
                assert!(matches!(error, AccountError::NoFactorOffered), "{state:?}: {error}");
            }
        }
        let error = accounts.reset_factor(&user, FactorReset::SetUpAgain).await.unwrap_err();
        assert!(matches!(error, AccountError::NoFactorOffered), "{before:?}: {error}");
        assert_eq!(accounts.find(name).await.unwrap(), Some(user));
    }
    let name = UserState::Factor2ResetNeeded.as_str();
    let freed = accounts.reset_factor(name, FactorReset::Remove).await.unwrap();
    assert_eq!(freed.state, UserState::Active);
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
