//! The pool that hashes passwords.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossauth_core::password::pbkdf2::{self, Pepper};
use crossauth_core::password::{
    Argon2idParams, Freshness, HashError, Hasher, HasherConfig, HasherConfigError, NewHashes,
    Verification,
};
use crossauth_core::random::{Random, SystemRandom};
use crossauth_core::secret::Password;
use tokio::time::timeout;

const CHEAP: NewHashes =
    NewHashes::Argon2id(Argon2idParams { memory_kib: 16, passes: 1, lanes: 1 });
const CURRENT: Result<Verification, HashError> = Ok(Verification::Match(Freshness::Current));
const OUTDATED: Result<Verification, HashError> = Ok(Verification::Match(Freshness::Outdated));
const MISMATCH: Result<Verification, HashError> = Ok(Verification::Mismatch);

fn hasher(new_hashes: NewHashes) -> Hasher {
    let config = HasherConfig { new_hashes, ..HasherConfig::default() };
    Hasher::new(config, Arc::new(SystemRandom)).unwrap()
}

fn cheap_pbkdf2(iterations: u32) -> NewHashes {
    NewHashes::Pbkdf2(pbkdf2::Params { iterations, ..pbkdf2::Params::default() })
}

fn password() -> Password {
    Password::new("bobPass123")
}

#[tokio::test]
async fn a_password_matches_its_hash_and_no_other() {
    for new_hashes in [NewHashes::default(), CHEAP, cheap_pbkdf2(1000)] {
        let hasher = hasher(new_hashes);
        let stored = hasher.hash(password()).await.unwrap();
        assert_ne!(stored, hasher.hash(password()).await.unwrap());
        assert_eq!(hasher.verify(password(), Some(&stored)).await, CURRENT);
        for other in ["", "bobPass12", "bobpass123", "bobPass123 "] {
            assert_eq!(hasher.verify(Password::new(other), Some(&stored)).await, MISMATCH);
        }
    }
}

#[tokio::test]
async fn new_hashes_have_the_configured_form() {
    let stored = hasher(NewHashes::default()).hash(password()).await.unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
    let stored = hasher(cheap_pbkdf2(1000)).hash(password()).await.unwrap();
    assert!(stored.starts_with("pbkdf2:sha256:32:1000:0:") && !stored.contains('='), "{stored}");
}

#[tokio::test]
async fn a_hash_of_another_kind_is_outdated() {
    let olds = [cheap_pbkdf2(1000), cheap_pbkdf2(2000), CHEAP];
    for old in olds {
        let stored = hasher(old).hash(password()).await.unwrap();
        for new in olds {
            let expected = if new == old { CURRENT } else { OUTDATED };
            assert_eq!(hasher(new).verify(password(), Some(&stored)).await, expected);
        }
    }
}

#[tokio::test]
async fn a_pepper_makes_older_pbkdf2_hashes_outdated() {
    let plain = hasher(cheap_pbkdf2(1000));
    let config = HasherConfig {
        new_hashes: cheap_pbkdf2(1000),
        pepper: Some(Pepper::new("SECRET")),
        ..HasherConfig::default()
    };
    let peppered = Hasher::new(config, Arc::new(SystemRandom)).unwrap();
    let stored = plain.hash(password()).await.unwrap();
    assert_eq!(peppered.verify(password(), Some(&stored)).await, OUTDATED);
    let stored = peppered.hash(password()).await.unwrap();
    assert_eq!(peppered.verify(password(), Some(&stored)).await, CURRENT);
    assert_eq!(plain.verify(password(), Some(&stored)).await, MISMATCH);
}

#[test]
fn parameters_that_could_not_be_checked_afterwards_are_refused() {
    let huge = Argon2idParams { memory_kib: 4_194_304, passes: 1, lanes: 1 };
    for new_hashes in [NewHashes::Argon2id(huge), cheap_pbkdf2(0), cheap_pbkdf2(u32::MAX)] {
        let config = HasherConfig { new_hashes, ..HasherConfig::default() };
        let refused = Hasher::new(config, Arc::new(SystemRandom));
        assert!(matches!(refused, Err(HasherConfigError::Params)));
    }
}

/// Counts how often randomness is drawn: once for each new hash, and so for each dummy.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.fetch_add(1, Ordering::SeqCst);
        bytes.fill(7);
    }
}

