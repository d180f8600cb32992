//! The connection pool and the prepared statements of each connection.

mod last;

use std::time::Duration;

use crossauth_core::storage::StorageError;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, Opts, OptsBuilder, Params, Row};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use super::error::{describe, is_done, is_lost, storage_error};
use super::value::encode;
use crate::database::{Statement, Value};

/// How long to wait for a connection before the caller gets `Unavailable`.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait for the rows of a read-only statement before the caller gets `Unavailable`.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait for one statement of a transaction, which may wait for locks in the server.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait for one statement of a migration.
const MIGRATION_TIMEOUT: Duration = Duration::from_mins(10);
/// How long a connection is idle before the operating system sends TCP keepalive probes.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long a connection may be idle before it is replaced. The server closes it soon after.
const MAX_IDLE: Duration = Duration::from_secs(45);
/// Maximum number of prepared statements per connection.
const MAX_PREPARED: usize = 256;

/// What each connection sets, whatever the settings of the server:
///
/// - Text is UTF-8. Literals and parameters are compared byte by byte.
/// - Values that do not fit are errors, times are not rounded up to the next second, identifiers are
///   quoted in one way.
/// - A statement sees what is committed when it begins, so that what is read after waiting for a
///   lock is what the holder of the lock has left.
/// - A statement waits for the lock of a row for two seconds and for that of a table for five. The
///   transaction is retried if there is time left.
/// - The server closes a connection, and ends its transaction, if this process stands still for a
///   minute.
const SESSION: &str = "SET NAMES utf8mb4 COLLATE utf8mb4_bin, SESSION \
    sql_mode = CONCAT('STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,\
        NO_UNSIGNED_SUBTRACTION' /*!80001 , ',TIME_TRUNCATE_FRACTIONAL' */), \
    SESSION time_zone = '+00:00', SESSION autocommit = 1, SESSION completion_type = 'NO_CHAIN', \
    SESSION sql_safe_updates = 0, SESSION sql_select_limit = DEFAULT, \
    SESSION foreign_key_checks = 1, SESSION unique_checks = 1, \
    SESSION innodb_lock_wait_timeout = 2, SESSION lock_wait_timeout = 5, \
    SESSION wait_timeout = 60; \
    SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

const TOO_OLD: &str = "the server is too old: MySQL 8.0.17 or MariaDB 10.6 is needed";

/// A migration waits a minute for programs that use the tables.
const MIGRATION_SESSION: &str = "SET SESSION lock_wait_timeout = 60";

/// Provides connections, up to a limit, and opens them on demand.
pub(super) struct Pool {
    opts: Opts,
    limit: u32,
    free: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    pub(super) fn new(opts: Opts, limit: usize) -> Self {
        let opts = OptsBuilder::from_opts(opts)
            .client_found_rows(true)
            .stmt_cache_size(MAX_PREPARED)
            .prefer_socket(false)
            .tcp_keepalive(Some(KEEPALIVE))
            .tcp_nodelay(true)
            .into();
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let free = Semaphore::new(limit as usize);
        Self { opts, limit, free, idle: Mutex::default() }
    }

    /// Acquires a connection, which returns to the pool when it is dropped.
    pub(super) async fn acquire(&self) -> Result<PooledConnection<'_>, StorageError> {
        let permit = timeout(ACQUIRE_TIMEOUT, self.free.acquire())
            .await
            .map_err(|_| StorageError::unavailable("every connection is in use"))?
            .map_err(|_| StorageError::unavailable("the database is closed"))?;
        let idle = || self.idle.lock().pop();
        let idle = std::iter::from_fn(idle).find(Connection::is_fresh);
        let connection = match idle {
            Some(connection) => connection,
            None => self.open().await?,
        };
        Ok(PooledConnection { pool: self, connection: Some(connection), _permit: permit })
    }

    /// Opens a new connection.
    async fn open(&self) -> Result<Connection, StorageError> {
        Connection::open(&self.opts).await
    }

    /// The first `limit` rows of a read-only statement.
    pub(super) async fn read(
        &self,
        statement: &Statement,
        params: &[Value<'_>],
        limit: usize,
    ) -> Result<Vec<Row>, StorageError> {
        let mut pooled = self.acquire().await?;
        let answer = timeout(READ_TIMEOUT, pooled.read(statement, params, limit)).await;
        answer.unwrap_or_else(|_| Err(StorageError::unavailable("a statement takes too long")))
    }

    /// Waits until every connection is returned; then closes the pool.
    pub(super) async fn close(&self) {
        // Fails if it is closed already.
        let _all = self.free.acquire_many(self.limit).await;
        self.free.close();
        let idle = std::mem::take(&mut *self.idle.lock());
        for connection in idle {
            // The server closes it otherwise.
            let _ = connection.conn.disconnect().await;
        }
    }
}

