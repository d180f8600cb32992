//! What an account must do before its user is logged in.

use std::time::Duration;

use crossauth_core::account::Role;
use crossauth_core::key::KeyPrefix;
use crossauth_core::login::{Door, LoginOutcome, RequiredChange};
use crossauth_core::user::{UserState, UserUpdate};

use super::{all_factors, site};
use crate::site::Site;

#[tokio::test]
async fn m16_every_way_in_demands_the_factor() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let outcome = site.auth.login.admit(&bob.user.id, Door::default()).await.unwrap();
    assert!(matches!(outcome, LoginOutcome::SecondFactor(_)), "{outcome:?}");
    let outcome = site.first_step("bob", Door::default()).await;
    assert!(matches!(outcome, LoginOutcome::SecondFactor(_)), "{outcome:?}");
}

#[tokio::test]
async fn m16_account_without_a_factor_must_set_one_up_where_all_need_one() {
    let site = Site::with(|config| {
        all_factors(config);
        config.factors.allowed = vec!["totp".into(), "email".into()];
    });
    let bob = site.account("bob", Role::User).await;
    for outcome in [
        site.first_step("bob", Door::default()).await,
        site.auth.login.admit(&bob.id, Door::default()).await.unwrap(),
    ] {
        let LoginOutcome::FactorReset(session) = outcome else { panic!("{outcome:?}") };
        assert_eq!(session.user, None);
        let session = site.checked(&session).await;
        let required = site.auth.login.required_change(&session);
        assert_eq!(required, Some(RequiredChange::Factor));
    }
}

#[tokio::test]
async fn states_that_demand_a_change_begin_anonymous_sessions_for_it_and_others_none() {
    let site = site();
    let bob = site.account("bob", Role::User).await;
    for (state, expected) in [
        (UserState::PasswordChangeNeeded, Some(RequiredChange::Password)),
        (UserState::Factor2ResetNeeded, Some(RequiredChange::Factor)),
        (UserState::PasswordResetNeeded, None),
        (UserState::PasswordAndFactor2ResetNeeded, None),
        (UserState::Disabled, None),
        (UserState::AwaitingEmailVerification, None),
        (UserState::AwaitingTwoFactorSetup, None),
        (UserState::AwaitingTwoFactorSetupAndEmailVerification, None),
    ] {
        let update = UserUpdate { state: Some(state.clone()), ..UserUpdate::default() };
        site.update(&bob, update).await;
        let before = site.storage.inner().keys.list_for_user(None, KeyPrefix::Session, None, 99);
        let before = before.await.unwrap().len();
        match (site.first_step("bob", Door::default()).await, expected) {
            (
                LoginOutcome::PasswordChange(session) | LoginOutcome::FactorReset(session),
                Some(expected),
            ) => {
                let session = site.checked(&session).await;
                assert_eq!(session.user, None);
                assert_eq!(site.auth.login.required_change(&session), Some(expected));
                let permitted = site.auth.login.password_change_of(&session).await.unwrap();
                assert_eq!(permitted.is_some(), expected == RequiredChange::Password);
            }
            (LoginOutcome::Refused(_), None) => {
                let keys = &site.storage.inner().keys;
                let after = keys.list_for_user(None, KeyPrefix::Session, None, 99).await.unwrap();
                assert_eq!(after.len(), before, "{state:?}");
            }
            (outcome, _) => panic!("{state:?}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn permission_to_change_ends_with_the_credentials_and_after_half_an_hour() {
    let site = site();
    let bob = site.account("bob", Role::User).await;
    let state = Some(UserState::PasswordChangeNeeded);
    site.update(&bob, UserUpdate { state, ..UserUpdate::default() }).await;
    let LoginOutcome::PasswordChange(session) = site.first_step("bob", Door::default()).await
    else {
        panic!("the password must be changed")
    };
    let session = site.checked(&session).await;
    assert!(site.auth.login.password_change_of(&session).await.unwrap().is_some());
    site.auth.accounts.end_sessions("bob", None).await.unwrap();
    assert!(site.auth.login.password_change_of(&session).await.unwrap().is_none());
    let LoginOutcome::PasswordChange(session) = site.first_step("bob", Door::default()).await
    else {
        panic!("the password must be changed")
    };
    let session = site.checked(&session).await;
    site.clock.advance(Duration::from_mins(30));
    assert!(site.auth.login.password_change_of(&session).await.unwrap().is_none());
    assert_eq!(site.auth.login.required_change(&session), None);
}