#[tokio::test]
async fn what_holds_no_password_costs_as_much_as_a_wrong_one() {
    let config = HasherConfig { new_hashes: CHEAP, ..HasherConfig::default() };
    let counting = Arc::new(Counting::default());
    let hasher = Hasher::new(config, counting.clone()).unwrap();
    let without_password = [
        None,
        Some(""),
        Some("********"),
        Some("pbkdf2:sha256:32:600000:0:DISABLED:DISABLED"),
        Some("pbkdf2:sha256:32:600000:0:salt:cut"),
        Some("pbkdf2:sha256:32:4294967295:0:salt:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"),
        Some("pbkdf2:sha256:32:1:1:salt:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"),
        Some("$argon2id$v=19$m=4294967295,t=4294967295,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"),
        Some("$2b$12$abcdefghijklmnopqrstuv"),
        Some("bobPass123"),
    ];
    for (count, stored) in without_password.into_iter().enumerate() {
        assert_eq!(hasher.verify(password(), stored).await, MISMATCH, "{stored:?}");
        assert_eq!(counting.0.load(Ordering::SeqCst), count + 1, "{stored:?}");
    }
}

/// Holds a thread of the pool in the middle of a job until the test lets it go.
struct Gate {
    entered: crossbeam_channel::Sender<()>,
    released: crossbeam_channel::Receiver<()>,
}

impl Random for Gate {
    fn fill(&self, bytes: &mut [u8]) {
        self.entered.send(()).unwrap();
        self.released.recv().unwrap();
        bytes.fill(7);
    }
}

struct Held {
    hasher: Arc<Hasher>,
    entered: crossbeam_channel::Receiver<()>,
    release: crossbeam_channel::Sender<()>,
}

/// A hasher with one thread.
fn held(queue: usize) -> Held {
    let (enter, entered) = crossbeam_channel::unbounded();
    let (release, released) = crossbeam_channel::unbounded();
    let config = HasherConfig {
        new_hashes: CHEAP,
        threads: Some(NonZeroUsize::MIN),
        queue: NonZeroUsize::new(queue).unwrap(),
        ..HasherConfig::default()
    };
    let hasher = Hasher::new(config, Arc::new(Gate { entered: enter, released })).unwrap();
    Held { hasher: Arc::new(hasher), entered, release }
}

impl Held {
    /// Starts a job and waits until the thread is in the middle of it.
    async fn occupy(&self) -> tokio::task::JoinHandle<Result<String, HashError>> {
        let hasher = self.hasher.clone();
        let job = tokio::spawn(async move { hasher.hash(password()).await });
        while self.entered.is_empty() {
            tokio::task::yield_now().await;
        }
        self.entered.recv().unwrap();
        job
    }

    /// Queues a job and gives up waiting for it.
    async fn abandon(&self) {
        assert!(timeout(Duration::ZERO, self.hasher.hash(password())).await.is_err());
    }
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let held = held(1);
    let running = held.occupy().await;
    held.abandon().await;
    assert_eq!(held.hasher.hash(password()).await, Err(HashError::Busy));
    assert_eq!(held.hasher.verify(password(), None).await, Err(HashError::Busy));
    held.release.send(()).unwrap();
    assert!(running.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_job_that_nobody_waits_for_is_skipped() {
    let held = held(3);
    let running = held.occupy().await;
    held.abandon().await;
    held.abandon().await;
    // One for the running job, one for the last; the two between must not need any.
    held.release.send(()).unwrap();
    held.release.send(()).unwrap();
    assert!(held.hasher.hash(password()).await.is_ok());
    assert!(running.await.unwrap().is_ok());
    assert_eq!(held.entered.len(), 1);
}

#[tokio::test]
async fn a_requester_that_goes_away_does_not_free_the_thread() {
    let held = held(1);
    held.occupy().await.abort();
    held.abandon().await;
    assert_eq!(held.hasher.hash(password()).await, Err(HashError::Busy));
    held.release.send(()).unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn hashing_runs_below_normal_priority() {
    struct Priority(crossbeam_channel::Sender<i32>);
    impl Random for Priority {
        fn fill(&self, _: &mut [u8]) {
            self.0.send(rustix::process::getpriority_process(None).unwrap()).unwrap();
        }
    }
    let before = rustix::process::getpriority_process(None).unwrap();
    let (sender, priority) = crossbeam_channel::unbounded();
    let config = HasherConfig { new_hashes: CHEAP, ..HasherConfig::default() };
    let hasher = Hasher::new(config, Arc::new(Priority(sender))).unwrap();
    hasher.hash(password()).await.unwrap();
    assert_eq!(priority.recv().unwrap(), before.max(10));
    assert_eq!(rustix::process::getpriority_process(None).unwrap(), before);
}
