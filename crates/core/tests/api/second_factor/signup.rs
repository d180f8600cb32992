//! Sign-up with a second factor.

use std::time::Duration;

use crossauth_core::Rejection;
use crossauth_core::account::{AccountError, AccountForm};
use crossauth_core::clock::Clock;
use crossauth_core::enrolment::{Completed, SignupFactor};
use crossauth_core::form::{Field, Rule};
use crossauth_core::key::KeyPrefix;
use crossauth_core::login::{Door, LoginOutcome};
use crossauth_core::message::MessageKind;
use crossauth_core::secret::Password;
use crossauth_core::session::{Replaced, Session};
use crossauth_core::signup::{SignupOutcome, SignupRequest};
use crossauth_core::user::{FactorName, Refusal, UserState, UserUpdate};

use super::{STEP, all_factors, fields, otp, secret_of};
use crate::site::{OTHER, PASSWORD, Site};

async fn try_sign_up(
    site: &Site,
    form: AccountForm,
    factor2: Option<&str>,
    before: Option<&Session>,
) -> Result<SignupOutcome, AccountError> {
    let replaces = before.map(|session| Replaced::new(&session.id, &session.key));
    let request = SignupRequest { factor2, replaces, ..SignupRequest::new(form) };
    site.auth.signup.sign_up(request).await
}

fn form(username: &str, password: &str, email: Option<&str>) -> AccountForm {
    let email = email.map(|email| ("email".to_owned(), email.into()));
    AccountForm {
        fields: email.into_iter().collect(),
        ..AccountForm::new(username, Password::new(password))
    }
}

fn open_site() -> Site {
    Site::with(|config| {
        all_factors(config);
        config.signup.editable_fields = vec!["email".into(), "phone".into()];
    })
}

async fn sign_up(site: &Site, username: &str, factor2: &str) -> SignupFactor {
    let form = form(username, PASSWORD, Some(&format!("{username}@example.com")));
    let outcome = try_sign_up(site, form, Some(factor2), None).await.unwrap();
    let SignupOutcome::SetUpFactor(waiting) = outcome else { panic!("{outcome:?}") };
    *waiting
}

#[tokio::test]
async fn account_waits_for_its_factor_and_is_logged_in_with_it() {
    let site = open_site();
    let waiting = sign_up(&site, "bob", "totp").await;
    assert_eq!(waiting.factor, FactorName::TOTP);
    let secret = secret_of(&waiting.shown);
    let bob = site.auth.accounts.find("bob").await.unwrap().unwrap();
    assert_eq!(bob.state, UserState::AwaitingTwoFactorSetup);
    let session = site.checked(&waiting.session).await;
    assert_eq!(session.user, None);
    let outcome = site.first_step("bob", Door::default()).await;
    let refused = matches!(outcome, LoginOutcome::Refused(Refusal::TwoFactorIncomplete));
    assert!(refused, "{outcome:?}");
    let (user, new, codes) = site.confirm(&session, &site.code(&secret)).await;
    assert_eq!((user.state, codes.len()), (UserState::Active, 10));
    assert!(site.is_accepted(&new).await);
    site.clock.advance(STEP);
    assert!(site.logs_in("bob", &otp(&site.code(&secret))).await);
}

#[tokio::test]
async fn sign_up_is_resumed_with_the_same_password_only() {
    let site = open_site();
    let first = sign_up(&site, "bob", "totp").await;
    // In another browser: the unconfirmed secret is replaced.
    let second = sign_up(&site, "bob", "totp").await;
    let session = site.checked(&second.session).await;
    let wrong = form("bob", OTHER, Some("bob@example.com"));
    let other = form("bob", PASSWORD, Some("other@example.com"));
    for taken in [wrong, other] {
        let outcome = try_sign_up(&site, taken, Some("totp"), None).await;
        let Err(AccountError::Form(errors)) = outcome else { panic!("{outcome:?}") };
        assert_eq!((&errors[0].field, &errors[0].rule), (&Field::Username, &Rule::Taken));
    }
    site.confirm(&session, &site.code(&secret_of(&second.shown))).await;
    // Now it is complete, and the first browser's is invalid.
    let first_session = site.checked(&first.session).await;
    let late = otp(&site.code(&secret_of(&first.shown)));
    let outcome = site.set_up(&first_session, &late).await;
    assert!(matches!(outcome, Completed::Rejected(Rejection::Gone)), "{outcome:?}");
    let again = form("bob", PASSWORD, Some("bob@example.com"));
    let outcome = try_sign_up(&site, again, Some("totp"), None).await.unwrap();
    let goes_on = matches!(outcome, SignupOutcome::Existing(LoginOutcome::SecondFactor(_)));
    assert!(goes_on, "{outcome:?}");
}