/// A connection that is in use.
pub(super) struct PooledConnection<'p> {
    pool: &'p Pool,
    connection: Option<Connection>,
    _permit: SemaphorePermit<'p>,
}

impl PooledConnection<'_> {
    pub(super) fn connection(&mut self) -> Result<&mut Connection, StorageError> {
        self.connection.as_mut().ok_or_else(|| StorageError::bug("the connection was discarded"))
    }

    async fn read(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
        limit: usize,
    ) -> Result<Vec<Row>, StorageError> {
        match self.connection()?.query(statement, params, limit).await {
            // The server closed the connection, and maybe the idle ones with it.
            Err(error) if is_lost(&error) => {
                self.replace().await?.query(statement, params, limit).await
            }
            result => result,
        }
        .map_err(storage_error)
    }

    /// Closes the connection and opens a new one in its place.
    pub(super) async fn replace(&mut self) -> Result<&mut Connection, StorageError> {
        self.connection = None;
        self.connection = Some(self.pool.open().await?);
        self.connection()
    }

    /// Closes the connection, whose session has settings or locks that others must not get.
    pub(super) async fn close(mut self) {
        if let Some(connection) = self.connection.take() {
            // The server closes it otherwise.
            let _ = timeout(ACQUIRE_TIMEOUT, connection.conn.disconnect()).await;
        }
    }
}

impl Drop for PooledConnection<'_> {
    fn drop(&mut self) {
        match self.connection.take() {
            Some(mut connection) if connection.is_usable() => {
                connection.used = Instant::now();
                self.pool.idle.lock().push(connection);
            }
            Some(connection) => connection.cancel(&self.pool.opts),
            None => {}
        }
    }
}

/// One connection.
pub(super) struct Connection {
    conn: Conn,
    /// When it was last used.
    used: Instant,
    /// A transaction has begun and has not been committed or rolled back.
    pub(super) in_transaction: bool,
    /// Whether a named lock was requested, which lasts as long as the connection.
    pub(super) has_named_lock: bool,
    /// A statement was sent and has not been answered. Another would wait for it.
    is_busy: bool,
}

impl Connection {
    async fn open(opts: &Opts) -> Result<Self, StorageError> {
        let opened = timeout(ACQUIRE_TIMEOUT, async {
            let mut conn = Conn::new(opts.clone()).await?;
            conn.query_drop(SESSION).await?;
            Ok::<_, Error>(conn)
        });
        let conn = opened
            .await
            .map_err(|_| StorageError::unavailable("the database server does not respond"))?
            // No statement has run, so errors here do not concern rows.
            .map_err(|error| StorageError::unavailable(describe(&error)))?;
        if !is_supported(conn.server_version()) {
            return Err(StorageError::unavailable(TOO_OLD));
        }
        Ok(Self {
            conn,
            used: Instant::now(),
            in_transaction: false,
            has_named_lock: false,
            is_busy: false,
        })
    }

    fn is_fresh(&self) -> bool {
        self.used.elapsed() < MAX_IDLE
    }

    fn is_usable(&self) -> bool {
        let is_clean = !self.in_transaction && !self.has_named_lock && !self.is_busy;
        is_clean && !self.conn.is_disconnected()
    }

