//! Rules for counters of attempts.

use std::time::Duration;

use crossauth_core::clock::Timestamp;
use crossauth_core::storage::{Charge, Charged, Storage};

use super::sample::{HOUR, NOW, race};

const MINUTE: Duration = Duration::from_mins(1);

/// As many attempts as the limit are charged, and no more.
pub(super) async fn attempts_are_refused_after_the_limit(storage: &Storage) {
    for _ in 0..3 {
        assert_eq!(charge(storage, &["a"], NOW).await, Charged::Ok);
    }
    for _ in 0..2 {
        let refused = charge(storage, &["a"], NOW + MINUTE).await;
        assert_eq!(refused, Charged::Exhausted { retry_at: NOW + HOUR });
    }
}

/// Counters are told apart byte by byte.
pub(super) async fn counters_of_other_subjects_are_not_charged(storage: &Storage) {
    for _ in 0..3 {
        assert_eq!(charge(storage, &["a"], NOW).await, Charged::Ok);
    }
    for subject in ["A", "a ", " a", "ä", "a%", "", "' OR 1=1 --"] {
        assert_eq!(charge(storage, &[subject], NOW).await, Charged::Ok, "{subject:?}");
    }
}

/// If one counter has reached its limit, none is charged; the answer is when all may be.
pub(super) async fn exhausted_counter_leaves_the_others_uncharged(storage: &Storage) {
    for _ in 0..3 {
        assert_eq!(charge(storage, &["a"], NOW).await, Charged::Ok);
        assert_eq!(charge(storage, &["c"], NOW + MINUTE).await, Charged::Ok);
    }
    for subjects in [["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"]] {
        for _ in 0..3 {
            let refused = charge(storage, &subjects, NOW + 2 * MINUTE).await;
            assert_eq!(refused, Charged::Exhausted { retry_at: NOW + MINUTE + HOUR });
        }
    }
    for _ in 0..3 {
        assert_eq!(charge(storage, &["b"], NOW).await, Charged::Ok);
    }
}

/// A counter starts again when its window has passed since its first attempt.
pub(super) async fn counter_starts_again_after_its_window(storage: &Storage) {
    assert_eq!(charge(storage, &["a"], NOW).await, Charged::Ok);
    let end = NOW + HOUR;
    for _ in 0..2 {
        assert_eq!(charge(storage, &["a"], end - MINUTE).await, Charged::Ok);
    }
    let last = Timestamp::from_millis(end.as_millis() - 1);
    assert_eq!(charge(storage, &["a"], last).await, Charged::Exhausted { retry_at: end });
    for _ in 0..3 {
        assert_eq!(charge(storage, &["a"], end).await, Charged::Ok);
    }
    assert_eq!(charge(storage, &["a"], end).await, Charged::Exhausted { retry_at: end + HOUR });
}

/// A counter that was charged by a clock ahead of time does not outlast its window.
pub(super) async fn counter_from_the_future_expires_after_its_window(storage: &Storage) {
    for _ in 0..3 {
        assert_eq!(charge(storage, &["a"], NOW + 100 * HOUR).await, Charged::Ok);
    }
    let refused = charge(storage, &["a"], NOW).await;
    assert_eq!(refused, Charged::Exhausted { retry_at: NOW + HOUR });
    assert_eq!(charge(storage, &["a"], NOW + HOUR).await, Charged::Ok);
}

/// A refund gives one attempt back, and never more than were charged.
pub(super) async fn refund_gives_one_attempt_back(storage: &Storage) {
    storage.attempts.refund(&["a"]).await.unwrap();
    for _ in 0..3 {
        assert_eq!(charge(storage, &["a", "b"], NOW).await, Charged::Ok);
    }
    storage.attempts.refund(&["a", "absent"]).await.unwrap();
    assert_eq!(charge(storage, &["a"], NOW).await, Charged::Ok);
    let refused = Charged::Exhausted { retry_at: NOW + HOUR };
    assert_eq!(charge(storage, &["a"], NOW).await, refused);
    assert_eq!(charge(storage, &["b"], NOW).await, refused);
    for _ in 0..10 {
        storage.attempts.refund(&["a"]).await.unwrap();
    }
    for _ in 0..3 {
        assert_eq!(charge(storage, &["a"], NOW).await, Charged::Ok);
    }
    assert_eq!(charge(storage, &["a"], NOW).await, refused);
}

/// Purging deletes counters that have expired, up to a limit.
pub(super) async fn purge_removes_expired_counters_up_to_its_limit(storage: &Storage) {
    for subject in ["a", "b", "c"] {
        charge(storage, &[subject], NOW).await;
    }
    for _ in 0..3 {
        charge(storage, &["d"], NOW + MINUTE).await;
    }
    let attempts = &storage.attempts;
    assert_eq!(attempts.purge(NOW + HOUR, 10).await.unwrap(), 0);
    let later = NOW + HOUR + Duration::from_secs(1);
    assert_eq!(attempts.purge(later, 2).await.unwrap(), 2);
    assert_eq!(attempts.purge(later, 2).await.unwrap(), 1);
    assert_eq!(attempts.purge(later, 2).await.unwrap(), 0);
    let refused = charge(storage, &["d"], later).await;
    assert_eq!(refused, Charged::Exhausted { retry_at: NOW + MINUTE + HOUR });
}

/// Of concurrent attempts, no more than the limit are charged.
pub(super) async fn concurrent_attempts_do_not_exceed_the_limit(storage: &Storage) {
    let results = race(50, |number| {
        let storage = storage.clone();
        // Each has its own counter beside the common one, in either order.
        async move {
            let own = number.to_string();
            let subjects = if number % 2 == 0 { ["a", &own] } else { [&*own, "a"] };
            charge(&storage, &subjects, NOW).await
        }
    })
    .await;
    assert_eq!(results.iter().filter(|charged| **charged == Charged::Ok).count(), 3);
}

/// Charges counters with a limit of three an hour.
async fn charge(storage: &Storage, subjects: &[&str], now: Timestamp) -> Charged {
    let charge = |subject: &&str| Charge { subject: (*subject).into(), limit: 3, window: HOUR };
    let charges: Vec<Charge> = subjects.iter().map(charge).collect();
    storage.attempts.charge(&charges, now).await.unwrap()
}
