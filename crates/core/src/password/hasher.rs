//! A bounded pool of threads for hashing, separate from those that serve requests.
//!
//! A hash takes tens of milliseconds of a core. Threads with a lower priority keep the rest of the
//! server responsive; bounded queues refuse a flood of logins quickly. A running job is not
//! cancelled when its request is: the thread stays busy until it is done, so cancelled and repeated
//! requests cannot start more work than there are threads.

use std::fmt;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, available_parallelism};
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, TrySendError, bounded};
use tokio::sync::oneshot;

use super::argon2id::Memory;
use super::foreign::{FirebaseParams, PasswordVerifier};
use super::pbkdf2::{self, Padding, Pepper};
use super::queue::{Idle, Queue};
use super::scheme::{NewHashes, Scheme, Verification};
use crate::metric::HashingMetrics;
use crate::random::Random;
use crate::secret::Password;

/// Nice value of the threads: a lower priority than normal.
const NICE: i32 = 10;

/// Configuration of password hashing.
///
/// # Defaults
///
/// Argon2id with 19 MiB and two passes, no pepper, one thread for each core, 64 waiting jobs in
/// each lane.
#[derive(Clone)]
pub struct HasherConfig {
    /// How new passwords are hashed. Stored hashes of every scheme are verified.
    pub new_hashes: NewHashes,
    /// A secret that is added to PBKDF2 hashes.
    pub pepper: Option<Pepper>,
    /// Whether new PBKDF2 hashes are padded, so that the Python Crossauth reads them. It reads only
    /// SHA-256 without a pepper.
    pub pbkdf2_padding: Padding,
    /// The parameters of the Firebase project whose hashes are verified.
    pub firebase: Option<FirebaseParams>,
    /// Verifiers for hashes in formats of the application, asked in turn.
    pub verifiers: Vec<Arc<dyn PasswordVerifier>>,
    /// Number of threads; one per core if not set.
    pub threads: Option<NonZeroUsize>,
    /// Maximum number of waiting jobs per lane.
    pub queue: NonZeroUsize,
}

impl Default for HasherConfig {
    fn default() -> Self {
        Self {
            new_hashes: NewHashes::default(),
            pepper: None,
            pbkdf2_padding: Padding::default(),
            firebase: None,
            verifiers: Vec::new(),
            threads: None,
            queue: NonZeroUsize::MIN.saturating_add(63),
        }
    }
}

impl fmt::Debug for HasherConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { new_hashes, pepper, pbkdf2_padding, firebase, verifiers, threads, queue } = self;
        f.debug_struct("HasherConfig")
            .field("new_hashes", new_hashes)
            .field("pepper", pepper)
            .field("pbkdf2_padding", pbkdf2_padding)
            .field("firebase", firebase)
            .field("verifiers", &verifiers.len())
            .field("threads", threads)
            .field("queue", queue)
            .finish()
    }
}

impl HasherConfig {
    /// Checks that hashes with this configuration can be verified.
    pub fn check(&self) -> Result<(), HasherConfigError> {
        if !self.new_hashes.are_within_limits() {
            return Err(HasherConfigError::Params);
        }
        match (self.pbkdf2_padding, self.new_hashes) {
            (Padding::Padded, NewHashes::Pbkdf2(params))
                if params.digest != pbkdf2::Digest::Sha256 || self.pepper.is_some() =>
            {
                Err(HasherConfigError::NotForPython)
            }
            (Padding::Padded | Padding::Unpadded, _) => Ok(()),
        }
    }
}

/// Why a hasher could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HasherConfigError {
    /// The parameters exceed the limits: such hashes could not be verified.
    #[error("the parameters of the password hash exceed the limits")]
    Params,
    /// Padded hashes are for the Python Crossauth, which could not verify these.
    #[error("padded PBKDF2 hashes must use SHA-256 and no pepper: Python verifies no others")]
    NotForPython,
    /// The system refused to start a thread.
    #[error("cannot start a thread for password hashing")]
    Thread(#[source] std::io::Error),
}

