//! How often codes may be tried: the arithmetic is in `docs/explanation/second-factors.md`.

use std::sync::Arc;
use std::time::Duration;

use crossauth_core::Rejection;
use crossauth_core::clock::Clock;
use crossauth_core::login::SecondFactorOutcome;

use super::{assert_rejected, is_logged_in, otp, race, site};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn m5_five_wrong_codes_end_a_login() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let waiting = site.pending("bob").await;
    for _ in 0..5 {
        let wrong = otp(&site.wrong_code(&bob.phone));
        assert_rejected(&site.second_step(&waiting, &wrong).await, Rejection::Wrong);
    }
    // Not even the right one, which would tell that it is.
    let retry_at = site.clock.now() + HOUR;
    let outcome = site.second_step(&waiting, &otp(&site.code(&bob.phone))).await;
    assert_rejected(&outcome, Rejection::TooMany { retry_at });
    assert!(site.logs_in("bob", &otp(&site.code(&bob.phone))).await, "in another login");
}

#[tokio::test]
async fn m5_ten_wrong_codes_an_hour_are_counted_across_logins() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let first = site.clock.now();
    for _ in 0..10 {
        let waiting = site.pending("bob").await;
        let wrong = otp(&site.wrong_code(&bob.phone));
        assert_rejected(&site.second_step(&waiting, &wrong).await, Rejection::Wrong);
    }
    let waiting = site.pending("bob").await;
    let outcome = site.second_step(&waiting, &otp(&site.code(&bob.phone))).await;
    assert_rejected(&outcome, Rejection::TooMany { retry_at: first + HOUR / 10 });
    site.clock.set(first + HOUR / 10);
    assert!(site.logs_in("bob", &otp(&site.code(&bob.phone))).await);
}

#[tokio::test]
async fn b12_recovery_codes_have_a_limit_of_their_own() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let wrong = super::recovery_code("AAAAA-AAAAA-AAAAA-A");
    for _ in 0..10 {
        let waiting = site.pending("bob").await;
        assert_rejected(&site.second_step(&waiting, &wrong).await, Rejection::Wrong);
    }
    let waiting = site.pending("bob").await;
    let retry_at = site.clock.now() + HOUR / 10;
    let right = super::recovery_code(&bob.recovery_codes[0]);
    assert_rejected(&site.second_step(&waiting, &right).await, Rejection::TooMany { retry_at });
    assert!(site.logs_in("bob", &otp(&site.code(&bob.phone))).await);
}

#[tokio::test]
async fn m5_logins_of_the_user_do_not_reset_the_count() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let mut wrong_codes = 0;
    loop {
        let waiting = site.pending("bob").await;
        let wrong = otp(&site.wrong_code(&bob.phone));
        let outcome = site.second_step(&waiting, &wrong).await;
        if matches!(outcome, SecondFactorOutcome::Rejected(Rejection::TooMany { .. })) {
            break;
        }
        assert_rejected(&outcome, Rejection::Wrong);
        wrong_codes += 1;
        if wrong_codes < 10 {
            assert!(site.logs_in("bob", &otp(&site.code(&bob.phone))).await);
            site.clock.advance(super::STEP);
        }
    }
    assert_eq!(wrong_codes, 10);
}

#[tokio::test]
async fn m5_correct_codes_are_not_counted() {
    let site = site();
    let bob = site.enrolled("bob").await;
    for number in 0..30 {
        assert!(site.logs_in("bob", &otp(&site.code(&bob.phone))).await, "{number}");
        site.clock.advance(super::STEP);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m5_no_more_than_the_limit_of_parallel_guesses_is_judged() {
    let site = Arc::new(site());
    let bob = site.enrolled("bob").await;
    let mut waiting = Vec::new();
    for _ in 0..50 {
        waiting.push(site.pending("bob").await);
    }
    let (waiting, wrong) = (Arc::new(waiting), otp(&site.wrong_code(&bob.phone)));
    let outcomes = race(|number| {
        let (site, waiting, wrong) = (site.clone(), waiting.clone(), wrong.clone());
        async move { site.second_step(&waiting[number], &wrong).await }
    })
    .await;
    let judged = |outcome: &&SecondFactorOutcome| {
        matches!(outcome, SecondFactorOutcome::Rejected(Rejection::Wrong))
    };
    assert_eq!(outcomes.iter().filter(judged).count(), 10);
}

#[tokio::test]
async fn m5_guess_is_counted_before_it_is_judged() {
    let site = site();
    let bob = site.enrolled("bob").await;
    let waiting = site.pending("bob").await;
    site.storage.take_calls();
    let wrong = otp(&site.wrong_code(&bob.phone));
    site.second_step(&waiting, &wrong).await;
    let calls = ["users.find_by_id", "attempts.charge", "audit.append"];
    assert_eq!(site.storage.take_calls(), calls);
    let outcome = site.second_step(&waiting, &otp(&site.code(&bob.phone))).await;
    assert!(is_logged_in(&outcome));
    let calls = ["users.find_by_id", "attempts.charge", "sessions.start", "attempts.refund"];
    assert_eq!(site.storage.take_calls(), calls);
}

/// 320 000 guesses a day are one in 0.27 seconds. A refused one changes no counter, so that one of a
/// hundred shows how many are judged.
#[tokio::test]
async fn m5_of_a_day_of_guesses_no_more_than_the_limits_are_judged() {
    const GUESSES: u32 = 320_000 / 100;
    let site = site();
    let bob = site.enrolled("bob").await;
    let (mut judged, mut refused) = (0, 0);
    let mut waiting = site.pending("bob").await;
    for _ in 0..GUESSES {
        let wrong = otp(&site.wrong_code(&bob.phone));
        let outcome = site.second_step(&waiting, &wrong).await;
        assert!(matches!(outcome, SecondFactorOutcome::Rejected(_)), "{outcome:?}");
        if matches!(outcome, SecondFactorOutcome::Rejected(Rejection::Wrong)) {
            judged += 1;
        } else {
            refused += 1;
        }
        // Another login before the limit of this one or its end is reached.
        if judged % 5 == 0 || refused % 30 == 0 {
            waiting = site.pending("bob").await;
        }
        site.clock.advance(24 * HOUR / GUESSES);
    }
    assert_eq!((judged, judged + refused), (10 + 239, GUESSES));
    // The owner who waits is not kept out for longer than the attack.
    site.clock.advance(HOUR / 10);
    assert!(site.logs_in("bob", &otp(&site.code(&bob.phone))).await);
}
