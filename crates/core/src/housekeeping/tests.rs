use std::sync::atomic::{AtomicI64, Ordering};

use tokio::task::JoinHandle;

use super::*;
use crate::audit::AuditConfig;
use crate::key::{Key, KeyPrefix};
use crate::message::{Message, MessageKind};
use crate::random::{Random, SystemRandom};
use crate::secret::ServerSecret;
use crate::storage::memory::MemoryStorage;
use crate::storage::{MessageState, Settlement, Storage};
use crate::user::Normalization;

const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);
const DAY: Duration = Duration::from_hours(24);

/// A wall clock that advances with Tokio's paused time and can be set.
struct TestClock {
    start: Instant,
    set_by: AtomicI64,
}

impl TestClock {
    fn new() -> Self {
        Self { start: Instant::now(), set_by: AtomicI64::new(0) }
    }

    fn set_ahead(&self, by: Duration) {
        self.set_by.store(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let ahead = Duration::from_millis(self.set_by.load(Ordering::SeqCst).unsigned_abs());
        NOW + self.start.elapsed() + ahead
    }
}

async fn store(expiries: &[Option<Timestamp>]) -> Storage {
    let storage = MemoryStorage::new(Normalization::default()).storage();
    let keys = &storage.keys;
    for (index, expires) in expiries.iter().enumerate() {
        let mut key = Key::new(format!("s:{index}"), None, NOW - DAY);
        key.expires = *expires;
        keys.insert(&key).await.unwrap();
    }
    storage
}

/// Starts the task, which ends when the audit log is dropped.
fn start(storage: &Storage, clock: Arc<TestClock>) -> (Arc<Audit>, JoinHandle<()>) {
    let secret = ServerSecret::new("0123456789abcdef").unwrap();
    let sources: (Arc<dyn Clock>, Arc<dyn Random>) = (clock.clone(), Arc::new(SystemRandom));
    let store = storage.audit.clone();
    let audit = Arc::new(Audit::new(store, sources, &secret, AuditConfig::default()).unwrap());
    let tasks = tokio::spawn(Purge::new(storage, &audit, clock).run());
    (audit, tasks)
}

async fn count(storage: &Storage) -> usize {
    storage.keys.list_for_user(None, KeyPrefix::Session, None, u32::MAX).await.unwrap().len()
}

#[tokio::test]
async fn purge_removes_only_expired_keys() {
    let expired = STEP as usize * 2 + 3;
    let mut expiries = vec![Some(NOW - Duration::from_mins(1)); expired];
    expiries.extend([None, Some(NOW + DAY)]);
    let storage = store(&expiries).await;
    assert_eq!(purge(|limit| storage.keys.purge(NOW, limit)).await.unwrap(), expired as u64);
    assert_eq!(count(&storage).await, 2);
}

#[tokio::test(start_paused = true)]
async fn keys_are_removed_once_the_clock_has_been_steady() {
    let storage = store(&[Some(NOW - DAY), Some(NOW - 400 * DAY), Some(NOW + DAY)]).await;
    let (_audit, tasks) = start(&storage, Arc::new(TestClock::new()));
    tokio::time::sleep(INTERVAL / 2).await;
    assert_eq!(count(&storage).await, 2, "only keys that expired long ago are deleted at once");
    tokio::time::sleep(INTERVAL).await;
    assert_eq!(count(&storage).await, 1);
    tasks.abort();
}

#[tokio::test(start_paused = true)]
async fn clock_that_jumps_ahead_and_back_deletes_no_valid_key() {
    let storage = store(&[Some(NOW + 10 * DAY)]).await;
    let clock = Arc::new(TestClock::new());
    let (_audit, tasks) = start(&storage, clock.clone());
    tokio::time::sleep(INTERVAL / 2).await;
    for ahead in [20 * DAY, Duration::ZERO, 20 * DAY, Duration::ZERO] {
        clock.set_ahead(ahead);
        tokio::time::sleep(INTERVAL).await;
        assert_eq!(count(&storage).await, 1, "{ahead:?}");
    }
    clock.set_ahead(20 * DAY);
    tokio::time::sleep(3 * INTERVAL).await;
    assert_eq!(count(&storage).await, 0, "a steady clock is trusted");
    tasks.abort();
}

#[tokio::test(start_paused = true)]
async fn a_steady_clock_far_ahead_of_every_key_deletes_none_for_a_week() {
    let storage = store(&[Some(NOW + DAY), Some(NOW + 400 * DAY)]).await;
    let clock = Arc::new(TestClock::new());
    clock.set_ahead(5 * 365 * DAY);
    for _ in 0..3 {
        // A process that starts with the wrong clock, more than once.
        let (_audit, tasks) = start(&storage, clock.clone());
        tokio::time::sleep(DAY).await;
        assert_eq!(count(&storage).await, 2);
        tasks.abort();
    }
    let (_audit, tasks) = start(&storage, clock.clone());
    let new = Key::new("s:new", None, clock.now());
    storage.keys.insert(&new).await.unwrap();
    tokio::time::sleep(DAY).await;
    assert_eq!(count(&storage).await, 3, "a key made by the wrong clock does not speak for it");
    tokio::time::sleep(PROBATION).await;
    assert_eq!(count(&storage).await, 1, "a site that was not used for long is tidied in the end");
    tasks.abort();
}

#[tokio::test(start_paused = true)]
async fn messages_that_were_given_up_a_month_ago_are_removed() {
    let storage = store(&[]).await;
    let message = |id: &str| Message {
        id: id.to_owned(),
        kind: MessageKind::PasswordReset,
        userid: None,
        created: NOW,
        due: NOW,
        expires: NOW + DAY,
        payload: String::new(),
    };
    storage.outbox.enqueue(&["old", "young", "waiting"].map(message)).await.unwrap();
    storage.outbox.claim(NOW, NOW, 10).await.unwrap();
    for (id, days) in [("old", 31), ("young", 29)] {
        let settlement = Settlement::Dead { at: NOW - days * DAY, error: String::new() };
        assert!(storage.outbox.settle(id, 1, &settlement).await.unwrap());
    }
    let key = Key::new("s:1", None, NOW - DAY);
    storage.keys.insert(&key).await.unwrap();
    let clock = Arc::new(TestClock::new());
    let (_audit, tasks) = start(&storage, clock);
    tokio::time::sleep(2 * INTERVAL).await;
    let dead = storage.outbox.list(MessageState::Dead, None, 10).await.unwrap();
    assert_eq!((dead.len(), &*dead[0].id), (1, "young"));
    assert_eq!(storage.outbox.list(MessageState::Waiting, None, 10).await.unwrap().len(), 1);
    tasks.abort();
}