/// Why hashing or verification failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The queue is full; try again later.
    #[error("too many passwords are waiting to be hashed")]
    Busy,
    /// The hash could not be computed.
    #[error("password hashing failed")]
    Failed,
}

/// The priority class of a job. Each lane has its own queue, so that a flood in one does not fill
/// the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Requests that are already authenticated, by a session, a known device or a one-time link,
    /// and administration. Served first.
    Trusted,
    /// All other requests.
    Public,
}

/// Hashes and verifies passwords.
pub struct Hasher {
    trusted: Sender<Job>,
    public: Sender<Job>,
    counters: Arc<Counters>,
}

/// What the threads have done since the start.
#[derive(Default)]
struct Counters {
    done: AtomicU64,
    refused: AtomicU64,
    busy_micros: AtomicU64,
}

impl Hasher {
    /// Starts the threads. They end when the hasher is dropped and the queues are empty.
    pub fn new(config: HasherConfig, random: Arc<dyn Random>) -> Result<Self, HasherConfigError> {
        config.check()?;
        let threads = config.threads.or_else(|| available_parallelism().ok());
        let (trusted, trusted_jobs) = bounded(config.queue.get());
        let (public, public_jobs) = bounded(config.queue.get());
        let queue = Arc::new(Queue::new(trusted_jobs, public_jobs));
        let HasherConfig { new_hashes: new, pepper, pbkdf2_padding: padding, .. } = config;
        let HasherConfig { firebase, verifiers, .. } = config;
        let scheme = Scheme { new, pepper, padding, firebase, verifiers, random };
        let counters = Arc::new(Counters::default());
        for index in 0..threads.map_or(1, NonZeroUsize::get) {
            let (scheme, queue, counters) = (scheme.clone(), queue.clone(), counters.clone());
            thread::Builder::new()
                .name(format!("password-{index}"))
                .spawn(move || work(&scheme, &queue, &counters))
                .map_err(HasherConfigError::Thread)?;
        }
        Ok(Self { trusted, public, counters })
    }

    /// What the threads do and have done.
    pub fn metrics(&self) -> HashingMetrics {
        let Counters { done, refused, busy_micros } = &*self.counters;
        HashingMetrics {
            trusted_waiting: self.trusted.len(),
            public_waiting: self.public.len(),
            queue: self.public.capacity().unwrap_or_default(),
            done: done.load(Ordering::Relaxed),
            refused: refused.load(Ordering::Relaxed),
            busy: Duration::from_micros(busy_micros.load(Ordering::Relaxed)),
        }
    }

    /// Hashes a password; returns the text to store.
    pub async fn hash(&self, password: Password, lane: Lane) -> Result<String, HashError> {
        let (sender, receiver) = oneshot::channel();
        self.enqueue(Job::Hash { password, sender }, lane)?;
        receiver.await.unwrap_or(Err(HashError::Failed))
    }

    /// Verifies a password against a stored text.
    ///
    /// If it is `None`, means "no password" or cannot be parsed, the result is a mismatch, which
    /// takes as long as for a new hash. A hash that has not been upgraded yet takes its own time.
    ///
    /// The password is compared in Unicode normalization form C and, if it was typed in another
    /// form, also as typed. So the number of comparisons depends only on the typed text.
    pub async fn verify(
        &self,
        password: Password,
        stored: Option<&str>,
        lane: Lane,
    ) -> Result<Verification, HashError> {
        let (sender, receiver) = oneshot::channel();
        self.enqueue(Job::Verify { password, stored: stored.map(str::to_owned), sender }, lane)?;
        receiver.await.unwrap_or(Err(HashError::Failed))
    }

    /// Begins to verify a password against nothing, which takes as long as against a new hash. Wait
    /// for the end after what is done at the same time.
    pub(crate) fn begin_dummy(
        &self,
        password: Password,
        lane: Lane,
    ) -> Result<impl Future<Output = Result<(), HashError>> + Send + use<>, HashError> {
        let (sender, receiver) = oneshot::channel();
        self.enqueue(Job::Verify { password, stored: None, sender }, lane)?;
        Ok(async { receiver.await.unwrap_or(Err(HashError::Failed)).map(|_| ()) })
    }

