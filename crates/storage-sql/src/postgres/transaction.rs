//! Transactions, retried after deadlocks and serialization failures.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use async_trait::async_trait;
use crossauth_core::storage::StorageError;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

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
    let connection = begin(&mut pooled).await?;
    connection.in_transaction = true;
    let mut transaction = PostgresTransaction { connection, failed: false, retry: false };
    let result = body(&mut transaction, input).await;
    let PostgresTransaction { connection, failed, retry } = transaction;
    match result {
        Ok(_) if failed => {
            roll_back(connection).await;
            Err(StorageError::bug(CONTINUED_AFTER_ERROR).into())
        }
        Ok(value) => {
            connection.run("COMMIT").await?;
            connection.in_transaction = false;
            Ok(value)
        }
        Err(error) => {
            roll_back(connection).await;
            Err(Failure { error, retry })
        }
    }
}

/// Begins a transaction; opens a new connection if the server has closed the idle one.
async fn begin<'p>(pooled: &'p mut PooledConnection<'_>) -> Result<&'p mut Connection, Failure> {
    match pooled.connection()?.run(BEGIN).await {
        Err(error) if is_lost(&error) => pooled.replace().await?.run(BEGIN).await?,
        result => result?,
    }
    Ok(pooled.connection()?)
}

async fn roll_back(connection: &mut Connection) {
    // If this fails, the connection is closed, which also rolls back.
    if connection.run("ROLLBACK").await.is_ok() {
        connection.in_transaction = false;
    }
}

/// A transaction on one connection.
struct PostgresTransaction<'c> {
    connection: &'c mut Connection,
    /// A statement has failed, so PostgreSQL will roll the transaction back.
    failed: bool,
    /// The failure is one after which a retry may succeed.
    retry: bool,
}

impl PostgresTransaction<'_> {
    fn record<T>(&mut self, result: Result<T, Error>) -> Result<T, StorageError> {
        result.map_err(|error| {
            self.failed = true;
            // Without COMMIT, a lost connection rolls back.
            self.retry |= is_retriable(&error) || is_lost(&error);
            storage_error(error)
        })
    }
}

#[async_trait]
impl Transaction for PostgresTransaction<'_> {
    async fn execute(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
    ) -> Result<u64, StorageError> {
        let result = self.connection.execute(statement, params).await;
        self.record(result)
    }

    async fn execute_all(&mut self, writes: &[Write<'_>]) -> Result<(), StorageError> {
        let result = self.connection.execute_all(writes).await;
        self.record(result)
    }

    async fn query(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
        each: &mut EachRow<'_>,
    ) -> Result<(), StorageError> {
        let result = self.connection.query(statement, params, usize::MAX).await;
        for row in self.record(result)? {
            if each(&row)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}
