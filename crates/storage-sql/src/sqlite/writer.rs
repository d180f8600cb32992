//! The writer thread, which commits waiting transactions together.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::task::{Context, Poll, Waker};
use std::{io, thread};

use async_trait::async_trait;
use crossauth_core::storage::{StorageError, StorageErrorKind};
use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;
use rusqlite::Connection;
use rusqlite::hooks::Wal;
use tokio::sync::{oneshot, watch};

use super::Shared;
use super::connection;
use super::file::OpenFiles;
use crate::database::{BoxFuture, CONTINUED_AFTER_ERROR, EachRow, Statement, Transaction, Value};

/// Maximum number of transactions that are committed together.
const MAX_GROUP: usize = 64;
/// Maximum number of waiting transactions; beyond that, callers get `Unavailable`.
const MAX_QUEUE: usize = 4096;

/// Sends transactions to the writer thread.
pub(super) struct Writer {
    jobs: Mutex<Option<Sender<Box<dyn Job>>>>,
    ended: watch::Receiver<()>,
}

impl Writer {
    /// Starts the thread. It ends when the writer is closed or dropped.
    pub(super) fn start(connection: Shared, files: OpenFiles) -> io::Result<Self> {
        let (jobs, waiting) = bounded(MAX_QUEUE);
        let (end, ended) = watch::channel(());
        let mut thread = Thread { connection, files, log: Log::default() };
        thread.log.watch(&mut thread.connection.lock()).map_err(io::Error::other)?;
        thread::Builder::new().name("sqlite-writer".into()).spawn(move || {
            thread.run(&waiting);
            drop(thread);
            drop(end);
        })?;
        Ok(Self { jobs: Mutex::new(Some(jobs)), ended })
    }

    /// Runs `body` within a transaction; returns when it is on disk.
    pub(super) async fn run<I, T, F>(&self, input: I, body: F) -> Result<T, StorageError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'t> Fn(&'t mut dyn Transaction, &'t I) -> BoxFuture<'t, Result<T, StorageError>>
            + Send
            + 'static,
    {
        let (reply, result) = oneshot::channel();
        let job = Box::new(Waiting { input, body, outcome: None, reply });
        let sent = match &*self.jobs.lock() {
            Some(jobs) => jobs.try_send(job).is_ok(),
            None => return Err(StorageError::unavailable("the database is closed")),
        };
        if !sent {
            return Err(StorageError::unavailable("too many transactions are waiting"));
        }
        let ended = |_| Err(StorageError::unavailable("the writer thread has ended"));
        result.await.unwrap_or_else(ended)
    }

    /// Waits until everything is written and the thread has ended.
    pub(super) async fn close(&self) {
        self.jobs.lock().take();
        // Waits for the sender to be dropped, which `changed` reports as an error.
        let _ended = self.ended.clone().changed().await;
    }
}

/// A transaction in the queue of the writer thread.
trait Job: Send {
    /// Runs the transaction; returns whether to keep its changes.
    fn run(&mut self, connection: &mut Connection) -> Outcome;

    /// Sends the result to the caller. `failure` is why the whole group was rolled back.
    fn reply(self: Box<Self>, failure: Option<Failure>);
}

/// What to do with the changes of a job.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Keep,
    Undo,
}

/// Why a group was not committed, shared by its jobs.
type Failure = Arc<str>;

struct Waiting<I, T, F> {
    input: I,
    body: F,
    outcome: Option<Result<T, StorageError>>,
    reply: oneshot::Sender<Result<T, StorageError>>,
}

impl<I, T, F> Job for Waiting<I, T, F>
where
    I: Send,
    T: Send,
    F: for<'t> Fn(&'t mut dyn Transaction, &'t I) -> BoxFuture<'t, Result<T, StorageError>> + Send,
{
    fn run(&mut self, connection: &mut Connection) -> Outcome {
        self.outcome = None;
        let mut transaction = SqliteTransaction { connection, failed: false };
        let mut future = (self.body)(&mut transaction, &self.input);
        let mut result = match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(StorageError::bug(
                "the body of a transaction awaits something other than its transaction",
            )),
        };
        drop(future);
        if transaction.failed && result.is_ok() {
            result = Err(StorageError::bug(CONTINUED_AFTER_ERROR));
        }
        let outcome = if result.is_ok() { Outcome::Keep } else { Outcome::Undo };
        self.outcome = Some(result);
        outcome
    }

    fn reply(self: Box<Self>, failure: Option<Failure>) {
        let result = match (failure, self.outcome) {
            (None, Some(result)) => result,
            // The job's own error is more specific than that of the group.
            (Some(_), Some(Err(error))) if error.kind == StorageErrorKind::Unavailable => {
                Err(error)
            }
            // Report even conflicts as unavailable: the conflicting row may belong to another job
            // of this group.
            (Some(failure), _) => Err(StorageError::unavailable(failure.as_ref())),
            (None, None) => Err(StorageError::bug("the body of a transaction panicked")),
        };
        // The caller's future may have been dropped.
        let _dropped = self.reply.send(result);
    }
}

