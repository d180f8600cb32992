//! Transactions, retried after deadlocks, serialization failures and lost connections.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crossauth_core::storage::StorageError;
use tokio::time::{Instant, timeout};

use super::{Connect, Connection, Pool, PooledConnection, ServerError, too_slow};
use crate::database::{
    BoxFuture, CONTINUED_AFTER_ERROR, EachRow, Statement, Transaction, Value, Write,
};

/// For how long a transaction is retried.
const RETRY_PERIOD: Duration = Duration::from_secs(4);
/// How long to wait for one statement of a migration.
const MIGRATION_TIMEOUT: Duration = Duration::from_mins(10);

impl<C: Connect> Pool<C> {
    /// Runs `body` as one transaction, in a separate task, so that it completes even if the caller's
    /// future is dropped.
    pub(crate) async fn transaction<I, T, F>(
        self: &Arc<Self>,
        input: I,
        body: F,
    ) -> Result<T, StorageError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'t> Fn(&'t mut dyn Transaction, &'t I) -> BoxFuture<'t, Result<T, StorageError>>
            + Send
            + Sync
            + 'static,
    {
        let pool = Arc::clone(self);
        let task = tokio::spawn(async move { pool.run(&input, &body).await });
        match task.await {
            Ok(result) => result,
            Err(error) if error.is_panic() => {
                Err(StorageError::bug("the body of a transaction panicked"))
            }
            Err(error) => Err(StorageError::unavailable(error)),
        }
    }

    async fn run<I, T, F>(&self, input: &I, body: &F) -> Result<T, StorageError>
    where
        F: for<'t> Fn(&'t mut dyn Transaction, &'t I) -> BoxFuture<'t, Result<T, StorageError>>,
    {
        let (began, mut retries) = (Instant::now(), 0);
        loop {
            match self.attempt(input, body).await {
                Err(Failure { retry: true, .. })
                    if retries < C::Connection::RETRIES && began.elapsed() < RETRY_PERIOD =>
                {
                    retries += 1;
                    tokio::time::sleep(backoff(retries)).await;
                }
                result => return result.map_err(|failure| failure.error),
            }
        }
    }

