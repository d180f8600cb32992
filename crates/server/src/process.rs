//! Limits of the operating system, checked before the server starts.
//!
//! The runtime and the allocator abort the process if they get no thread or no memory; this check
//! reports it as an error instead.

use std::collections::TryReserveError;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use anyhow::{Context as _, ensure};
use crossauth_core::password::NewHashes;
use crossauth_settings::Settings;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files besides connections: the database, once per reader, its journal, the log.
const FILES: u64 = 32;

/// Threads besides those of the runtime and the hasher: the writer of the database, the log, and
/// blocking work.
const OTHER_THREADS: usize = 4;

/// Memory besides that of password hashing.
const OTHER_MEMORY: usize = 32 * 1024 * 1024;

/// Address space below which the allocator may abort the process wherever it asks for memory.
const ADDRESS_SPACE: u64 = 128 * 1024 * 1024;

/// The operating system limits the address space to fewer bytes than [`ADDRESS_SPACE`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct TooLittleAddressSpace(u64);

impl fmt::Display for TooLittleAddressSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (limit, needed) = (self.0 / (1024 * 1024), ADDRESS_SPACE / (1024 * 1024));
        write!(
            f,
            "the limit of address space is {limit} MiB; at least {needed} MiB are needed (ulimit -v)"
        )
    }
}

/// Checks the limit of address space. Allocates nothing, so that it can be the first of all checks.
pub(crate) fn check_address_space() -> Result<(), TooLittleAddressSpace> {
    match getrlimit(Resource::As).current {
        Some(limit) if limit < ADDRESS_SPACE => Err(TooLittleAddressSpace(limit)),
        Some(_) | None => Ok(()),
    }
}

/// Disables core dumps: they would contain passwords and the server's secret. An operator may raise
/// the limit of a running process again.
pub(crate) fn disable_core_dumps() {
    let maximum = getrlimit(Resource::Core).maximum;
    // Does not fail: a process may always lower its soft limit.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
}

/// Checks that the process can have the files, threads and memory that a server needs.
pub(crate) fn check_limits(settings: &Settings) -> anyhow::Result<()> {
    raise_file_limit();
    let files = getrlimit(Resource::Nofile).current;
    ensure!(
        files.is_none_or(|files| files >= FILES),
        "the limit of open files is {}; a server needs at least {FILES}",
        files.unwrap_or_default(),
    );
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let hasher = settings.hasher();
    let hashing = hasher.threads.map_or(processors, usize::from);
    let hash_memory = match hasher.new_hashes {
        NewHashes::Argon2id(params) => params.memory_kib as usize * 1024,
        NewHashes::Pbkdf2(_) => 0,
    };
    let threads = processors + hashing + OTHER_THREADS;
    let memory = hashing.saturating_mul(hash_memory).saturating_add(OTHER_MEMORY);
    with_threads(threads, || reserve(memory))
        .with_context(|| format!("cannot start the {threads} threads that a server needs"))?
        .with_context(|| format!("cannot reserve {} MiB of memory", memory / (1024 * 1024)))
}

/// Raises the soft limit of open files, which is usually too low: every connection is an open file.
fn raise_file_limit() {
    let limits = getrlimit(Resource::Nofile);
    // Does not fail: a process may always raise its soft limit up to the hard one.
    let _ =
        setrlimit(Resource::Nofile, Rlimit { current: limits.maximum, maximum: limits.maximum });
}

/// Runs `work` while `count` additional threads exist.
fn with_threads<T>(count: usize, work: impl FnOnce() -> T) -> io::Result<T> {
    // Each waits until the sender is dropped.
    let (sender, receiver) = mpsc::channel::<()>();
    let receiver = Arc::new(Mutex::new(receiver));
    let spawn = |_| {
        let receiver = Arc::clone(&receiver);
        thread::Builder::new().spawn(move || {
            let _ = receiver.lock().map(|receiver| receiver.recv());
        })
    };
    let started: Result<Vec<_>, _> = (0..count).map(spawn).collect();
    let result = started.map(|threads| (work(), threads));
    drop(sender);
    let (output, threads) = result?;
    for thread in threads {
        // The thread cannot panic.
        let _ = thread.join();
    }
    Ok(output)
}

fn reserve(bytes: usize) -> Result<(), TryReserveError> {
    Vec::<u8>::new().try_reserve_exact(bytes)
}
