//! Connections to a server.

mod last;
mod prepared;

use std::sync::Arc;
use std::time::Duration;

use crossauth_core::storage::StorageError;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, Opts, OptsBuilder, Params, Row};
use tokio::time::{Instant, timeout};

use super::ConnectError;
use super::error::{describe, is_done};
use super::value::encode;
use crate::database::{BoxFuture, Statement, Value, Write};
use crate::pool::{Connect, Connection};
use prepared::Prepared;

/// How long to wait for the server when a statement is cancelled.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection is idle before the operating system sends TCP keepalive probes.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long a connection may be idle before it is replaced. The server closes it soon after.
const MAX_IDLE: Duration = Duration::from_secs(45);

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

/// Whatever the server's default, the transaction may write.
const BEGIN: &str = "START TRANSACTION READ WRITE";

const NOT_FOUND_ROWS: &str =
    "connections must be opened with `OptsBuilder::client_found_rows(true)`";

/// Opens connections to a server.
pub(super) enum Connector {
    /// To that of a URL.
    Server(Opts),
    /// As the application does.
    Application(Arc<dyn Fn() -> BoxFuture<'static, Result<Conn, ConnectError>> + Send + Sync>),
}

impl Connector {
    pub(super) fn new(opts: OptsBuilder) -> Self {
        let opts = opts
            .client_found_rows(true)
            .stmt_cache_size(0)
            .prefer_socket(false)
            .tcp_keepalive(Some(KEEPALIVE))
            .tcp_nodelay(true);
        Self::Server(opts.into())
    }

    /// A connection with the settings of its session unknown.
    fn connect(&self) -> BoxFuture<'static, Result<Conn, StorageError>> {
        match self {
            Self::Server(opts) => {
                let opts = opts.clone();
                Box::pin(async move {
                    // No statement has run, so errors here do not concern rows.
                    Conn::new(opts)
                        .await
                        .map_err(|error| StorageError::unavailable(describe(&error)))
                })
            }
            Self::Application(connect) => {
                let connect = connect();
                Box::pin(async move { connect.await.map_err(StorageError::unavailable) })
            }
        }
    }
}

impl Connect for Connector {
    type Connection = MysqlConnection;

    async fn open(&self) -> Result<MysqlConnection, StorageError> {
        let mut conn = self.connect().await?;
        if !conn.opts().client_found_rows() {
            return Err(StorageError::bug(NOT_FOUND_ROWS));
        }
        let set = conn.query_drop(SESSION).await;
        set.map_err(|error| StorageError::unavailable(describe(&error)))?;
        if !is_supported(conn.server_version()) {
            return Err(StorageError::unavailable(TOO_OLD));
        }
        let server = server_of(&mut conn).await;
        Ok(MysqlConnection {
            server: server.map_err(|error| StorageError::unavailable(describe(&error)))?,
            conn,
            prepared: Prepared::default(),
            used: Instant::now(),
            in_transaction: false,
            has_named_lock: false,
            is_busy: false,
        })
    }

    fn discard(&self, connection: MysqlConnection) {
        let runtime = tokio::runtime::Handle::try_current().ok().filter(|_| connection.is_busy);
        if let Some(runtime) = runtime {
            let (other, id) = (self.connect(), connection.conn.id());
            let server = connection.server;
            runtime.spawn(timeout(CANCEL_TIMEOUT, async move {
                let Ok(mut other) = other.await else { return };
                // A balancer may lead to another server, where the number is that of another connection.
                if server_of(&mut other).await.is_ok_and(|it| it == server) {
                    // The connection may have ended already.
                    let _ = other.query_drop(format!("KILL {id}")).await;
                }
                let _ = other.disconnect().await;
            }));
        }
    }
}

/// What distinguishes a server from others behind the same address.
async fn server_of(conn: &mut Conn) -> Result<Option<String>, Error> {
    conn.query_first("SELECT CONCAT_WS(' ', @@hostname, @@port, @@datadir)").await
}

/// One connection.
pub(super) struct MysqlConnection {
    /// The server at the other end.
    server: Option<String>,
    conn: Conn,
    prepared: Prepared,
    /// When it was last used.
    used: Instant,
    /// A transaction has begun and has not been committed or rolled back.
    in_transaction: bool,
    /// Whether a named lock was requested, which lasts as long as the connection.
    has_named_lock: bool,
    /// A statement was sent and has not been answered. Another would wait for it.
    is_busy: bool,
}

impl Connection for MysqlConnection {
    type Row = Row;
    type Error = Error;

    const RETRIES: u32 = 8;

    fn is_fresh(&self) -> bool {
        self.used.elapsed() < MAX_IDLE
    }

    fn release(&mut self) -> bool {
        self.used = Instant::now();
        let is_clean = !self.in_transaction && !self.has_named_lock && !self.is_busy;
        is_clean && !self.conn.is_disconnected()
    }

    async fn close(self) {
        // The server closes it otherwise.
        let _ = self.conn.disconnect().await;
    }

    fn is_busy(&self) -> bool {
        self.is_busy
    }

    fn is_in_transaction(&self) -> bool {
        self.in_transaction
    }

    fn is_migrating(&self) -> bool {
        self.has_named_lock
    }

    async fn begin(&mut self) -> Result<(), Error> {
        self.in_transaction = true;
        self.run(BEGIN).await
    }

    async fn commit(&mut self) -> Result<(), Error> {
        self.run("COMMIT").await?;
        self.in_transaction = false;
        Ok(())
    }

    async fn roll_back(&mut self) -> Result<(), Error> {
        self.run("ROLLBACK").await?;
        self.in_transaction = false;
        Ok(())
    }

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

    async fn rows(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
    ) -> Result<Vec<Row>, Error> {
        if statement.as_str().contains("GET_LOCK(") {
            self.has_named_lock = true;
            self.run(MIGRATION_SESSION).await?;
        }
        self.query(statement, params, usize::MAX).await
    }

    async fn execute(&mut self, statement: &Statement, params: &[Value<'_>]) -> Result<u64, Error> {
        self.is_busy = true;
        let result = self.write(statement, params).await;
        self.is_busy = false;
        match result {
            Ok(()) => Ok(self.conn.affected_rows()),
            // A statement that changes the schema commits at once, so a migration that was
            // interrupted finds its first steps done. No other statement has such an error.
            Err(error) if is_done(&error) => Ok(0),
            Err(error) => Err(error),
        }
    }

    async fn execute_and_commit(
        &mut self,
        writes: &[Write<'_>],
    ) -> Option<Result<(), (usize, Error)>> {
        self.send_last(writes).await
    }
}

impl MysqlConnection {
    /// Runs a statement without parameters or result.
    async fn run(&mut self, sql: &str) -> Result<(), Error> {
        self.is_busy = true;
        let result = self.conn.query_drop(sql).await;
        self.is_busy = false;
        result
    }

    async fn write(&mut self, statement: &Statement, params: &[Value<'_>]) -> Result<(), Error> {
        let prepared = self.prepared.get(&mut self.conn, statement).await?;
        self.conn.exec_drop(prepared, encode_all(params)).await
    }

    async fn read(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
        limit: usize,
    ) -> Result<Vec<Row>, Error> {
        let prepared = self.prepared.get(&mut self.conn, statement).await?;
        let rows = self.conn.exec_iter(prepared, encode_all(params)).await?;
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