#[tokio::test]
async fn another_factor_may_be_chosen_when_a_sign_up_is_resumed() {
    let site = open_site();
    sign_up(&site, "bob", "totp").await;
    let waiting = sign_up(&site, "bob", "email").await;
    let session = site.checked(&waiting.session).await;
    let (user, ..) = site.confirm(&session, &site.sent_code().await).await;
    assert_eq!(user.factor2, Some(FactorName::EMAIL));
}

#[tokio::test]
async fn data_of_the_session_before_is_kept_while_the_sign_up_waits() {
    let site = open_site();
    let cart = fields([("cart", "7")]);
    let anonymous = site.auth.sessions.begin_anonymous(&cart).await.unwrap();
    let anonymous = site.checked(&anonymous).await;
    let form = form("bob", PASSWORD, None);
    let outcome = try_sign_up(&site, form, Some("totp"), Some(&anonymous)).await.unwrap();
    let SignupOutcome::SetUpFactor(waiting) = outcome else { panic!("{outcome:?}") };
    let session = site.checked(&waiting.session).await;
    assert_eq!(session.key.data.application_object().unwrap(), cart);
    assert!(site.auth.sessions.find(anonymous.id).await.is_err());
}

/// Confirms an authenticator application, which does not log in before bob's address is verified.
async fn assert_must_verify(site: &Site, session: &Session, waiting: &SignupFactor) {
    let code = otp(&site.code(&secret_of(&waiting.shown)));
    let completed = site.set_up(session, &code).await;
    let Completed::VerifyEmail { recovery_codes } = completed else { panic!("{completed:?}") };
    assert_eq!(recovery_codes.len(), 10);
    let bob = site.auth.accounts.find("bob").await.unwrap().unwrap();
    assert_eq!(bob.state, UserState::AwaitingEmailVerification);
}

#[tokio::test]
async fn address_is_verified_after_the_factor_unless_the_factor_proves_it() {
    let site = open_site();
    let waiting = sign_up(&site, "bob", "totp").await;
    let bob = site.auth.accounts.find("bob").await.unwrap().unwrap();
    let state = Some(UserState::AwaitingTwoFactorSetupAndEmailVerification);
    site.update(&bob, UserUpdate { state, ..UserUpdate::default() }).await;
    let session = site.checked(&waiting.session).await;
    assert_must_verify(&site, &session, &waiting).await;
    assert!(site.auth.sessions.find(session.id).await.is_err());
}

#[tokio::test]
async fn factor_chosen_later_does_not_skip_the_verification_that_the_first_would_have_been() {
    let site = Site::with(|config| {
        all_factors(config);
        config.signup.editable_fields = vec!["email".into()];
        config.delivery.preview = Some(crossauth_core::outbox::Preview::default());
    });
    sign_up(&site, "bob", "email").await;
    let second = sign_up(&site, "bob", "totp").await;
    let session = site.checked(&second.session).await;
    assert_must_verify(&site, &session, &second).await;
    site.auth.handle_mail_requests().await;
    let sent = site.sent().await;
    assert!(sent.contains(&MessageKind::EmailVerification.to_string()), "{sent:?}");
}

