//! Transactions, retried after deadlocks and serialization failures.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use async_trait::async_trait;
use crossauth_core::storage::StorageError;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Error, Row};

use super::pool::{Connection, Pool, PooledConnection, is_lost};
use super::storage_error;
use crate::database::{
    BoxFuture, CONTINUED_AFTER_ERROR, EachRow, Statement, Transaction, Value, Write,
};

/// How often a transaction is retried.
const MAX_RETRIES: u32 = 3;

/// Begins a transaction, in one round trip. It waits for locks for five seconds, after which the
/// caller gets `Unavailable`; and if this process stands still, the server ends it after half a
/// minute, so that other processes do not wait for its locks. Both hold for this transaction only,
/// so that a pooler may give the connection to another program afterwards.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = '5s'; \
                     SET LOCAL idle_in_transaction_session_timeout = '30s'";

/// Runs `body` as one transaction.
pub(super) async fn run<I, T, F>(pool: &Pool, input: &I, body: &F) -> Result<T, StorageError>
where
    F: for<'t> Fn(&'t mut dyn Transaction, &'t I) -> BoxFuture<'t, Result<T, StorageError>>,
{
    let mut retries = 0;
    loop {
        match attempt(pool, input, body).await {
            Err(Failure { retry: true, .. }) if retries < MAX_RETRIES => {
                retries += 1;
                tokio::time::sleep(backoff(retries)).await;
            }
            result => return result.map_err(|failure| failure.error),
        }
    }
}

/// Delay before a retry, with jitter: two transactions that have deadlocked must not retry at the
/// same time.
fn backoff(retries: u32) -> Duration {
    let random = RandomState::new().hash_one(retries) % 16;
    Duration::from_millis((u64::from(retries) * 4) + random)
}

/// Why an attempt was rolled back.
struct Failure {
    error: StorageError,
    retry: bool,
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self { error, retry: false }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let retry = is_retriable(&error);
        Self { error: storage_error(error), retry }
    }
}

fn is_retriable(error: &Error) -> bool {
    let retriable = [&SqlState::T_R_SERIALIZATION_FAILURE, &SqlState::T_R_DEADLOCK_DETECTED];
    error.code().is_some_and(|code| retriable.contains(&code))
}

async fn attempt<I, T, F>(pool: &Pool, input: &I, body: &F) -> Result<T, Failure>
where
    F: for<'t> Fn(&'t mut dyn Transaction, &'t I) -> BoxFuture<'t, Result<T, StorageError>>,
{
    let mut pooled = pool.acquire().await?;
    let mut transaction =
        PostgresTransaction { pooled: &mut pooled, stage: Stage::New, failed: false, retry: false };
    let result = body(&mut transaction, input).await;
    let PostgresTransaction { stage, failed, retry, .. } = transaction;
    let connection = pooled.connection()?;
    match (result, stage) {
        (Ok(_), _) if failed => {
            roll_back(connection).await;
            Err(StorageError::bug(CONTINUED_AFTER_ERROR).into())
        }
        (Ok(value), Stage::New | Stage::Ended) => Ok(value),
        (Ok(value), Stage::Begun) => {
            connection.run("COMMIT").await?;
            connection.in_transaction = false;
            Ok(value)
        }
        (Err(error), Stage::Begun) => {
            roll_back(connection).await;
            Err(Failure { error, retry })
        }
        (Err(error), Stage::New | Stage::Ended) => Err(Failure { error, retry }),
    }
}

async fn roll_back(connection: &mut Connection) {
    // If this fails, the connection is closed, which also rolls back.
    if connection.run("ROLLBACK").await.is_ok() {
        connection.in_transaction = false;
    }
}

/// How far a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing has been sent.
    New,
    /// It has begun.
    Begun,
    /// It was committed or rolled back, together with its last statements.
    Ended,
}

