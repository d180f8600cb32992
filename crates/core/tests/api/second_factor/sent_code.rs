//! Codes by e-mail and SMS.

use std::time::Duration;

use crossauth_core::Rejection;
use crossauth_core::account::Role;
use crossauth_core::login::{Door, LoginOutcome, Resent};
use crossauth_core::user::{FactorName, Patch, UserUpdate};
use crossauth_core::visitor::Visitor;
use serde_json::json;

use super::{assert_rejected, is_logged_in, otp, site};
use crate::site::Site;

/// A user with codes by e-mail.
async fn by_email(site: &Site, username: &str) {
    let user = site.account(username, Role::User).await;
    site.set_email(&user, &format!("{username}@example.com")).await;
    let factor2 = Patch::Set(FactorName::EMAIL);
    site.update(&user, UserUpdate { factor2, ..UserUpdate::default() }).await;
}

/// A six-digit code other than this one.
fn other(code: &str) -> String {
    if code == "000000" { "000001".into() } else { "000000".into() }
}

#[tokio::test]
async fn code_from_the_message_logs_in_once() {
    let site = site();
    by_email(&site, "bob").await;
    let waiting = site.pending("bob").await;
    assert_eq!(site.sent().await, ["login_code"]);
    let code = site.sent_code().await;
    assert_rejected(&site.second_step(&waiting, &otp(&other(&code))).await, Rejection::Wrong);
    assert!(is_logged_in(&site.second_step(&waiting, &otp(&code)).await));
    assert_rejected(&site.second_step(&waiting, &otp(&code)).await, Rejection::Gone);
}

#[tokio::test]
async fn m6_code_of_another_user_is_refused() {
    let site = site();
    by_email(&site, "alice").await;
    by_email(&site, "bob").await;
    site.pending("alice").await;
    let code = site.sent_code().await;
    site.clock.advance(Duration::from_secs(1));
    let waiting = site.pending("bob").await;
    assert_rejected(&site.second_step(&waiting, &otp(&code)).await, Rejection::Wrong);
}

#[tokio::test]
async fn m7_code_belongs_to_one_login() {
    let site = site();
    by_email(&site, "bob").await;
    let first = site.pending("bob").await;
    let code = site.sent_code().await;
    let second = site.pending("bob").await;
    assert_rejected(&site.second_step(&second, &otp(&code)).await, Rejection::Wrong);
    assert!(is_logged_in(&site.second_step(&first, &otp(&code)).await));
}

#[tokio::test]
async fn m7_code_expires_after_five_minutes() {
    let site = site();
    by_email(&site, "bob").await;
    let waiting = site.pending("bob").await;
    let code = site.sent_code().await;
    site.clock.advance(Duration::from_mins(5));
    assert_rejected(&site.second_step(&waiting, &otp(&code)).await, Rejection::Expired);
    // That it has expired is told only to those who know it.
    assert_rejected(&site.second_step(&waiting, &otp(&other(&code))).await, Rejection::Wrong);
}

#[tokio::test]
async fn m7_no_configuration_makes_codes_live_longer_than_ten_minutes() {
    let site = Site::with(|config| {
        super::all_factors(config);
        config.factors.code_lifetime = Duration::from_hours(24);
    });
    by_email(&site, "bob").await;
    let waiting = site.pending("bob").await;
    let code = site.sent_code().await;
    site.clock.advance(Duration::from_mins(10));
    assert_rejected(&site.second_step(&waiting, &otp(&code)).await, Rejection::Expired);
}

#[tokio::test]
async fn m7_new_code_makes_the_old_one_invalid() {
    let site = site();
    by_email(&site, "bob").await;
    let waiting = site.pending("bob").await;
    let old = site.sent_code().await;
    site.clock.advance(Duration::from_secs(1));
    let Resent::Sent { shown } = site.auth.login.resend(&waiting).await.unwrap() else {
        panic!("a code is sent")
    };
    assert_eq!(shown["sentTo"], "b…@example.com");
    let new = site.sent_code().await;
    assert_ne!(old, new);
    let waiting = site.auth.sessions.find(waiting.id).await.unwrap();
    assert_rejected(&site.second_step(&waiting, &otp(&old)).await, Rejection::Wrong);
    assert!(is_logged_in(&site.second_step(&waiting, &otp(&new)).await));
}