    async fn attempt<I, T, F>(&self, input: &I, body: &F) -> Result<T, Failure>
    where
        F: for<'t> Fn(&'t mut dyn Transaction, &'t I) -> BoxFuture<'t, Result<T, StorageError>>,
    {
        let mut pooled = self.acquire().await?;
        let mut running =
            Running { pooled: &mut pooled, stage: Stage::New, failed: false, retry: false };
        let result = match body(&mut running, input).await {
            Ok(_) if running.failed => Err(StorageError::bug(CONTINUED_AFTER_ERROR)),
            Ok(value) if running.stage == Stage::Begun => running.commit().await.map(|()| value),
            result => result,
        };
        if result.is_err() {
            running.roll_back().await;
        }
        let retry = running.retry;
        if pooled.connection.as_ref().is_some_and(Connection::is_migrating) {
            pooled.close().await;
        }
        result.map_err(|error| Failure { error, retry })
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
struct Running<'c, 'p, C: Connect> {
    pooled: &'c mut PooledConnection<'p, C>,
    stage: Stage,
    /// A statement has failed. The server may have rolled back only this statement.
    failed: bool,
    /// The failure is one after which a retry may succeed.
    retry: bool,
}

type Rows<C> = Vec<<<C as Connect>::Connection as Connection>::Row>;

/// The result of a statement; `None` if it takes too long.
type Waited<T, C> = Option<Result<T, <<C as Connect>::Connection as Connection>::Error>>;

impl<C: Connect> Running<'_, '_, C> {
    fn record<T>(&mut self, result: Waited<T, C>) -> Result<T, StorageError> {
        match result {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => {
                self.failed = true;
                // Without COMMIT, a lost connection rolls back.
                self.retry |= error.is_retriable() || error.is_lost();
                Err(error.into_storage_error())
            }
            None => {
                self.failed = true;
                Err(too_slow())
            }
        }
    }

    /// How long to wait for a statement.
    fn limit(&self) -> Duration {
        match &self.pooled.connection {
            Some(connection) if connection.is_migrating() => MIGRATION_TIMEOUT,
            Some(_) | None => self.pooled.pool.limits.statement_timeout * 2,
        }
    }

    /// The connection, on which the transaction has begun, and how long to wait for a statement.
    async fn begun(&mut self) -> Result<(&mut C::Connection, Duration), StorageError> {
        let begun = match self.stage {
            Stage::New => self.begin().await,
            Stage::Begun => Ok(()),
            Stage::Ended => Err(StorageError::bug("a statement after the last one")),
        };
        self.failed |= begun.is_err();
        begun?;
        let limit = self.limit();
        Ok((self.pooled.connection()?, limit))
    }

    /// Opens a new connection if the server has closed the idle one.
    async fn begin(&mut self) -> Result<(), StorageError> {
        let limit = self.limit();
        let began = match timeout(limit, self.pooled.connection()?.begin()).await {
            Ok(Err(error)) if error.is_lost() => {
                timeout(limit, self.pooled.replace().await?.begin()).await
            }
            result => result,
        };
        self.record(began.ok())?;
        self.stage = Stage::Begun;
        Ok(())
    }

    /// Begins with two statements.
    async fn begin_with(
        &mut self,
        statements: [&Statement; 2],
        params: &[Value<'_>],
    ) -> Result<[Rows<C>; 2], StorageError> {
        let (limit, connection) = (self.limit(), self.pooled.connection()?);
        let found = timeout(limit, connection.lock_and_query(true, statements, params)).await;
        let found = match found {
            Ok(Err(error)) if error.is_lost() => {
                let connection = self.pooled.replace().await?;
                timeout(limit, connection.lock_and_query(true, statements, params)).await
            }
            result => result,
        };
        self.stage = Stage::Begun;
        self.record(found.ok())
    }

    async fn commit(&mut self) -> Result<(), StorageError> {
        let limit = self.limit();
        let committed = timeout(limit, self.pooled.connection()?.commit()).await;
        match committed {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                // Not after a lost connection: it may have been committed.
                self.retry = error.is_retriable();
                Err(error.into_storage_error())
            }
            Err(_) => Err(too_slow()),
        }
    }

    async fn roll_back(&mut self) {
        let limit = self.limit();
        if let Some(connection) = &mut self.pooled.connection
            && connection.is_in_transaction()
            && !connection.is_busy()
        {
            // If this fails, the connection is closed, which also rolls back.
            let _ = timeout(limit, connection.roll_back()).await;
        }
    }
}

#[async_trait]
impl<C: Connect> Transaction for Running<'_, '_, C> {
    async fn execute(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
    ) -> Result<u64, StorageError> {
        let (connection, limit) = self.begun().await?;
        let result = timeout(limit, connection.execute(statement, params)).await;
        self.record(result.ok())
    }

    async fn execute_all(&mut self, writes: &[Write<'_>]) -> Result<(), StorageError> {
        let (connection, limit) = self.begun().await?;
        let result = timeout(limit, connection.execute_all(writes)).await;
        self.record(result.ok())
    }

    async fn execute_last(&mut self, writes: &[Write<'_>]) -> Result<(), (usize, StorageError)> {
        if self.failed {
            return Err((writes.len(), StorageError::bug(CONTINUED_AFTER_ERROR)));
        }
        // None of the statements has failed then.
        let begun = self.begun().await.map_err(|error| (writes.len(), error));
        let (connection, limit) = begun?;
        let result = match timeout(limit, connection.execute_and_commit(writes)).await {
            Ok(Some(result)) => result,
            Ok(None) => {
                for (position, Write { statement, params }) in writes.iter().enumerate() {
                    self.execute(statement, params).await.map_err(|error| (position, error))?;
                }
                return Ok(());
            }
            Err(_) => {
                self.failed = true;
                return Err((writes.len(), too_slow()));
            }
        };
        if !connection.is_in_transaction() {
            self.stage = Stage::Ended;
        }
        result.map_err(|(position, error)| {
            self.failed = true;
            // Not after a lost connection: it may have been committed.
            self.retry |= error.is_retriable();
            let position = if error.is_lost() { writes.len() } else { position };
            (position, error.into_storage_error())
        })
    }

    async fn query(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
        each: &mut EachRow<'_>,
    ) -> Result<(), StorageError> {
        let (connection, limit) = self.begun().await?;
        let result = timeout(limit, connection.rows(statement, params)).await;
        for row in self.record(result.ok())? {
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
        let statements = [lock, read];
        let found = if self.stage == Stage::New {
            let found = self.begin_with(statements, params).await;
            self.failed |= found.is_err();
            found?
        } else {
            let (connection, limit) = self.begun().await?;
            let found = timeout(limit, connection.lock_and_query(false, statements, params)).await;
            self.record(found.ok())?
        };
        let [locked, rows] = found;
        if locked.is_empty() {
            return Ok(false);
        }
        for row in &rows {
            if each(row)?.is_break() {
                break;
            }
        }
        Ok(true)
    }
}
