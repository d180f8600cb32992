//! The thread pool for password hashing.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossauth_core::crypto::encoding;
use crossauth_core::password::pbkdf2::{self, Digest, Padding, Pepper};
use crossauth_core::password::{
    Argon2idParams, HashError, Hasher, HasherConfig, HasherConfigError, Lane, NewHashes,
    Verification,
};
use crossauth_core::random::{Random, SystemRandom};
use crossauth_core::secret::Password;
use tokio::time::timeout;

const CHEAP: NewHashes =
    NewHashes::Argon2id(Argon2idParams { memory_kib: 16, passes: 1, lanes: 1 });
const CURRENT: Result<Verification, HashError> = Ok(Verification::Match { upgrade: None });
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
async fn password_matches_its_hash_and_no_other() {
    for new_hashes in [NewHashes::default(), CHEAP, cheap_pbkdf2(1000)] {
        let hasher = hasher(new_hashes);
        let stored = hasher.hash(password(), Lane::Public).await.unwrap();
        assert_ne!(stored, hasher.hash(password(), Lane::Public).await.unwrap());
        assert_eq!(hasher.verify(password(), Some(&stored), Lane::Public).await, CURRENT);
        for other in ["", "bobPass12", "bobpass123", "bobPass123 "] {
            assert_eq!(
                hasher.verify(Password::new(other), Some(&stored), Lane::Public).await,
                MISMATCH
            );
        }
    }
}

#[tokio::test]
async fn new_hashes_have_the_configured_form() {
    let stored = hasher(NewHashes::default()).hash(password(), Lane::Public).await.unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
    let stored = hasher(cheap_pbkdf2(1000)).hash(password(), Lane::Public).await.unwrap();
    assert!(stored.starts_with("pbkdf2:sha256:32:1000:0:") && !stored.contains('='), "{stored}");
}

#[tokio::test]
async fn password_is_counted_before_its_requester_continues() {
    let hasher = hasher(CHEAP);
    let mut stored = String::new();
    for count in 1..=500 {
        if count % 2 == 1 {
            stored = hasher.hash(password(), Lane::Public).await.unwrap();
        } else {
            hasher.verify(password(), Some(&stored), Lane::Public).await.unwrap();
        }
        assert_eq!(hasher.metrics().done, count);
    }
}

/// The upgraded hash of a correct password.
async fn upgraded(hasher: &Hasher, password: Password, stored: &str) -> Option<String> {
    match hasher.verify(password, Some(stored), Lane::Public).await.unwrap() {
        Verification::Match { upgrade } => upgrade,
        Verification::Mismatch => panic!("the password is right"),
    }
}

#[tokio::test]
async fn outdated_hash_is_upgraded() {
    let kinds = [cheap_pbkdf2(1000), cheap_pbkdf2(2000), CHEAP];
    for old in kinds {
        let stored = hasher(old).hash(password(), Lane::Public).await.unwrap();
        for new in kinds {
            let hasher = hasher(new);
            let upgrade = upgraded(&hasher, password(), &stored).await;
            assert_eq!(upgrade.is_some(), new != old);
            if let Some(new) = upgrade {
                assert_eq!(hasher.verify(password(), Some(&new), Lane::Public).await, CURRENT);
            }
        }
    }
}

#[tokio::test]
async fn pepper_makes_older_pbkdf2_hashes_outdated() {
    let plain = hasher(cheap_pbkdf2(1000));
    let config = HasherConfig {
        new_hashes: cheap_pbkdf2(1000),
        pepper: Some(Pepper::new("SECRET")),
        ..HasherConfig::default()
    };
    let peppered = Hasher::new(config, Arc::new(SystemRandom)).unwrap();
    let stored = plain.hash(password(), Lane::Public).await.unwrap();
    assert!(upgraded(&peppered, password(), &stored).await.is_some());
    let stored = peppered.hash(password(), Lane::Public).await.unwrap();
    assert_eq!(peppered.verify(password(), Some(&stored), Lane::Public).await, CURRENT);
    assert_eq!(plain.verify(password(), Some(&stored), Lane::Public).await, MISMATCH);
}