#[tokio::test]
async fn m5_asking_for_another_code_does_not_reset_the_count() {
    let site = site();
    by_email(&site, "bob").await;
    let mut waiting = site.pending("bob").await;
    for number in 0..5 {
        let code = site.sent_code().await;
        let outcome = site.second_step(&waiting, &otp(&other(&code))).await;
        assert_rejected(&outcome, Rejection::Wrong);
        if number < 3 {
            site.clock.advance(Duration::from_secs(1));
            let resent = site.auth.login.resend(&waiting).await.unwrap();
            assert!(matches!(resent, Resent::Sent { .. }), "{resent:?}");
            waiting = site.auth.sessions.find(waiting.id).await.unwrap();
        }
    }
    let resent = site.auth.login.resend(&waiting).await.unwrap();
    assert!(matches!(resent, Resent::Rejected(Rejection::TooMany { .. })), "{resent:?}");
    let outcome = site.second_step(&waiting, &otp(&site.sent_code().await)).await;
    assert!(matches!(outcome, super::SecondFactorOutcome::Rejected(Rejection::TooMany { .. })));
}

#[tokio::test]
async fn m8_code_is_neither_shown_nor_stored_in_plain_text() {
    let site = site();
    by_email(&site, "bob").await;
    let needed = site.needed("bob", Door::default()).await;
    let code = site.sent_code().await;
    let waiting = site.checked(needed.session.as_ref().unwrap()).await;
    let messages = site.storage.inner().outbox.claim(waiting.key.created, waiting.key.created, 10);
    let messages = messages.await.unwrap();
    let told = format!("{needed:?} {:?} {waiting:?} {messages:?}", json!(needed.shown));
    let stored = format!("{} {}", waiting.key.data.as_text(), messages[0].message.payload);
    for text in [told, stored] {
        assert!(!text.contains(&code), "{text}");
    }
}

#[tokio::test]
async fn m9_codes_to_one_number_are_limited_across_accounts() {
    let site = site();
    for account in 0..3 {
        let user = site.account(&format!("user{account}"), Role::User).await;
        site.set_phone(&user, "+4312345678").await;
        let factor2 = Patch::Set(FactorName::SMS);
        site.update(&user, UserUpdate { factor2, ..UserUpdate::default() }).await;
    }
    let mut sent = 0;
    for number in 0..30 {
        let outcome = site.first_step(&format!("user{}", number % 3), Door::default()).await;
        let is_sent = matches!(outcome, LoginOutcome::SecondFactor(_));
        assert!(is_sent || matches!(outcome, LoginOutcome::TooMany { .. }), "{outcome:?}");
        sent += usize::from(is_sent);
    }
    assert_eq!(sent, 10);
    assert_eq!(site.sent().await.len(), 10);
    site.clock.advance(Duration::from_hours(1));
    let outcome = site.first_step("user0", Door::default()).await;
    assert!(matches!(outcome, LoginOutcome::SecondFactor(_)), "{outcome:?}");
}

#[tokio::test]
async fn m9_codes_asked_for_from_one_network_are_limited_across_accounts() {
    let site = site();
    let attacker = Visitor { address: Some("203.0.113.9".parse().unwrap()), user_agent: None };
    let elsewhere = Visitor { address: Some("203.0.114.9".parse().unwrap()), user_agent: None };
    let mut sent = 0;
    for account in 0..40 {
        let user = site.account(&format!("user{account}"), Role::User).await;
        site.set_phone(&user, &format!("+43123456{account:02}")).await;
        let factor2 = Patch::Set(FactorName::SMS);
        site.update(&user, UserUpdate { factor2, ..UserUpdate::default() }).await;
        let door = Door { visitor: attacker, ..Door::default() };
        let outcome = site.first_step(&user.username, door).await;
        let is_sent = matches!(outcome, LoginOutcome::SecondFactor(_));
        assert!(is_sent || matches!(outcome, LoginOutcome::TooMany { .. }), "{outcome:?}");
        sent += usize::from(is_sent);
    }
    assert_eq!(sent, 30);
    assert_eq!(site.sent().await.len(), 30);
    let outcome = site.first_step("user39", Door { visitor: elsewhere, ..Door::default() }).await;
    assert!(matches!(outcome, LoginOutcome::SecondFactor(_)), "{outcome:?}");
}