#[tokio::test]
async fn completed_sign_up_has_one_valid_link_also_if_the_first_has_expired() {
    for pause in [Duration::ZERO, Duration::from_hours(25)] {
        let site = Site::with(|config| {
            all_factors(config);
            config.signup.editable_fields = vec!["email".into()];
            config.delivery.preview = Some(crossauth_core::outbox::Preview::default());
        });
        sign_up(&site, "bob", "totp").await;
        site.clock.advance(pause);
        let waiting = sign_up(&site, "bob", "totp").await;
        assert!(waiting.email_verification_needed);
        let session = site.checked(&waiting.session).await;
        assert_must_verify(&site, &session, &waiting).await;
        site.auth.handle_mail_requests().await;
        let bob = site.auth.accounts.find("bob").await.unwrap().unwrap();
        let (keys, prefix) = (&site.storage.inner().keys, KeyPrefix::EmailVerification);
        let links = keys.list_for_user(Some(&bob.id), prefix, None, 10).await.unwrap();
        let valid = links.iter().filter(|link| !link.is_expired(site.clock.now()));
        assert_eq!(valid.count(), 1, "{pause:?}");
    }
}

#[tokio::test]
async fn factor_of_the_form_must_be_offered_and_reachable() {
    let site = open_site();
    for unavailable in ["unknown", "TOTP", "oidc"] {
        let outcome =
            try_sign_up(&site, form("bob", PASSWORD, None), Some(unavailable), None).await;
        assert!(matches!(outcome, Err(AccountError::FactorUnavailable)), "{outcome:?}");
    }
    for (factor, field) in [("email", Field::Email), ("sms", Field::Extra("phone".to_owned()))] {
        let outcome = try_sign_up(&site, form("bob", PASSWORD, None), Some(factor), None).await;
        let Err(AccountError::Form(errors)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(errors[0].field, field);
    }
    assert_eq!(site.auth.accounts.find("bob").await.unwrap(), None, "nothing was created");
    for none in [None, Some(""), Some("none")] {
        let name = format!("bob{}", none.unwrap_or("absent"));
        let outcome = try_sign_up(&site, form(&name, PASSWORD, None), none, None).await.unwrap();
        assert!(matches!(outcome, SignupOutcome::LoggedIn(_)), "{outcome:?}");
    }
}

#[tokio::test]
async fn first_allowed_factor_is_the_default() {
    let site = Site::with(|config| {
        all_factors(config);
        config.factors.allowed = vec!["totp".into(), "email".into()];
    });
    let outcome = try_sign_up(&site, form("bob", PASSWORD, None), None, None).await.unwrap();
    let SignupOutcome::SetUpFactor(waiting) = outcome else { panic!("{outcome:?}") };
    assert_eq!(waiting.factor, FactorName::TOTP);
    let outcome = try_sign_up(&site, form("carol", PASSWORD, None), Some("none"), None).await;
    assert!(matches!(outcome, Err(AccountError::FactorUnavailable)), "{outcome:?}");
}

#[tokio::test]
async fn m1_waiting_sign_up_is_no_login() {
    let site = open_site();
    let waiting = sign_up(&site, "bob", "dummyFactor2").await;
    let session = site.checked(&waiting.session).await;
    let outcome = site.second_step(&session, &otp("0000")).await;
    super::assert_rejected(&outcome, Rejection::Gone);
    assert_eq!(waiting.shown.get("otp"), None);
}

#[tokio::test]
async fn signing_up_while_logged_in_ends_the_session_before() {
    let site = open_site();
    site.account("alice", crossauth_core::account::Role::User).await;
    let alice = site.session("alice").await;
    let before = site.checked(&alice).await;
    let form = form("bob", PASSWORD, None);
    let outcome = try_sign_up(&site, form, Some("totp"), Some(&before)).await.unwrap();
    let SignupOutcome::SetUpFactor(waiting) = outcome else { panic!("{outcome:?}") };
    assert!(!site.is_accepted(&alice).await);
    let session = site.checked(&waiting.session).await;
    let (user, new, _) = site.confirm(&session, &site.code(&secret_of(&waiting.shown))).await;
    assert_eq!(user.username, "bob");
    assert!(site.is_accepted(&new).await);
}
