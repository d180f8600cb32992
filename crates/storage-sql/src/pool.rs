//! The pool of connections to a database server, for every driver of a server.

mod transaction;

use std::time::Duration;

use crossauth_core::storage::StorageError;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use crate::database::{BoxFuture, MAX_SCAN_ROWS, Row, Statement, Value, Write};

/// Opens connections to a server.
pub(crate) trait Connect: Send + Sync + 'static {
    type Connection: Connection;

    /// Opens a connection. It takes as long as it takes: the pool gives up.
    fn open(&self) -> impl Future<Output = Result<Self::Connection, StorageError>> + Send;

    /// Drops a connection. Asks the server to end its statement if it runs one, so that it does not
    /// go on after its caller has given up.
    fn discard(&self, connection: Self::Connection);
}

/// A connection, which one caller uses at a time. A transaction that has begun is rolled back when
/// the connection is dropped.
pub(crate) trait Connection: Send + Sized + 'static {
    type Row: Row + Send;
    type Error: ServerError;

    /// How often a transaction is retried.
    const RETRIES: u32;

    /// Whether it can be used after it was idle, as far as is known without a round trip.
    fn is_fresh(&self) -> bool;

    /// Prepares for being idle; `false` if it cannot be used any more.
    fn release(&mut self) -> bool;

    /// Tells the server that the connection is closed, and waits until it knows.
    fn close(self) -> impl Future<Output = ()> + Send;

    /// Whether a statement was sent whose result was not read.
    fn is_busy(&self) -> bool;

    /// Whether a transaction has begun and has not been committed or rolled back.
    fn is_in_transaction(&self) -> bool;

    /// Whether it has locked the schema. It is not used again after its transaction.
    fn is_migrating(&self) -> bool;

    /// Runs a statement; returns its first `limit` rows.
    fn query(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Self::Row>, Self::Error>> + Send;

    /// Begins a transaction.
    fn begin(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Commits it.
    fn commit(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Rolls it back.
    fn roll_back(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Runs a statement of a transaction; returns its rows.
    fn rows(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
    ) -> impl Future<Output = Result<Vec<Self::Row>, Self::Error>> + Send {
        self.query(statement, params, usize::MAX)
    }

    /// Runs a statement that changes rows; returns the number of rows that matched.
    fn execute(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
    ) -> impl Future<Output = Result<u64, Self::Error>> + Send;

    /// Runs statements that change rows, until one fails.
    fn execute_all(
        &mut self,
        writes: &[Write<'_>],
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        async move {
            for write in writes {
                self.execute(&write.statement, &write.params).await?;
            }
            Ok(())
        }
    }

    /// Runs statements that change rows, and commits, in one round trip. The error has the position
    /// of the statement that failed, or the number of statements if the commit did. `None` if that
    /// is not possible with these: nothing was sent.
    fn execute_and_commit(
        &mut self,
        writes: &[Write<'_>],
    ) -> impl Future<Output = Option<Result<(), (usize, Self::Error)>>> + Send;

    /// Runs a statement that locks a row, and another that reads it if there is one. If `begin`,
    /// begins a transaction before.
    fn lock_and_query(
        &mut self,
        begin: bool,
        [lock, read]: [&Statement; 2],
        params: &[Value<'_>],
    ) -> impl Future<Output = Result<[Vec<Self::Row>; 2], Self::Error>> + Send {
        async move {
            if begin {
                self.begin().await?;
            }
            let locked = self.rows(lock, params).await?;
            let rows = if locked.is_empty() { Vec::new() } else { self.rows(read, params).await? };
            Ok([locked, rows])
        }
    }
}

/// An error of a server or of the connection to it.
pub(crate) trait ServerError: Send {
    /// Whether the server has closed the connection, or no longer knows what was prepared on it.
    fn is_lost(&self) -> bool;

    /// Whether the transaction was rolled back and may succeed if it is retried.
    fn is_retriable(&self) -> bool;

    /// The error of the store, without values of rows.
    fn into_storage_error(self) -> StorageError;
}

/// Limits of a pool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Maximum number of open connections.
    pub(crate) connections: usize,
    /// How long to wait until a connection is free, and how long until a new one is open.
    pub(crate) acquire_timeout: Duration,
    /// How long to wait for the result of a read-only statement. One of a transaction, which may wait
    /// for locks in the server, may take twice as long.
    pub(crate) statement_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let timeout = Duration::from_secs(5);
        Self { connections: 10, acquire_timeout: timeout, statement_timeout: timeout }
    }
}

/// Provides connections, up to a limit, and opens them on demand.
pub(crate) struct Pool<C: Connect> {
    connect: C,
    limits: Limits,
    free: Semaphore,
    idle: Mutex<Vec<Idle<C::Connection>>>,
}

/// A connection that nobody uses.
struct Idle<C> {
    since: Instant,
    connection: C,
}

fn too_slow() -> StorageError {
    StorageError::unavailable("a statement takes too long")
}

impl<C: Connect> Pool<C> {
    pub(crate) fn new(connect: C, limits: Limits) -> Self {
        let connections = limits.connections.clamp(1, Semaphore::MAX_PERMITS);
        let free = Semaphore::new(connections);
        let limits = Limits { connections, ..limits };
        Self { connect, limits, free, idle: Mutex::default() }
    }

    /// Acquires a connection, which returns to the pool when it is dropped.
    async fn acquire(&self) -> Result<PooledConnection<'_, C>, StorageError> {
        let permit = timeout(self.limits.acquire_timeout, self.free.acquire())
            .await
            .map_err(|_| StorageError::unavailable("every connection is in use"))?
            .map_err(|_| StorageError::unavailable("the database is closed"))?;
        let idle = || Some(self.idle.lock().pop()?.connection);
        let idle = std::iter::from_fn(idle).find(Connection::is_fresh);
        let connection = match idle {
            Some(connection) => connection,
            None => self.open().await?,
        };
        let acquired = Instant::now();
        Ok(PooledConnection { pool: self, acquired, connection: Some(connection), _permit: permit })
    }

    /// Drops the connections that nobody has used since then.
    fn drop_idle(&self, then: Instant) {
        let dropped: Vec<_> = self.idle.lock().extract_if(.., |idle| idle.since < then).collect();
        for idle in dropped {
            self.connect.discard(idle.connection);
        }
    }

    async fn open(&self) -> Result<C::Connection, StorageError> {
        // Boxed, so that the futures of applications do not contain it.
        let opening: BoxFuture<'_, Result<C::Connection, StorageError>> =
            Box::pin(self.connect.open());
        let opened = timeout(self.limits.acquire_timeout, opening).await;
        opened.unwrap_or_else(|_| {
            Err(StorageError::unavailable("the database server does not respond"))
        })
    }

    /// The first row of a read-only statement, decoded.
    pub(crate) async fn find<T>(
        &self,
        statement: &Statement,
        params: &[Value<'_>],
        decode: impl FnOnce(&dyn Row) -> Result<T, StorageError> + Send,
    ) -> Result<Option<T>, StorageError> {
        let rows = self.read(statement, params, 1).await?;
        rows.first().map(|row| decode(row)).transpose()
    }

    /// The rows of a read-only statement, decoded. Too many are an error.
    pub(crate) async fn scan<T>(
        &self,
        statement: &Statement,
        params: &[Value<'_>],
        mut decode: impl FnMut(&dyn Row) -> T + Send,
    ) -> Result<Vec<T>, StorageError> {
        let rows = self.read(statement, params, MAX_SCAN_ROWS + 1).await?;
        if rows.len() > MAX_SCAN_ROWS {
            return Err(StorageError::bug("a scan returns too many rows: it needs a LIMIT"));
        }
        Ok(rows.iter().map(|row| decode(row)).collect())
    }

    /// The first `limit` rows of a read-only statement.
    async fn read(
        &self,
        statement: &Statement,
        params: &[Value<'_>],
        limit: usize,
    ) -> Result<Vec<<C::Connection as Connection>::Row>, StorageError> {
        let mut pooled = self.acquire().await?;
        let rows = timeout(self.limits.statement_timeout, pooled.read(statement, params, limit));
        rows.await.unwrap_or_else(|_| Err(too_slow()))
    }

    /// Waits until every connection is returned; then closes the pool.
    pub(crate) async fn close(&self) {
        let all = u32::try_from(self.limits.connections).unwrap_or(u32::MAX);
        // Fails if it is closed already.
        let _all = self.free.acquire_many(all).await;
        self.free.close();
        let idle = std::mem::take(&mut *self.idle.lock());
        for Idle { connection, .. } in idle {
            connection.close().await;
        }
    }
}

/// A connection that is in use.
struct PooledConnection<'p, C: Connect> {
    pool: &'p Pool<C>,
    acquired: Instant,
    /// Absent if it was lost and no other could be opened.
    connection: Option<C::Connection>,
    _permit: SemaphorePermit<'p>,
}

impl<C: Connect> PooledConnection<'_, C> {
    fn connection(&mut self) -> Result<&mut C::Connection, StorageError> {
        self.connection.as_mut().ok_or_else(|| StorageError::unavailable("the connection was lost"))
    }

    async fn read(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
        limit: usize,
    ) -> Result<Vec<<C::Connection as Connection>::Row>, StorageError> {
        match self.connection()?.query(statement, params, limit).await {
            // The server closed the connection, and maybe the idle ones with it.
            Err(error) if error.is_lost() => {
                self.replace().await?.query(statement, params, limit).await
            }
            result => result,
        }
        .map_err(ServerError::into_storage_error)
    }

    /// Closes the connection and opens a new one in its place.
    async fn replace(&mut self) -> Result<&mut C::Connection, StorageError> {
        self.connection = None;
        self.connection = Some(self.pool.open().await?);
        self.connection()
    }

    /// Closes the connection, whose session has settings or locks that others must not get.
    async fn close(mut self) {
        if let Some(connection) = self.connection.take() {
            // The server closes it otherwise.
            let _ = timeout(self.pool.limits.acquire_timeout, connection.close()).await;
        }
    }
}

impl<C: Connect> Drop for PooledConnection<'_, C> {
    fn drop(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            if connection.release() {
                self.pool.idle.lock().push(Idle { since: Instant::now(), connection });
                return;
            }
            if connection.is_busy() && self.acquired.elapsed() >= self.pool.limits.statement_timeout
            {
                // The server may be gone without a word, and the idle connections with it: each of
                // them would cost a request the same time.
                self.pool.drop_idle(self.acquired);
            }
            self.pool.connect.discard(connection);
        }
    }
}
