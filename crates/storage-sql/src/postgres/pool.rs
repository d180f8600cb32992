//! The connection pool and the prepared statements of each connection.

mod pipeline;

use std::collections::HashMap;
use std::pin::pin;
use std::time::Duration;

use crossauth_core::storage::StorageError;
use futures_util::TryStreamExt;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, Row};

use super::tls::Tls;
use super::value::Param;
use super::{has_io_source, storage_error};
use crate::database::{Statement, Value};

/// How long to wait for a connection before the caller gets `Unavailable`.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait for the rows of a read-only statement, which the database may delay for a lock,
/// before the caller gets `Unavailable`.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection is idle before the operating system sends TCP keepalive probes.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Maximum number of prepared statements per connection.
const MAX_PREPARED: usize = 256;

/// Provides connections, up to a limit, and opens them on demand.
pub(super) struct Pool {
    config: Config,
    tls: Tls,
    limit: u32,
    free: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    pub(super) fn new(mut config: Config, tls: Tls, limit: usize) -> Self {
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(ACQUIRE_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("crossauth");
        }
        config.keepalives_idle(KEEPALIVE);
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let free = Semaphore::new(limit as usize);
        Self { config, tls, limit, free, idle: Mutex::default() }
    }

    /// Acquires a connection, which returns to the pool when it is dropped.
    pub(super) async fn acquire(&self) -> Result<PooledConnection<'_>, StorageError> {
        let permit = timeout(ACQUIRE_TIMEOUT, self.free.acquire())
            .await
            .map_err(|_| StorageError::unavailable("every connection is in use"))?
            .map_err(|_| StorageError::unavailable("the database is closed"))?;
        let idle = || self.idle.lock().pop();
        let idle = std::iter::from_fn(idle).find(|connection| !connection.client.is_closed());
        let connection = match idle {
            Some(connection) => connection,
            None => self.open().await?,
        };
        Ok(PooledConnection { pool: self, connection: Some(connection), _permit: permit })
    }

    /// Opens a new connection.
    async fn open(&self) -> Result<Connection, StorageError> {
        Connection::open(&self.config, &self.tls).await
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
        self.idle.lock().clear();
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
}

impl Drop for PooledConnection<'_> {
    fn drop(&mut self) {
        match self.connection.take() {
            Some(connection) if connection.is_usable() => self.pool.idle.lock().push(connection),
            Some(connection) => connection.cancel(&self.pool.tls),
            None => {}
        }
    }
}

/// One connection.
pub(super) struct Connection {
    client: Client,
    prepared: HashMap<Statement, tokio_postgres::Statement>,
    /// A transaction has begun and has not been committed or rolled back.
    pub(super) in_transaction: bool,
    /// A statement was sent and has not been answered. Another would wait for it.
    is_busy: bool,
}

impl Connection {
    async fn open(config: &Config, tls: &Tls) -> Result<Self, StorageError> {
        let opened = timeout(ACQUIRE_TIMEOUT, config.connect(tls.clone())).await;
        let opened = opened
            .map_err(|_| StorageError::unavailable("the database server does not respond"))?;
        let (client, connection) = opened.map_err(|error| {
            // No statement has run, so errors here do not concern rows.
            StorageError::unavailable(super::describe(&error))
        })?;
        // If it ends with an error, the client reports that error, too.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { client, prepared: HashMap::new(), in_transaction: false, is_busy: false })
    }

    fn is_usable(&self) -> bool {
        !self.in_transaction && !self.is_busy && !self.client.is_closed()
    }

    /// Asks the server to cancel a statement whose caller has given up, so that it does not go on
    /// after the connection is closed.
    fn cancel(self, tls: &Tls) {
        let runtime = tokio::runtime::Handle::try_current().ok().filter(|_| self.is_busy);
        if let Some(runtime) = runtime {
            let (token, tls) = (self.client.cancel_token(), tls.clone());
            runtime.spawn(timeout(ACQUIRE_TIMEOUT, async move { token.cancel_query(tls).await }));
        }
    }

    /// Runs a statement without parameters or result.
    pub(super) async fn run(&mut self, sql: &str) -> Result<(), Error> {
        self.is_busy = true;
        let result = self.client.batch_execute(sql).await;
        self.is_busy = false;
        result
    }

    /// Runs a statement that changes rows; returns the number of rows.
    pub(super) async fn execute(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
    ) -> Result<u64, Error> {
        self.is_busy = true;
        let result = match self.prepare(statement).await {
            Ok(prepared) => self.client.execute_raw(&prepared, params.iter().map(Param)).await,
            Err(error) => Err(error),
        };
        self.is_busy = false;
        self.drop_outdated(statement, result)
    }

    /// Runs a statement; returns its first `limit` rows.
    pub(super) async fn query(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
        limit: usize,
    ) -> Result<Vec<Row>, Error> {
        self.is_busy = true;
        let result = match self.prepare(statement).await {
            Ok(prepared) => self.rows(&prepared, params, limit).await,
            Err(error) => Err(error),
        };
        self.is_busy = false;
        self.drop_outdated(statement, result)
    }

    async fn rows(
        &self,
        prepared: &tokio_postgres::Statement,
        params: &[Value<'_>],
        limit: usize,
    ) -> Result<Vec<Row>, Error> {
        let rows = self.client.query_raw(prepared, params.iter().map(Param)).await?;
        let mut rows = pin!(rows);
        let mut found = Vec::new();
        // Read to the end: errors of the statement arrive there.
        while let Some(row) = rows.try_next().await? {
            if found.len() < limit {
                found.push(row);
            }
        }
        Ok(found)
    }

    async fn prepare(&mut self, statement: &Statement) -> Result<tokio_postgres::Statement, Error> {
        if let Some(prepared) = self.prepared.get(statement) {
            return Ok(prepared.clone());
        }
        let prepared = self.client.prepare(&numbered(statement.as_str())).await?;
        if self.prepared.len() >= MAX_PREPARED {
            self.prepared.clear();
        }
        self.prepared.insert(statement.clone(), prepared.clone());
        Ok(prepared)
    }

    /// Drops a prepared statement that no longer fits the tables.
    fn drop_outdated<T>(
        &mut self,
        statement: &Statement,
        result: Result<T, Error>,
    ) -> Result<T, Error> {
        if let Err(error) = &result
            && error.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED)
        {
            self.prepared.remove(statement);
        }
        result
    }
}

/// Whether an error says that the server has closed the connection.
pub(super) fn is_lost(error: &Error) -> bool {
    let ends = [&SqlState::ADMIN_SHUTDOWN, &SqlState::CRASH_SHUTDOWN];
    error.is_closed()
        || has_io_source(error)
        || error.code().is_some_and(|code| ends.contains(&code))
}

/// Replaces each `?` by a numbered parameter of PostgreSQL.
fn numbered(text: &str) -> String {
    let mut numbered = String::with_capacity(text.len() + 8);
    let (mut number, mut quote) = (0, None);
    for c in text.chars() {
        match (quote, c) {
            (None, '?') => {
                number += 1;
                numbered.push('$');
                numbered.push_str(&number.to_string());
                continue;
            }
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None | Some(_), _) => {}
        }
        numbered.push(c);
    }
    numbered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbered_outside_of_quotes() {
        assert_eq!(numbered("a = ? AND b = ?"), "a = $1 AND b = $2");
        assert_eq!(numbered("\"why?\" = ? AND b = '?'"), "\"why?\" = $1 AND b = '?'");
        assert_eq!(numbered("\"a\"\"?\" = ?"), "\"a\"\"?\" = $1");
    }
}