/// State of the writer thread.
struct Thread {
    connection: Shared,
    files: OpenFiles,
    log: Log,
}

impl Thread {
    /// Commits all waiting jobs together, then replies to them, until the queue is closed.
    fn run(&mut self, waiting: &Receiver<Box<dyn Job>>) {
        while let Ok(first) = waiting.recv() {
            let mut group = vec![first];
            group.extend(waiting.try_iter().take(MAX_GROUP - 1));
            match self.files.check() {
                Ok(()) => self.write(group),
                Err(replaced) => reply_all(group, Some(&replaced.to_string().into())),
            }
        }
        // Moves everything into one file, which can then be copied, unless another connection is
        // reading.
        let _busy = self.connection.lock().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    }

    fn write(&self, mut group: Vec<Box<dyn Job>>) {
        let mut connection = self.connection.lock();
        match commit(&mut connection, &mut group) {
            Ok(()) => reply_all(group, None),
            Err(Uncommitted::Began(_)) if group.len() > 1 => {
                // One job may have made the others fail, for example when the disk was full.
                for mut job in group {
                    let result = commit(&mut connection, std::slice::from_mut(&mut job));
                    job.reply(result.err().map(Uncommitted::failure));
                }
            }
            Err(uncommitted) => reply_all(group, Some(&uncommitted.failure())),
        }
        self.log.checkpoint(&connection);
    }
}

/// Length of the write-ahead log, and its checkpoints.
#[derive(Default)]
struct Log(Arc<AtomicI32>);

impl Log {
    /// Length of the log, in pages, that triggers a checkpoint.
    const PAGES: i32 = 1000;

    fn watch(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let length = Arc::clone(&self.0);
        connection.wal_hook(Some(move |_: &mut Wal, pages| {
            length.store(pages, Ordering::Relaxed);
            Ok(())
        }))
    }

    /// Checkpoints a long log. Callers have their result: their changes are on disk whether this
    /// succeeds or not, and it is retried after the next commit.
    fn checkpoint(&self, connection: &Connection) {
        if self.0.swap(0, Ordering::Relaxed) < Self::PAGES {
            return;
        }
        if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)") {
            tracing::warn!(%error, "cannot copy the write-ahead log into the database file");
        }
    }
}

fn reply_all(group: Vec<Box<dyn Job>>, failure: Option<&Failure>) {
    for job in group {
        job.reply(failure.cloned());
    }
}

/// Why a group was not committed.
enum Uncommitted {
    /// The transaction did not begin, for example because another process is writing.
    NotBegun(rusqlite::Error),
    /// The transaction began and was rolled back.
    Began(rusqlite::Error),
}

impl Uncommitted {
    fn failure(self) -> Failure {
        match self {
            Self::NotBegun(error) | Self::Began(error) => connection::describe(&error).into(),
        }
    }
}

/// Runs a group as one transaction, with each job in its own savepoint.
fn commit(connection: &mut Connection, group: &mut [Box<dyn Job>]) -> Result<(), Uncommitted> {
    run(connection, "BEGIN IMMEDIATE").map_err(Uncommitted::NotBegun)?;
    let result = run_jobs(connection, group).and_then(|()| run(connection, "COMMIT"));
    if result.is_err() && !connection.is_autocommit() {
        // If this fails, too, the next BEGIN fails and reports it to its callers.
        let _failed = connection.execute_batch("ROLLBACK");
    }
    result.map_err(Uncommitted::Began)
}

fn run_jobs(connection: &mut Connection, group: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    for job in group {
        run(connection, "SAVEPOINT job")?;
        // After a panic, rolling back to the savepoint undoes the partial changes.
        let outcome = catch_unwind(AssertUnwindSafe(|| job.run(connection)));
        if outcome.unwrap_or(Outcome::Undo) == Outcome::Undo {
            // Fails if SQLite has already rolled back the transaction, for example on a full disk.
            run(connection, "ROLLBACK TO job")?;
        }
        run(connection, "RELEASE job")?;
    }
    Ok(())
}

fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// A transaction on the writer's connection. Its futures never return `Pending`.
struct SqliteTransaction<'c> {
    connection: &'c mut Connection,
    /// A statement has failed. Other databases roll the transaction back then.
    failed: bool,
}

impl SqliteTransaction<'_> {
    fn record<T>(&mut self, result: Result<T, StorageError>) -> Result<T, StorageError> {
        // A row that cannot be decoded is not an error of the statement.
        self.failed |= result.as_ref().is_err_and(|error| error.kind != StorageErrorKind::BadRow);
        result
    }
}

#[async_trait]
impl Transaction for SqliteTransaction<'_> {
    async fn execute(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
    ) -> Result<u64, StorageError> {
        let result = connection::execute(self.connection, statement, params);
        self.record(result)
    }

    async fn query(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
        each: &mut EachRow<'_>,
    ) -> Result<(), StorageError> {
        let result = connection::query(self.connection, statement, params, each);
        self.record(result)
    }
}