#[tokio::test]
async fn hashes_for_python_are_padded_and_others_upgraded_to_them() {
    let config = HasherConfig {
        new_hashes: cheap_pbkdf2(1000),
        pbkdf2_padding: Padding::Padded,
        ..HasherConfig::default()
    };
    let padding = Hasher::new(config.clone(), Arc::new(SystemRandom)).unwrap();
    let stored = padding.hash(password(), Lane::Public).await.unwrap();
    // As Python verifies: SHA-256 whatever the digest, then the two padded texts are compared.
    let [_, "sha256", key_len, iterations, "0", salt, text] =
        stored.split(':').collect::<Vec<_>>()[..]
    else {
        panic!("{stored}");
    };
    let params = pbkdf2::Params {
        digest: Digest::Sha256,
        key_len: key_len.parse().unwrap(),
        iterations: iterations.parse().unwrap(),
    };
    let key = pbkdf2::derive("bobPass123", salt, None, &params);
    assert_eq!(encoding::pad(&encoding::encode(&*key)), text);
    assert_eq!(padding.verify(password(), Some(&stored), Lane::Public).await, CURRENT);
    let unpadded = hasher(cheap_pbkdf2(1000)).hash(password(), Lane::Public).await.unwrap();
    let upgrade = upgraded(&padding, password(), &unpadded).await.unwrap();
    assert!(upgrade.ends_with('='), "{upgrade}");

    let sha512 = pbkdf2::Params { digest: Digest::Sha512, ..params };
    let pepper = Some(Pepper::new("SECRET"));
    for refused in [
        HasherConfig { new_hashes: NewHashes::Pbkdf2(sha512), ..config.clone() },
        HasherConfig { pepper, ..config },
    ] {
        let refused = Hasher::new(refused, Arc::new(SystemRandom));
        assert!(matches!(refused, Err(HasherConfigError::NotForPython)));
    }
}

#[tokio::test]
async fn composed_and_decomposed_text_is_one_password() {
    let (nfc, nfd) = ("P\u{e4}ssword-12x", "Pa\u{308}ssword-12x");
    for kind in [CHEAP, cheap_pbkdf2(1000)] {
        let hasher = hasher(kind);
        for typed in [nfc, nfd] {
            let stored = hasher.hash(Password::new(typed), Lane::Public).await.unwrap();
            for again in [nfc, nfd] {
                let verified =
                    hasher.verify(Password::new(again), Some(&stored), Lane::Public).await;
                assert_eq!(verified, CURRENT);
            }
            let other = Password::new("Passwort-12x");
            assert_eq!(hasher.verify(other, Some(&stored), Lane::Public).await, MISMATCH);
        }
    }
}

#[tokio::test]
async fn old_hash_of_decomposed_text_is_verified_as_typed_and_upgraded() {
    let nfd = "Pa\u{308}ssword-12x";
    let params = pbkdf2::Params { iterations: 1000, ..pbkdf2::Params::default() };
    let old = pbkdf2::EncodedHash::new(nfd, "salt".into(), None, params).to_string();
    let hasher = hasher(cheap_pbkdf2(1000));
    let upgrade = upgraded(&hasher, Password::new(nfd), &old).await.unwrap();
    let nfc = Password::new("P\u{e4}ssword-12x");
    assert_eq!(hasher.verify(nfc, Some(&upgrade), Lane::Public).await, CURRENT);
}

#[test]
fn unverifiable_parameters_are_rejected() {
    let huge = Argon2idParams { memory_kib: 4_194_304, passes: 1, lanes: 1 };
    for new_hashes in [NewHashes::Argon2id(huge), cheap_pbkdf2(0), cheap_pbkdf2(u32::MAX)] {
        let config = HasherConfig { new_hashes, ..HasherConfig::default() };
        let refused = Hasher::new(config, Arc::new(SystemRandom));
        assert!(matches!(refused, Err(HasherConfigError::Params)));
    }
}

/// Counts requests for randomness: one for each new hash, including dummies.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.fetch_add(1, Ordering::SeqCst);
        bytes.fill(7);
    }
}

