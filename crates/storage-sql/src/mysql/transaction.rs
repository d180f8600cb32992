//! Transactions, retried after deadlocks and after waiting too long for a lock.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use async_trait::async_trait;
use crossauth_core::storage::StorageError;
use mysql_async::Error;
use tokio::time::Instant;

use super::error::{is_lost, is_retriable, storage_error};
use super::pool::{Connection, Pool, PooledConnection};
use crate::database::{
    BoxFuture, CONTINUED_AFTER_ERROR, EachRow, Statement, Transaction, Value, Write,
};

/// How often a transaction is retried.
const MAX_RETRIES: u32 = 8;
/// For how long a transaction is retried.
const RETRY_PERIOD: Duration = Duration::from_secs(4);

/// Whatever the server's default, the transaction may write.
const BEGIN: &str = "START TRANSACTION READ WRITE";

/// Runs `body` as one transaction.
pub(super) async fn run<I, T, F>(pool: &Pool, input: &I, body: &F) -> Result<T, StorageError>
where
    F: for<'t> Fn(&'t mut dyn Transaction, &'t I) -> BoxFuture<'t, Result<T, StorageError>>,
{
    let (began, mut retries) = (Instant::now(), 0);
    loop {
        match attempt(pool, input, body).await {
            Err(Failure { retry: true, .. })
                if retries < MAX_RETRIES && began.elapsed() < RETRY_PERIOD =>
            {
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
    let random = RandomState::new().hash_one(retries) % (8 << retries.min(5));
    Duration::from_millis(u64::from(retries) * 4 + random)
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

async fn attempt<I, T, F>(pool: &Pool, input: &I, body: &F) -> Result<T, Failure>
where
    F: for<'t> Fn(&'t mut dyn Transaction, &'t I) -> BoxFuture<'t, Result<T, StorageError>>,
{
    let mut pooled = pool.acquire().await?;
    let connection = begin(&mut pooled).await?;
    connection.in_transaction = true;
    let mut transaction = MysqlTransaction { connection, failed: false, retry: false };
    let result = body(&mut transaction, input).await;
    let MysqlTransaction { connection, failed, retry } = transaction;
    let result = match result {
        Ok(_) if failed => {
            roll_back(connection).await;
            Err(StorageError::bug(CONTINUED_AFTER_ERROR).into())
        }
        // The last statements were sent with it.
        Ok(value) if !connection.in_transaction => Ok(value),
        Ok(value) => {
            connection.run("COMMIT").await?;
            connection.in_transaction = false;
            Ok(value)
        }
        Err(error) => {
            roll_back(connection).await;
            Err(Failure { error, retry })
        }
    };
    if connection.has_named_lock {
        pooled.close().await;
    }
    result
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
struct MysqlTransaction<'c> {
    connection: &'c mut Connection,
    /// A statement has failed. The server may have rolled back only this statement.
    failed: bool,
    /// The failure is one after which a retry may succeed.
    retry: bool,
}

impl MysqlTransaction<'_> {
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
impl Transaction for MysqlTransaction<'_> {
    async fn execute(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
    ) -> Result<u64, StorageError> {
        let result = self.connection.execute(statement, params).await;
        self.record(result)
    }

    async fn execute_last(&mut self, writes: &[Write<'_>]) -> Result<(), (usize, StorageError)> {
        let Some(result) = self.connection.execute_and_commit(writes).await else {
            for (position, Write { statement, params }) in writes.iter().enumerate() {
                self.execute(statement, params).await.map_err(|error| (position, error))?;
            }
            return Ok(());
        };
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
        let result = self.connection.rows(statement, params).await;
        for row in self.record(result)? {
            if each(&row)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}
