//! The thread that writes, and commits those who wait together.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::{io, thread};

use async_trait::async_trait;
use crossauth_core::storage::{StorageError, StorageErrorKind};
use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use super::connection;
use crate::database::{BoxFuture, Row, Statement, Transaction, Value};

/// Most transactions that are committed together.
const GROUP: usize = 64;
/// Most transactions that wait; beyond that, callers are told to come back later.
const QUEUE: usize = 4096;

/// Hands transactions to the thread.
pub(super) struct Writer {
    jobs: Mutex<Option<Sender<Box<dyn Job>>>>,
    ended: watch::Receiver<()>,
}

impl Writer {
    /// Starts the thread. It ends when the writer is closed or dropped.
    pub(super) fn start(connection: Connection) -> io::Result<Self> {
        let (jobs, waiting) = bounded(QUEUE);
        let (end, ended) = watch::channel(());
        thread::Builder::new().name("sqlite-writer".into()).spawn(move || {
            write(connection, &waiting);
            drop(end);
        })?;
        Ok(Self { jobs: Mutex::new(Some(jobs)), ended })
    }

    /// Runs `body` within a transaction; returns when that is on disk.
    pub(super) async fn run<T, F>(&self, body: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut dyn Transaction) -> BoxFuture<'t, Result<T, StorageError>>
            + Send
            + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Waiting { body: Some(body), outcome: None, reply });
        let sent = match &*self.jobs.lock() {
            Some(jobs) => jobs.try_send(job).is_ok(),
            None => return Err(StorageError::unavailable("the database is closed")),
        };
        if !sent {
            return Err(StorageError::unavailable("too many transactions wait"));
        }
        let gone = |_| Err(StorageError::unavailable("the thread that writes has ended"));
        answer.await.unwrap_or_else(gone)
    }

    /// Waits until everything is written and the thread has ended.
    pub(super) async fn close(&self) {
        self.jobs.lock().take();
        // An error says that the other end was dropped, which is what this waits for.
        let _ended = self.ended.clone().changed().await;
    }
}

/// A transaction on its way through the thread.
trait Job: Send {
    /// Runs it; says whether it is to be kept.
    fn run(&mut self, connection: &mut Connection) -> Outcome;

    /// Tells who waits. `failure` is why nothing of the group was kept.
    fn answer(self: Box<Self>, failure: Option<Failure>);
}

/// Whether a job's changes are to be kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Keep,
    Undo,
}

/// Why a group was not committed, for each of those in it.
type Failure = Arc<rusqlite::Error>;

struct Waiting<T, F> {
    body: Option<F>,
    outcome: Option<Result<T, StorageError>>,
    reply: oneshot::Sender<Result<T, StorageError>>,
}

impl<T, F> Job for Waiting<T, F>
where
    T: Send,
    F: for<'t> FnOnce(&'t mut dyn Transaction) -> BoxFuture<'t, Result<T, StorageError>> + Send,
{
    fn run(&mut self, connection: &mut Connection) -> Outcome {
        let Some(body) = self.body.take() else { return Outcome::Undo };
        let mut transaction = OnConnection(connection);
        let mut future = body(&mut transaction);
        let result = match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(StorageError::unavailable(
                "the body of a transaction awaits something other than its transaction",
            )),
        };
        let outcome = if result.is_ok() { Outcome::Keep } else { Outcome::Undo };
        self.outcome = Some(result);
        outcome
    }

    fn answer(self: Box<Self>, failure: Option<Failure>) {
        let result = match (failure, self.outcome) {
            (None, Some(result)) => result,
            // Where it was this one that failed, its own error says more than that of the group.
            (Some(_), Some(Err(error))) if error.kind == StorageErrorKind::Unavailable => {
                Err(error)
            }
            // Even a conflict counts for nothing: it may have been with another of the group.
            (Some(failure), _) => Err(StorageError::unavailable(failure)),
            (None, None) => Err(StorageError::unavailable("the transaction did not run")),
        };
        // Whoever asked may be gone.
        let _gone = self.reply.send(result);
    }
}

/// The loop of the thread: takes what waits, commits it in one go, then answers.
fn write(mut connection: Connection, waiting: &Receiver<Box<dyn Job>>) {
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        group.extend(waiting.try_iter().take(GROUP - 1));
        let failure = commit(&mut connection, &mut group).err().map(Arc::new);
        if failure.is_some() && !connection.is_autocommit() {
            // If this fails too, so does the next BEGIN, and its callers are told.
            let _failed = connection.execute_batch("ROLLBACK");
        }
        for job in group {
            job.answer(failure.clone());
        }
    }
    // Leaves all in one file, fit to be copied, unless somebody reads just now.
    let _busy = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
}

/// Runs a group as one transaction, each of them as if alone.
fn commit(connection: &mut Connection, group: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    let run =
        |connection: &Connection, sql: &str| connection.prepare_cached(sql)?.execute([]).map(drop);
    run(connection, "BEGIN IMMEDIATE")?;
    for job in group {
        run(connection, "SAVEPOINT job")?;
        // The savepoint undoes what a body left half done that panicked.
        let outcome = catch_unwind(AssertUnwindSafe(|| job.run(connection)));
        if outcome.unwrap_or(Outcome::Undo) == Outcome::Undo {
            // After an error such as a full disk there is no transaction any more, and this fails.
            run(connection, "ROLLBACK TO job")?;
        }
        run(connection, "RELEASE job")?;
    }
    run(connection, "COMMIT")
}

/// A transaction on the thread's own connection, whose answers are always there at once.
struct OnConnection<'c>(&'c mut Connection);

#[async_trait]
impl Transaction for OnConnection<'_> {
    async fn execute(
        &mut self,
        statement: &Statement,
        params: Vec<Value>,
    ) -> Result<u64, StorageError> {
        connection::execute(self.0, statement, params)
    }

    async fn query(
        &mut self,
        statement: &Statement,
        params: Vec<Value>,
    ) -> Result<Vec<Row>, StorageError> {
        connection::query(self.0, statement, params)
    }
}
