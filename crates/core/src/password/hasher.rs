//! A bounded pool of threads that hash, apart from those that answer requests.
//!
//! A hash takes tens of milliseconds of a core. On threads of their own, below the normal
//! priority, hashes leave the rest of the server its speed; a bounded queue turns a flood of
//! logins into quick refusals. A job is not given up when its requester goes away in the middle
//! of it: the thread is busy until it is done, so requests that are cancelled and repeated cannot
//! start more work than there are threads.

use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, available_parallelism};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use tokio::sync::oneshot;

use super::argon2id::Memory;
use super::pbkdf2::Pepper;
use super::scheme::{NewHashes, Scheme, Verification};
use crate::random::Random;
use crate::secret::Password;

/// How much below the normal priority the threads run.
const NICE: i32 = 10;

/// How long a thread without work keeps its working memory.
const KEEP_MEMORY: Duration = Duration::from_secs(1);

/// How passwords are hashed, and by how many threads.
#[derive(Debug, Clone)]
pub struct HasherConfig {
    /// How new passwords are hashed. Old ones are checked whatever their scheme.
    pub new_hashes: NewHashes,
    /// A secret that goes into PBKDF2 hashes.
    pub pepper: Option<Pepper>,
    /// Number of threads; as many as there are cores if not given.
    pub threads: Option<NonZeroUsize>,
    /// Number of jobs that may wait; one more is refused.
    pub queue: NonZeroUsize,
}

impl Default for HasherConfig {
    fn default() -> Self {
        Self {
            new_hashes: NewHashes::default(),
            pepper: None,
            threads: None,
            queue: NonZeroUsize::MIN.saturating_add(63),
        }
    }
}

/// Why a hasher was not started.
#[derive(Debug, thiserror::Error)]
pub enum HasherConfigError {
    /// The parameters are out of bounds: such hashes could not be checked.
    #[error("the parameters of the password hash are out of bounds")]
    Params,
    /// The system gives no thread.
    #[error("cannot start a thread for password hashing")]
    Thread(#[source] std::io::Error),
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Too many passwords wait to be hashed; try again later.
    #[error("too many passwords wait to be hashed")]
    Busy,
    /// The hash could not be computed.
    #[error("password hashing failed")]
    Failed,
}

/// Hashes and checks passwords.
pub struct Hasher {
    jobs: Sender<Job>,
}

impl Hasher {
    /// Starts the threads. They end when the hasher is dropped and the queue is empty.
    pub fn new(config: HasherConfig, random: Arc<dyn Random>) -> Result<Self, HasherConfigError> {
        if !config.new_hashes.are_sane() {
            return Err(HasherConfigError::Params);
        }
        let threads = config.threads.or_else(|| available_parallelism().ok());
        let (jobs, queue) = bounded(config.queue.get());
        let scheme = Scheme { new: config.new_hashes, pepper: config.pepper, random };
        for index in 0..threads.map_or(1, NonZeroUsize::get) {
            let (scheme, queue) = (scheme.clone(), queue.clone());
            thread::Builder::new()
                .name(format!("password-{index}"))
                .spawn(move || work(&scheme, &queue))
                .map_err(HasherConfigError::Thread)?;
        }
        Ok(Self { jobs })
    }

    /// The text to store for a password.
    pub async fn hash(&self, password: Password) -> Result<String, HashError> {
        let (answer, answered) = oneshot::channel();
        self.enqueue(Job::Hash { password, answer })?;
        answered.await.unwrap_or(Err(HashError::Failed))
    }

    /// Checks a password against a stored text.
    ///
    /// Without one, with one that stands for "no password" and with one that cannot be read, the
    /// answer is a mismatch that takes as long as with a new hash. A hash that has not been brought
    /// up to date yet takes its own time.
    pub async fn verify(
        &self,
        password: Password,
        stored: Option<&str>,
    ) -> Result<Verification, HashError> {
        let (answer, answered) = oneshot::channel();
        self.enqueue(Job::Verify { password, stored: stored.map(str::to_owned), answer })?;
        answered.await.unwrap_or(Err(HashError::Failed))
    }

    fn enqueue(&self, job: Job) -> Result<(), HashError> {
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => HashError::Busy,
            TrySendError::Disconnected(_) => HashError::Failed,
        })
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("waiting", &self.jobs.len()).finish()
    }
}

enum Job {
    Hash {
        password: Password,
        answer: oneshot::Sender<Result<String, HashError>>,
    },
    Verify {
        password: Password,
        stored: Option<String>,
        answer: oneshot::Sender<Result<Verification, HashError>>,
    },
}

fn work(scheme: &Scheme, queue: &Receiver<Job>) {
    lower_priority();
    let mut memory = Memory::default();
    while let Some(job) = next(queue, &mut memory) {
        // A job that panics drops its answer, and whoever waits is told; the thread goes on.
        let _panicked = catch_unwind(AssertUnwindSafe(|| run(scheme, job, &mut memory)));
    }
}

/// Waits for a job; gives the working memory back if none comes soon.
fn next(queue: &Receiver<Job>, memory: &mut Memory) -> Option<Job> {
    match queue.recv_timeout(KEEP_MEMORY) {
        Ok(job) => Some(job),
        Err(RecvTimeoutError::Disconnected) => None,
        Err(RecvTimeoutError::Timeout) => {
            memory.release();
            queue.recv().ok()
        }
    }
}

/// Does a job, unless nobody waits for the answer any more.
fn run(scheme: &Scheme, job: Job, memory: &mut Memory) {
    match job {
        Job::Hash { password, answer } if !answer.is_closed() => {
            let hash = scheme.hash(password.expose(), memory);
            // The requester may have gone in the meantime.
            let _ = answer.send(hash.map_err(|_| HashError::Failed));
        }
        Job::Verify { password, stored, answer } if !answer.is_closed() => {
            let verification = scheme.verify(password.expose(), stored.as_deref(), memory);
            let _ = answer.send(verification.map_err(|_| HashError::Failed));
        }
        Job::Hash { .. } | Job::Verify { .. } => {}
    }
}

#[cfg(target_os = "linux")]
fn lower_priority() {
    // On Linux this is the priority of the calling thread alone.
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::warn!(%error, "password hashing runs at normal priority");
    }
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}