    /// Asks the server to end the session of a statement whose caller has given up, so that it does
    /// not go on after the connection is closed.
    fn cancel(self, opts: &Opts) {
        let runtime = tokio::runtime::Handle::try_current().ok().filter(|_| self.is_busy);
        if let Some(runtime) = runtime {
            let (opts, id) = (opts.clone(), self.conn.id());
            runtime.spawn(timeout(ACQUIRE_TIMEOUT, async move {
                let mut other = Conn::new(opts).await?;
                other.query_drop(format!("KILL {id}")).await?;
                other.disconnect().await
            }));
        }
    }

    /// Runs a statement without parameters or result.
    pub(super) async fn run(&mut self, sql: &str) -> Result<(), Error> {
        self.is_busy = true;
        let result = limited(WRITE_TIMEOUT, self.conn.query_drop(sql)).await?;
        self.is_busy = false;
        result
    }

    /// Runs a statement that changes rows; returns the number of rows that matched.
    pub(super) async fn execute(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
    ) -> Result<u64, Error> {
        self.is_busy = true;
        let limit = self.time_limit();
        let ran = self.conn.exec_drop(statement.as_str(), encode_all(params));
        let result = limited(limit, ran).await?;
        self.is_busy = false;
        match result {
            Ok(()) => Ok(self.conn.affected_rows()),
            // A statement that changes the schema commits at once, so a migration that was
            // interrupted finds its first steps done. No other statement has such an error.
            Err(error) if is_done(&error) => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Runs a statement in a transaction; returns its rows.
    pub(super) async fn rows(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
    ) -> Result<Vec<Row>, Error> {
        if statement.as_str().contains("GET_LOCK(") {
            self.has_named_lock = true;
            self.run(MIGRATION_SESSION).await?;
        }
        let limit = self.time_limit();
        limited(limit, self.query(statement, params, usize::MAX)).await?
    }

    /// Runs a statement; returns its first `limit` rows.
    async fn query(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
        limit: usize,
    ) -> Result<Vec<Row>, Error> {
        self.is_busy = true;
        let result = self.read(statement, params, limit).await;
        self.is_busy = false;
        result
    }

    async fn read(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
        limit: usize,
    ) -> Result<Vec<Row>, Error> {
        let rows = self.conn.exec_iter(statement.as_str(), encode_all(params)).await?;
        let mut found = Vec::new();
        // Read to the end: errors of the statement arrive there.
        let each = |row| {
            if found.len() < limit {
                found.push(row);
            }
        };
        rows.for_each_and_drop(each).await?;
        Ok(found)
    }

    fn time_limit(&self) -> Duration {
        if self.has_named_lock { MIGRATION_TIMEOUT } else { WRITE_TIMEOUT }
    }
}

fn encode_all(params: &[Value<'_>]) -> Params {
    if params.is_empty() {
        return Params::Empty;
    }
    Params::Positional(params.iter().map(encode).collect())
}

/// Whether the server has row locks that are skipped and collations that do not ignore spaces.
fn is_supported(version: (u16, u16, u16)) -> bool {
    // MariaDB counts from 10.
    let is_mariadb = version.0 >= 10;
    version >= if is_mariadb { (10, 6, 0) } else { (8, 0, 17) }
}

/// The result of a statement, or the error that it takes too long.
async fn limited<T>(limit: Duration, statement: impl Future<Output = T>) -> Result<T, Error> {
    let result = timeout(limit, statement).await;
    result.map_err(|_| Error::Other("a statement takes too long".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_servers_are_refused() {
        for version in [(8, 0, 17), (8, 4, 0), (9, 1, 0), (10, 6, 0), (10, 11, 19), (11, 8, 2)] {
            assert!(is_supported(version), "{version:?}");
        }
        for version in [(5, 7, 44), (8, 0, 16), (10, 5, 29), (0, 0, 0)] {
            assert!(!is_supported(version), "{version:?}");
        }
    }
}