    /// An error if the queue is full at the moment, to find out before anything else is done.
    pub(crate) fn check_capacity(&self, lane: Lane) -> Result<(), HashError> {
        if self.jobs(lane).is_full() { Err(self.refuse()) } else { Ok(()) }
    }

    fn refuse(&self) -> HashError {
        self.counters.refused.fetch_add(1, Ordering::Relaxed);
        HashError::Busy
    }

    fn jobs(&self, lane: Lane) -> &Sender<Job> {
        match lane {
            Lane::Trusted => &self.trusted,
            Lane::Public => &self.public,
        }
    }

    fn enqueue(&self, job: Job, lane: Lane) -> Result<(), HashError> {
        self.jobs(lane).try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => self.refuse(),
            TrySendError::Disconnected(_) => HashError::Failed,
        })
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher")
            .field("trusted", &self.trusted.len())
            .field("public", &self.public.len())
            .finish_non_exhaustive()
    }
}

enum Job {
    Hash {
        password: Password,
        sender: oneshot::Sender<Result<String, HashError>>,
    },
    Verify {
        password: Password,
        stored: Option<String>,
        sender: oneshot::Sender<Result<Verification, HashError>>,
    },
}

fn work(scheme: &Scheme, queue: &Queue<Job>, counters: &Counters) {
    lower_priority();
    let mut memory = Memory::default();
    while let Some(job) = queue.next(|idle| release_memory(&mut memory, idle)) {
        let stopwatch = Stopwatch { counters, began: Instant::now() };
        // A job that panics drops its channel, which its requester sees as an error. The thread
        // continues.
        let _panicked = catch_unwind(AssertUnwindSafe(|| run(scheme, job, &mut memory, stopwatch)));
    }
}

/// Counts a job when it is dropped, which also happens if the job panics.
struct Stopwatch<'a> {
    counters: &'a Counters,
    began: Instant,
}

impl Drop for Stopwatch<'_> {
    fn drop(&mut self) {
        let micros = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.counters.busy_micros.fetch_add(micros, Ordering::Relaxed);
        self.counters.done.fetch_add(1, Ordering::Relaxed);
    }
}

/// Frees the working memory of an idle thread and, some seconds later, makes the allocator return
/// it to the system.
///
/// mimalloc, which the server uses, returns freed memory after a delay, but only when it is called
/// again or a thread ends, and an idle thread does not call it.
fn release_memory(memory: &mut Memory, idle: Idle) {
    match idle {
        Idle::Briefly => memory.release(),
        Idle::Longer => {
            // If no thread can be started, the memory is returned later.
            if let Ok(thread) = thread::Builder::new().spawn(|| drop(black_box(Box::new(0_u8)))) {
                let _ = thread.join();
            }
        }
    }
}

/// Runs a job, unless its requester was cancelled. A requester finds its job counted.
fn run(scheme: &Scheme, job: Job, memory: &mut Memory, stopwatch: Stopwatch<'_>) {
    match job {
        Job::Hash { password, sender } if !sender.is_closed() => {
            let hash = scheme.hash(password.expose(), memory);
            drop(stopwatch);
            // The requester may have been cancelled.
            let _ = sender.send(hash.map_err(|_| HashError::Failed));
        }
        Job::Verify { password, stored, sender } if !sender.is_closed() => {
            let verification = scheme.verify(password.expose(), stored.as_deref(), memory);
            drop(stopwatch);
            let _ = sender.send(verification.map_err(|_| HashError::Failed));
        }
        Job::Hash { .. } | Job::Verify { .. } => {}
    }
}

#[cfg(target_os = "linux")]
fn lower_priority() {
    // On Linux, this sets the priority of the calling thread only.
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::warn!(%error, "password hashing runs at normal priority");
    }
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}