#[tokio::test]
async fn m9_codes_are_sent_to_allowed_countries_only() {
    let site = Site::with(|config| {
        super::all_factors(config);
        config.factors.phone_prefixes = vec!["+43".into(), "+49".into()];
    });
    for (name, number, is_allowed) in [
        ("austria", "+4312345678", true),
        ("germany", "+4912345678", true),
        ("elsewhere", "+37112345678", false),
        ("neighbour", "+4212345678", false),
    ] {
        let user = site.account(name, Role::User).await;
        site.set_phone(&user, number).await;
        let factor2 = Patch::Set(FactorName::SMS);
        site.update(&user, UserUpdate { factor2, ..UserUpdate::default() }).await;
        let outcome = site.first_step(name, Door::default()).await;
        assert_eq!(matches!(outcome, LoginOutcome::SecondFactor(_)), is_allowed, "{outcome:?}");
    }
    assert_eq!(site.sent().await.len(), 2);
}

#[tokio::test]
async fn m9_complete_logins_do_not_use_up_the_codes_of_an_account() {
    let site = site();
    by_email(&site, "bob").await;
    for number in 0..30 {
        let waiting = site.pending("bob").await;
        let code = site.sent_code().await;
        assert!(is_logged_in(&site.second_step(&waiting, &otp(&code)).await), "{number}");
        site.clock.advance(Duration::from_mins(7));
    }
}

#[tokio::test]
async fn m9_used_codes_to_one_number_are_limited() {
    let site = site();
    by_email(&site, "bob").await;
    for number in 0..60 {
        let waiting = site.pending("bob").await;
        let code = site.sent_code().await;
        assert!(is_logged_in(&site.second_step(&waiting, &otp(&code)).await), "{number}");
        site.clock.advance(Duration::from_millis(900));
    }
    let outcome = site.first_step("bob", Door::default()).await;
    assert!(matches!(outcome, LoginOutcome::TooMany { .. }), "{outcome:?}");
}

#[tokio::test]
async fn factor_without_an_address_or_a_number_is_not_skipped() {
    let site = site();
    for (name, factor) in [("bob", FactorName::EMAIL), ("carol", FactorName::SMS)] {
        let user = site.account(name, Role::User).await;
        let factor2 = Patch::Set(factor);
        site.update(&user, UserUpdate { factor2, ..UserUpdate::default() }).await;
        let outcome = site.first_step(name, Door::default()).await;
        assert!(matches!(outcome, LoginOutcome::Refused(_)), "{outcome:?}");
    }
    assert!(site.sent().await.is_empty());
}

#[tokio::test]
async fn totp_has_no_code_to_send() {
    let site = site();
    site.enrolled("bob").await;
    let waiting = site.pending("bob").await;
    assert_eq!(site.auth.login.resend(&waiting).await.unwrap(), Resent::NothingToSend);
}

#[tokio::test]
async fn m21_number_and_address_of_a_factor_are_bound_to_it() {
    let site = site();
    by_email(&site, "bob").await;
    let bob = site.auth.accounts.find("bob").await.unwrap().unwrap();
    let bound = |user: &_| site.auth.factors.bound_field(user);
    assert_eq!(bound(&bob), Some("email"));
    let sms = UserUpdate { factor2: Patch::Set(FactorName::SMS), ..UserUpdate::default() };
    let bob = site.update(&bob, sms).await;
    assert_eq!(bound(&bob), Some("phone"));
    let none = UserUpdate { factor2: Patch::Clear, ..UserUpdate::default() };
    let bob = site.update(&bob, none).await;
    assert_eq!(bound(&bob), None);
}
