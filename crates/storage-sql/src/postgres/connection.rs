//! Connections, and the prepared statements of each.

mod pipeline;

use std::collections::HashMap;
use std::pin::pin;
use std::time::Duration;

use crossauth_core::storage::StorageError;
use futures_util::TryStreamExt;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, Row};

use super::tls::Tls;
use super::value::Param;
use super::{ConnectError, has_io_source, storage_error};
use crate::database::{BoxFuture, POSTGRES_MIGRATION_LOCK, Statement, Value, Write};
use crate::pool::{Connect, Connection, ServerError};

/// How long a connection is idle before the operating system sends TCP keepalive probes.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long to wait for the server when a statement is cancelled, or a connection opened.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum number of prepared statements per connection.
const MAX_PREPARED: usize = 256;

/// Begins a transaction, in one round trip. What it reads behind a lock is what the last holder of the
/// lock has written, whatever the default of the server, the database or the role. It waits for locks
/// for five seconds, after which the caller gets `Unavailable`; and if this process stands still, the
/// server ends it after half a minute, so that other processes do not wait for its locks. All holds
/// for this transaction only, so that a pooler may give the connection to another program afterwards.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '5s'; \
                     SET LOCAL idle_in_transaction_session_timeout = '30s'";

/// Opens connections to a server.
pub(super) enum Connector {
    /// To that of a URL.
    Server { config: Box<Config>, tls: Tls },
    /// As the application does.
    Application(Box<dyn Fn() -> BoxFuture<'static, Result<Client, ConnectError>> + Send + Sync>),
}

impl Connector {
    pub(super) fn new(mut config: Config, tls: Tls) -> Self {
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("crossauth");
        }
        config.keepalives_idle(KEEPALIVE);
        Self::Server { config: Box::new(config), tls }
    }

    async fn connect(config: &Config, tls: &Tls) -> Result<Client, StorageError> {
        let (client, connection) = config.connect(tls.clone()).await.map_err(|error| {
            // No statement has run, so errors here do not concern rows.
            StorageError::unavailable(super::describe(&error))
        })?;
        // If it ends with an error, the client reports that error, too.
        tokio::spawn(async move { drop(connection.await) });
        Ok(client)
    }
}

impl Connect for Connector {
    type Connection = PostgresConnection;

    async fn open(&self) -> Result<PostgresConnection, StorageError> {
        let client = match self {
            Self::Server { config, tls } => Self::connect(config, tls).await?,
            Self::Application(connect) => connect().await.map_err(StorageError::unavailable)?,
        };
        Ok(PostgresConnection {
            client,
            prepared: HashMap::new(),
            in_transaction: false,
            is_migrating: false,
            is_busy: false,
        })
    }

    fn discard(&self, connection: PostgresConnection) {
        let runtime = tokio::runtime::Handle::try_current().ok().filter(|_| connection.is_busy);
        if let Some(runtime) = runtime {
            let token = connection.client.cancel_token();
            let tls = match self {
                Self::Server { tls, .. } => tls.clone(),
                // Where the application uses TLS, the statement is not cancelled.
                Self::Application(_) => Tls::none(),
            };
            runtime.spawn(timeout(CONNECT_TIMEOUT, async move { token.cancel_query(tls).await }));
        }
    }
}

/// One connection.
pub(super) struct PostgresConnection {
    client: Client,
    prepared: HashMap<Statement, tokio_postgres::Statement>,
    /// A transaction has begun and has not been committed or rolled back.
    in_transaction: bool,
    /// The transaction has locked the schema.
    is_migrating: bool,
    /// A statement was sent and has not been answered. Another would wait for it.
    is_busy: bool,
}

impl Connection for PostgresConnection {
    type Row = Row;
    type Error = Error;

    const RETRIES: u32 = 3;

    fn is_fresh(&self) -> bool {
        !self.client.is_closed()
    }

    fn release(&mut self) -> bool {
        !self.in_transaction && !self.is_busy && !self.client.is_closed()
    }

    async fn close(self) {
        // The client tells the server when it is dropped.
    }

    fn is_busy(&self) -> bool {
        self.is_busy
    }

    fn is_in_transaction(&self) -> bool {
        self.in_transaction
    }

