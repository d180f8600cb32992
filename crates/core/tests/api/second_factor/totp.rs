//! Codes of an authenticator application.

use std::sync::Arc;
use std::time::Duration;

use crossauth_core::Rejection;
use crossauth_core::account::Role;
use crossauth_core::clock::Clock;

use super::{STEP, assert_rejected, is_logged_in, otp, race, recovery_code, secret_of, site};

#[tokio::test]
async fn code_is_accepted_as_people_type_it() {
    let site = site();
    let bob = site.enrolled("bob").await;
    for spaced in [
        |code: &str| format!(" {code}\n"),
        |code: &str| format!("{}\u{a0}{}", &code[..3], &code[3..]),
    ] {
        let code = spaced(&site.code(&bob.phone));
        assert!(site.logs_in("bob", &otp(&code)).await, "{code:?}");
        site.clock.advance(STEP);
    }
}

#[tokio::test]
async fn m2_code_is_accepted_once() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let code = otp(&site.code(&bob.phone));
    assert!(site.logs_in("bob", &code).await);
    let waiting = site.pending("bob").await;
    assert_rejected(&site.second_step(&waiting, &code).await, Rejection::Wrong);
    site.clock.advance(STEP);
    // In the same login the next code works.
    assert!(is_logged_in(&site.second_step(&waiting, &otp(&site.code(&bob.phone))).await));
}

#[tokio::test]
async fn m2_code_of_the_set_up_does_not_log_in() {
    let site = site();
    site.account("bob", Role::User).await;
    let session = site.session("bob").await;
    let session = site.checked(&session).await;
    let phone = secret_of(&site.begin(&session, "totp").await);
    let code = site.code(&phone);
    site.confirm(&session, &code).await;
    assert!(!site.logs_in("bob", &otp(&code)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m2_one_of_fifty_parallel_logins_with_one_code_succeeds() {
    let site = Arc::new(site());
    let bob = site.enrolled("bob").await;
    let code = otp(&site.code(&bob.phone));
    // As many logins wait as the account may try.
    let mut waiting = Vec::new();
    for _ in 0..50 {
        waiting.push(site.pending("bob").await);
    }
    let waiting = Arc::new(waiting);
    let outcomes = race(|number| {
        let (site, waiting, code) = (site.clone(), waiting.clone(), code.clone());
        async move { site.second_step(&waiting[number], &code).await }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| is_logged_in(outcome)).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m2_one_waiting_login_begins_one_session() {
    let site = Arc::new(site());
    let bob = site.enrolled("bob").await;
    let codes: Vec<String> = [0_u32, 1]
        .into_iter()
        .map(|steps| bob.phone.code(site.clock.now() + STEP * steps))
        .collect();
    let waiting = Arc::new(site.pending("bob").await);
    let outcomes = race(|number| {
        let (site, waiting, code) = (site.clone(), waiting.clone(), codes[number % 2].clone());
        async move { site.second_step(&waiting, &otp(&code)).await }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| is_logged_in(outcome)).count(), 1);
}

#[tokio::test]
async fn m3_code_before_the_last_used_one_is_refused() {
    let site = site();
    let bob = site.enrolled("bob").await;
    site.clock.advance(STEP);
    let before = otp(&site.code(&bob.phone));
    site.clock.advance(STEP);
    let present = otp(&site.code(&bob.phone));
    // The one before is within the window until the present one was used.
    assert!(site.logs_in("bob", &before).await);
    assert!(!site.logs_in("bob", &before).await);
    assert!(site.logs_in("bob", &present).await);
    assert!(!site.logs_in("bob", &before).await);
}

#[tokio::test]
async fn m4_only_the_neighbouring_steps_are_accepted() {
    for (steps, accepted) in
        [(-3, false), (-2, false), (-1, true), (0, true), (1, true), (2, false)]
    {
        let site = site();
        let bob = site.enrolled("bob").await;
        // Far from the code of the set-up.
        site.clock.advance(STEP * 10);
        let now = site.clock.now() + STEP * 10;
        let at = now - STEP * u32::try_from(10 - steps).unwrap();
        assert_eq!(site.logs_in("bob", &otp(&bob.phone.code(at))).await, accepted, "{steps}");
    }
}

#[tokio::test]
async fn m6_code_of_another_user_is_refused() {
    let site = site();
    let alice = site.enrolled("alice").await;
    let bob = site.enrolled("bob").await;
    let code = otp(&site.code(&alice.phone));
    assert!(!site.logs_in("bob", &code).await);
    let waiting = site.pending("bob").await;
    let alices = recovery_code(&alice.recovery_codes[0]);
    assert_rejected(&site.second_step(&waiting, &alices).await, Rejection::Wrong);
    // It is still good for its owner, and bob's for him.
    assert!(site.logs_in("alice", &alices).await);
    assert!(site.logs_in("alice", &code).await);
    assert!(site.logs_in("bob", &otp(&site.code(&bob.phone))).await);
}

#[tokio::test]
async fn m19_text_that_is_no_code_is_refused() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let code = site.code(&bob.phone);
    let arabic: String = code
        .chars()
        .map(|digit| char::from_u32(0x660 + digit.to_digit(10).unwrap()).unwrap())
        .collect();
    for text in [
        arabic,
        format!("0{code}"),
        format!("+{code}"),
        code[1..].to_owned(),
        format!("{code}\0"),
        "9".repeat(1_000_000),
        format!("{code}{}", " ".repeat(1_000_000)),
    ] {
        let waiting = site.pending("bob").await;
        let outcome = site.second_step(&waiting, &otp(&text)).await;
        assert!(!is_logged_in(&outcome), "{} characters", text.chars().count());
    }
    assert!(site.logs_in("bob", &otp(&code)).await);
}

#[tokio::test]
async fn m20_clock_that_is_set_back_does_not_revive_a_code() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let now = site.clock.now();
    let code = otp(&site.code(&bob.phone));
    assert!(site.logs_in("bob", &code).await);
    site.clock.advance(Duration::from_hours(1));
    assert!(site.logs_in("bob", &otp(&site.code(&bob.phone))).await);
    site.clock.set(now);
    assert!(!site.logs_in("bob", &code).await);
}