/// A transaction on one connection. It begins with its first statement.
struct PostgresTransaction<'c, 'p> {
    pooled: &'c mut PooledConnection<'p>,
    stage: Stage,
    /// A statement has failed, so PostgreSQL will roll the transaction back.
    failed: bool,
    /// The failure is one after which a retry may succeed.
    retry: bool,
}

impl PostgresTransaction<'_, '_> {
    fn record<T>(&mut self, result: Result<T, Error>) -> Result<T, StorageError> {
        result.map_err(|error| {
            self.failed = true;
            // Without COMMIT, a lost connection rolls back.
            self.retry |= is_retriable(&error) || is_lost(&error);
            storage_error(error)
        })
    }

    /// The connection, on which the transaction has begun. Opens a new one if the server has closed
    /// the idle one.
    async fn begun(&mut self) -> Result<&mut Connection, StorageError> {
        match self.stage {
            Stage::Begun => {}
            Stage::Ended => {
                self.failed = true;
                return Err(StorageError::bug("a statement after the last one"));
            }
            Stage::New => {
                let began = match self.pooled.connection()?.run(BEGIN).await {
                    Err(error) if is_lost(&error) => self.pooled.replace().await?.run(BEGIN).await,
                    result => result,
                };
                self.record(began)?;
                self.set_begun()?;
            }
        }
        self.pooled.connection()
    }

    fn set_begun(&mut self) -> Result<(), StorageError> {
        self.stage = Stage::Begun;
        self.pooled.connection()?.in_transaction = true;
        Ok(())
    }

    /// Begins, locks and reads, in one round trip once the statements are prepared.
    async fn begin_with(
        &mut self,
        statements: [&Statement; 2],
        params: &[Value<'_>],
    ) -> Result<[Vec<Row>; 2], StorageError> {
        let first = self.pooled.connection()?.query_both(Some(BEGIN), statements, params).await;
        let rows = match first {
            Err(error) if is_lost(&error) => {
                let connection = self.pooled.replace().await?;
                connection.query_both(Some(BEGIN), statements, params).await
            }
            result => result,
        };
        // Whatever has failed, the transaction may have begun.
        self.set_begun()?;
        self.record(rows)
    }
}

#[async_trait]
impl Transaction for PostgresTransaction<'_, '_> {
    async fn execute(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
    ) -> Result<u64, StorageError> {
        let result = self.begun().await?.execute(statement, params).await;
        self.record(result)
    }

    async fn execute_all(&mut self, writes: &[Write<'_>]) -> Result<(), StorageError> {
        let result = self.begun().await?.execute_all(writes).await;
        self.record(result)
    }

    async fn execute_last(&mut self, writes: &[Write<'_>]) -> Result<(), (usize, StorageError)> {
        let connection = self.begun().await.map_err(|error| (0, error))?;
        let (result, has_ended) = connection.execute_and_commit(writes, "COMMIT").await;
        if has_ended {
            self.stage = Stage::Ended;
        }
        result.map_err(|(position, error)| {
            self.failed = true;
            // Not after a lost connection: it may have been committed.
            self.retry |= is_retriable(&error);
            let position = if is_lost(&error) { writes.len() } else { position };
            (position, storage_error(error))
        })
    }

    async fn query(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
        each: &mut EachRow<'_>,
    ) -> Result<(), StorageError> {
        let result = self.begun().await?.query(statement, params, usize::MAX).await;
        for row in self.record(result)? {
            if each(&row)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    async fn lock_and_query(
        &mut self,
        lock: &Statement,
        read: &Statement,
        params: &[Value<'_>],
        each: &mut EachRow<'_>,
    ) -> Result<bool, StorageError> {
        let [locked, rows] = if self.stage == Stage::New {
            self.begin_with([lock, read], params).await?
        } else {
            let result = self.begun().await?.query_both(None, [lock, read], params).await;
            self.record(result)?
        };
        if locked.is_empty() {
            return Ok(false);
        }
        for row in rows {
            if each(&row)?.is_break() {
                break;
            }
        }
        Ok(true)
    }
}