    fn is_migrating(&self) -> bool {
        self.is_migrating
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
        let result = match self.prepare(statement).await {
            Ok(prepared) => self.read(&prepared, params, limit).await,
            Err(error) => Err(error),
        };
        self.is_busy = false;
        self.drop_outdated(statement, result)
    }

    async fn rows(
        &mut self,
        statement: &Statement,
        params: &[Value<'_>],
    ) -> Result<Vec<Row>, Error> {
        self.is_migrating |= statement.as_str().contains(POSTGRES_MIGRATION_LOCK);
        self.query(statement, params, usize::MAX).await
    }

    async fn execute(&mut self, statement: &Statement, params: &[Value<'_>]) -> Result<u64, Error> {
        self.is_busy = true;
        let result = match self.prepare(statement).await {
            Ok(prepared) => self.client.execute_raw(&prepared, params.iter().map(Param)).await,
            Err(error) => Err(error),
        };
        self.is_busy = false;
        self.drop_outdated(statement, result)
    }

    async fn execute_all(&mut self, writes: &[Write<'_>]) -> Result<(), Error> {
        self.is_busy = true;
        let result = self.send_writes(writes).await;
        self.is_busy = false;
        result
    }

    async fn execute_and_commit(
        &mut self,
        writes: &[Write<'_>],
    ) -> Option<Result<(), (usize, Error)>> {
        self.send_writes_and_commit(writes).await
    }

    async fn lock_and_query(
        &mut self,
        begin: bool,
        statements: [&Statement; 2],
        params: &[Value<'_>],
    ) -> Result<[Vec<Row>; 2], Error> {
        // Whatever fails, the transaction may have begun.
        self.in_transaction |= begin;
        self.query_both(begin.then_some(BEGIN), statements, params).await
    }
}

impl PostgresConnection {
    /// Runs a statement without parameters or result.
    async fn run(&mut self, sql: &str) -> Result<(), Error> {
        self.is_busy = true;
        let result = self.client.batch_execute(sql).await;
        self.is_busy = false;
        result
    }

    async fn read(
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

    /// Drops a prepared statement that no longer fits the tables, or that the server does not know.
    fn drop_outdated<T>(
        &mut self,
        statement: &Statement,
        result: Result<T, Error>,
    ) -> Result<T, Error> {
        if let Err(error) = &result
            && let Some(code) = error.code()
            && [SqlState::FEATURE_NOT_SUPPORTED, SqlState::INVALID_SQL_STATEMENT_NAME]
                .contains(code)
        {
            self.prepared.remove(statement);
        }
        result
    }
}

impl ServerError for Error {
    fn is_lost(&self) -> bool {
        // It ends the connection, or does not know a prepared statement: a pooler may have prepared
        // it on another connection.
        let lost = [
            &SqlState::ADMIN_SHUTDOWN,
            &SqlState::CRASH_SHUTDOWN,
            &SqlState::IDLE_SESSION_TIMEOUT,
            &SqlState::INVALID_SQL_STATEMENT_NAME,
        ];
        let has_code = self.code().is_some_and(|code| lost.contains(&code));
        has_code || Error::is_closed(self) || has_io_source(self)
    }

    fn is_retriable(&self) -> bool {
        let retriable = [&SqlState::T_R_SERIALIZATION_FAILURE, &SqlState::T_R_DEADLOCK_DETECTED];
        self.code().is_some_and(|code| retriable.contains(&code))
    }

    fn into_storage_error(self) -> StorageError {
        storage_error(self)
    }
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
    use crate::database::Dialect;

    #[test]
    fn only_migrations_lock_the_schema() {
        let locks = |statement: Option<Statement>| {
            statement.unwrap().as_str().contains(POSTGRES_MIGRATION_LOCK)
        };
        assert!(locks(Dialect::Postgres.lock_schema()));
        assert!(!locks(Dialect::Postgres.advisory_lock()));
        assert!(!locks(Dialect::Postgres.try_lock_purge()));
    }

    #[test]
    fn parameters_are_numbered_outside_of_quotes() {
        assert_eq!(numbered("a = ? AND b = ?"), "a = $1 AND b = $2");
        assert_eq!(numbered("\"why?\" = ? AND b = '?'"), "\"why?\" = $1 AND b = '?'");
        assert_eq!(numbered("\"a\"\"?\" = ?"), "\"a\"\"?\" = $1");
    }
}
