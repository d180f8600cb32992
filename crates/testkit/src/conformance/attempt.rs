//! Rules for counters of attempts.

use std::time::Duration;

use crossauth_core::clock::Timestamp;
use crossauth_core::storage::{Charge, Charged, Storage};

use super::sample::{HOUR, NOW, race};

const MINUTE: Duration = Duration::from_mins(1);

/// More counters than any rule makes.
const KEEP: u32 = 1000;

/// The time after which an attempt is allowed again: [`charge`] allows three an hour.
const INTERVAL: Duration = Duration::from_mins(20);

/// As many attempts as the limit are charged, and no more.
pub(super) async fn attempts_are_refused_after_the_limit(storage: &Storage) {
    for _ in 0..3 {
        assert_eq!(charge(storage, &["a"], NOW).await, Charged::Ok);
    }
    for _ in 0..2 {
        let refused = charge(storage, &["a"], NOW + MINUTE).await;
        assert_eq!(refused, exhausted("a", NOW + INTERVAL));
    }
    let none = Charge { subject: "none".into(), limit: 0, window: HOUR };
    let refused = storage.attempts.charge(&[none], NOW).await.unwrap();
    assert!(matches!(refused, Charged::Exhausted { .. }), "{refused:?}");
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
    assert_eq!(charge(storage, &["b"], NOW).await, Charged::Ok);
    for _ in 0..3 {
        assert_eq!(charge(storage, &["a"], NOW).await, Charged::Ok);
        assert_eq!(charge(storage, &["c"], NOW + MINUTE).await, Charged::Ok);
    }
    for subjects in [["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"], ["b", "d", "c"]] {
        for _ in 0..3 {
            let refused = charge(storage, &subjects, NOW + 2 * MINUTE).await;
            assert_eq!(refused, exhausted("c", NOW + MINUTE + INTERVAL));
        }
    }
    for _ in 0..2 {
        assert_eq!(charge(storage, &["b"], NOW).await, Charged::Ok);
    }
    assert_eq!(charge(storage, &["b"], NOW).await, exhausted("b", NOW + INTERVAL));
    for _ in 0..3 {
        assert_eq!(charge(storage, &["d"], NOW).await, Charged::Ok);
    }
}

/// One attempt is allowed again in each interval, and all of them after the window.
pub(super) async fn attempts_are_allowed_again_one_by_one(storage: &Storage) {
    for _ in 0..3 {
        assert_eq!(charge(storage, &["a"], NOW).await, Charged::Ok);
    }
    for number in 1..=5 {
        let allowed = NOW + INTERVAL * number;
        let before = Timestamp::from_millis(allowed.as_millis() - 1);
        let refused = exhausted("a", allowed);
        assert_eq!(charge(storage, &["a"], before).await, refused);
        assert_eq!(charge(storage, &["a"], allowed).await, Charged::Ok);
    }
    let end = NOW + INTERVAL * 5 + HOUR;
    for _ in 0..3 {
        assert_eq!(charge(storage, &["a"], end).await, Charged::Ok);
    }
    assert_eq!(charge(storage, &["a"], end).await, exhausted("a", end + INTERVAL));
}

/// A counter that was charged by a clock ahead of time does not outlast its window.
pub(super) async fn counter_from_the_future_is_idle_after_its_window(storage: &Storage) {
    for _ in 0..3 {
        assert_eq!(charge(storage, &["a"], NOW + 100 * HOUR).await, Charged::Ok);
    }
    let refused = charge(storage, &["b", "a"], NOW).await;
    assert_eq!(refused, exhausted("a", NOW + INTERVAL));
    for _ in 0..3 {
        assert_eq!(charge(storage, &["a", "b"], NOW + HOUR).await, Charged::Ok);
    }
}