#[tokio::test]
async fn verifying_without_a_stored_password_takes_the_work_of_a_new_hash() {
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
        Some("$argon2id$v=19$m=262144,t=4,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"),
        Some("pbkdf2:sha512:64:4000000:0:salt:cut"),
        Some("$2b$12$abcdefghijklmnopqrstuv"),
        Some("bobPass123"),
    ];
    for (count, stored) in without_password.into_iter().enumerate() {
        assert_eq!(hasher.verify(password(), stored, Lane::Public).await, MISMATCH, "{stored:?}");
        assert_eq!(counting.0.load(Ordering::SeqCst), count + 1, "{stored:?}");
    }
    // Decomposed text is hashed twice, with and without a stored hash.
    let decomposed = Password::new("Pa\u{308}ssword");
    let before = counting.0.load(Ordering::SeqCst);
    assert_eq!(hasher.verify(decomposed, None, Lane::Public).await, MISMATCH);
    assert_eq!(counting.0.load(Ordering::SeqCst), before + 2);
}

/// Blocks a thread of the pool in a job until the test releases it.
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
    /// Starts a job and waits until the thread runs it.
    async fn occupy(&self) -> tokio::task::JoinHandle<Result<String, HashError>> {
        let hasher = self.hasher.clone();
        let job = tokio::spawn(async move { hasher.hash(password(), Lane::Public).await });
        while self.entered.is_empty() {
            tokio::task::yield_now().await;
        }
        self.entered.recv().unwrap();
        job
    }

    /// Starts a job and waits until it is in its queue.
    async fn enqueue(
        &self,
        lane: Lane,
        waiting: &str,
    ) -> tokio::task::JoinHandle<Result<String, HashError>> {
        let hasher = self.hasher.clone();
        let job = tokio::spawn(async move { hasher.hash(password(), lane).await });
        while !format!("{:?}", self.hasher).contains(waiting) {
            tokio::task::yield_now().await;
        }
        job
    }

    /// Queues a job and cancels the request.
    async fn abandon(&self) {
        assert!(timeout(Duration::ZERO, self.hasher.hash(password(), Lane::Public)).await.is_err());
    }
}

#[tokio::test]
async fn full_queue_refuses_at_once() {
    let held = held(1);
    let running = held.occupy().await;
    held.abandon().await;
    assert_eq!(held.hasher.hash(password(), Lane::Public).await, Err(HashError::Busy));
    assert_eq!(held.hasher.verify(password(), None, Lane::Public).await, Err(HashError::Busy));
    held.release.send(()).unwrap();
    assert!(running.await.unwrap().is_ok());
}

#[tokio::test]
async fn lanes_are_independent() {
    let held = held(1);
    let running = held.occupy().await;
    let flood = held.enqueue(Lane::Public, "public: 1").await;
    assert_eq!(held.hasher.hash(password(), Lane::Public).await, Err(HashError::Busy));
    let trusted = held.enqueue(Lane::Trusted, "trusted: 1").await;
    // The running job, then the trusted one; the flood gets no thread.
    held.release.send(()).unwrap();
    held.release.send(()).unwrap();
    assert!(trusted.await.unwrap().is_ok());
    assert!(running.await.unwrap().is_ok() && !flood.is_finished());
    held.release.send(()).unwrap();
    assert!(flood.await.unwrap().is_ok());
}

#[tokio::test]
async fn cancelled_job_is_skipped() {
    let held = held(3);
    let running = held.occupy().await;
    held.abandon().await;
    held.abandon().await;
    // One for the running job, one for the last; the two cancelled ones must not need any.
    held.release.send(()).unwrap();
    held.release.send(()).unwrap();
    assert!(held.hasher.hash(password(), Lane::Public).await.is_ok());
    assert!(running.await.unwrap().is_ok());
    assert_eq!(held.entered.len(), 1);
}

#[tokio::test]
async fn cancelled_request_does_not_free_the_thread() {
    let held = held(1);
    held.occupy().await.abort();
    held.abandon().await;
    assert_eq!(held.hasher.hash(password(), Lane::Public).await, Err(HashError::Busy));
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
    hasher.hash(password(), Lane::Public).await.unwrap();
    assert_eq!(priority.recv().unwrap(), before.max(10));
    assert_eq!(rustix::process::getpriority_process(None).unwrap(), before);
}