/// A refund gives one attempt back, and never more than were charged.
pub(super) async fn refund_gives_one_attempt_back(storage: &Storage) {
    refund(storage, &["a"], NOW).await;
    for _ in 0..3 {
        assert_eq!(charge(storage, &["a", "b"], NOW).await, Charged::Ok);
    }
    refund(storage, &["a", "absent"], NOW).await;
    assert_eq!(charge(storage, &["a"], NOW).await, Charged::Ok);
    for subject in ["a", "b"] {
        let refused = charge(storage, &[subject], NOW).await;
        assert_eq!(refused, exhausted(subject, NOW + INTERVAL));
    }
    for _ in 0..10 {
        refund(storage, &["a"], NOW + MINUTE).await;
    }
    for _ in 0..3 {
        assert_eq!(charge(storage, &["a"], NOW + MINUTE).await, Charged::Ok);
    }
    let refused = exhausted("a", NOW + MINUTE + INTERVAL);
    assert_eq!(charge(storage, &["a"], NOW + MINUTE).await, refused);
}

/// A counter without attempts takes no space.
pub(super) async fn refund_of_the_last_attempt_deletes_the_counter(storage: &Storage) {
    charge(storage, &["a", "b"], NOW).await;
    charge(storage, &["b"], NOW).await;
    refund(storage, &["a", "b"], NOW).await;
    assert_eq!(storage.attempts.purge(NOW + 2 * HOUR, KEEP, 10).await.unwrap(), 1);
}

/// Purging deletes counters that are idle, up to a limit.
pub(super) async fn purge_removes_idle_counters_up_to_its_limit(storage: &Storage) {
    for subject in ["a", "b", "c"] {
        charge(storage, &[subject], NOW).await;
    }
    for _ in 0..3 {
        charge(storage, &["d"], NOW + MINUTE).await;
    }
    let attempts = &storage.attempts;
    let before = NOW + INTERVAL - Duration::from_millis(1);
    assert_eq!(attempts.purge(before, KEEP, 10).await.unwrap(), 0);
    let later = NOW + INTERVAL;
    assert_eq!(attempts.purge(later, KEEP, 2).await.unwrap(), 2);
    assert_eq!(attempts.purge(later, KEEP, 2).await.unwrap(), 1);
    assert_eq!(attempts.purge(later, KEEP, 2).await.unwrap(), 0);
    let refused = charge(storage, &["d"], later).await;
    assert_eq!(refused, exhausted("d", NOW + MINUTE + INTERVAL));
}

/// Of too many counters, those that are idle first are deleted: a flood of other subjects does not
/// reset one that has reached its limit.
pub(super) async fn purge_removes_surplus_counters_that_are_idle_first(storage: &Storage) {
    for number in 0..20 {
        charge(storage, &[&format!("first {number}")], NOW).await;
    }
    for _ in 0..3 {
        charge(storage, &["limit"], NOW).await;
    }
    for number in 0..20 {
        charge(storage, &[&format!("later {number}")], NOW + MINUTE).await;
    }
    let attempts = &storage.attempts;
    assert_eq!(attempts.purge(NOW, 50, 100).await.unwrap(), 0);
    assert_eq!(attempts.purge(NOW, 21, 15).await.unwrap(), 15);
    assert_eq!(attempts.purge(NOW, 21, 15).await.unwrap(), 5);
    assert_eq!(attempts.purge(NOW, 21, 15).await.unwrap(), 0);
    for number in 0..20 {
        let subject = format!("later {number}");
        for _ in 0..2 {
            assert_eq!(charge(storage, &[&subject], NOW + MINUTE).await, Charged::Ok);
        }
        let refused = charge(storage, &[&subject], NOW + MINUTE).await;
        assert!(matches!(refused, Charged::Exhausted { .. }), "it still counts");
    }
    let refused = charge(storage, &["limit"], NOW + MINUTE).await;
    assert_eq!(refused, exhausted("limit", NOW + INTERVAL));
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
    storage.attempts.charge(&charges(subjects), now).await.unwrap()
}

/// The refusal by a counter.
fn exhausted(subject: &str, retry_at: Timestamp) -> Charged {
    Charged::Exhausted { subject: subject.to_owned(), retry_at }
}

async fn refund(storage: &Storage, subjects: &[&str], now: Timestamp) {
    storage.attempts.refund(&charges(subjects), now).await.unwrap();
}

fn charges(subjects: &[&str]) -> Vec<Charge> {
    let charge = |subject: &&str| Charge { subject: (*subject).into(), limit: 3, window: HOUR };
    subjects.iter().map(charge).collect()
}
