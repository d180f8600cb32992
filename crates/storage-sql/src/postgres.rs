//! The PostgreSQL driver.
//!
//! ```
//! # async fn example() -> Result<(), crossauth_storage_sql::OpenError> {
//! use crossauth_storage_sql::postgres;
//!
//! let database = postgres::open("postgresql://app@%2Fvar%2Frun%2Fpostgresql/app").await?;
//! # drop(database);
//! # Ok(())
//! # }
//! ```
//!
//! A pool of connections; each caches its prepared statements. A transaction that the database
//! aborts because of a deadlock or a serialization failure is retried up to three times.
//!
//! A host that is not this machine is reached with TLS only: its certificate must be valid for the
//! host of the URL and issued by an authority that the operating system trusts, or by one of
//! [`Options::ca`]. `sslmode` of the URL does not weaken this:
//!
//! | `sslmode` | other machine | loopback interface | UNIX socket |
//! |---|---|---|---|
//! | none, `allow`, `prefer` | TLS | plain | plain |
//! | `require`, `verify-ca`, `verify-full` | TLS | TLS | plain |
//! | `disable` | an error | plain | plain |
//!
//! With TLS, passwords are sent with SCRAM-SHA-256-PLUS if the server offers it;
//! `channel_binding=require` refuses anything else.

mod address;
mod channel_binding;
mod connection;
mod tls;
mod value;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossauth_core::secret::Password;
use crossauth_core::storage::{StorageError, StorageErrorKind};
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, Error};

use crate::database::{BoxFuture, Database, Dialect, Row, Statement, Transaction, Value};
use crate::examination::examine;
use crate::import::Source;
use crate::migration::plan;
use crate::open::inspect;
use crate::pool::{Limits, Pool};
use crate::{Examination, MigrationPlan, OpenError, OpenWarning, SqlStorage, TableMap};
use connection::Connector;

/// Opens our schema in the database at `url`, such as
/// `postgresql://user@%2Fvar%2Frun%2Fpostgresql/app` or `host=127.0.0.1 user=app dbname=app`.
pub async fn open(url: &str) -> Result<SqlStorage<Postgres>, OpenError> {
    Options::default().open(url).await
}

/// Why a connection of the application could not be opened.
pub type ConnectError = Box<dyn std::error::Error + Send + Sync>;

/// How to open a database.
#[derive(Debug, Clone)]
pub struct Options {
    /// The names of tables and columns, and how values are stored.
    pub tables: TableMap,
    /// Maximum number of open connections. At least 1.
    pub connections: usize,
    /// How long a call waits until a connection is free, and how long until a new one is open. Then
    /// it fails with [`Unavailable`](crossauth_core::storage::StorageErrorKind::Unavailable).
    pub acquire_timeout: Duration,
    /// How long a call waits for the result of a read-only statement; twice as long for one of a
    /// transaction, which may have to wait for locks. Then it fails with
    /// [`Unavailable`](crossauth_core::storage::StorageErrorKind::Unavailable), and the server ends
    /// the statement. Migrations may take longer.
    pub statement_timeout: Duration,
    /// A file of PEM certificates of the authorities that may issue the server's certificate.
    /// `None` for those that the operating system trusts.
    pub ca: Option<PathBuf>,
    /// The password, instead of that in the URL.
    pub password: Option<Password>,
}

impl Default for Options {
    /// Our schema, ten connections, five seconds each, and the authorities of the operating system.
    fn default() -> Self {
        let Limits { connections, acquire_timeout, statement_timeout } = Limits::default();
        Self {
            tables: TableMap::crossauth(),
            connections,
            acquire_timeout,
            statement_timeout,
            ca: None,
            password: None,
        }
    }
}

impl Options {
    /// Opens the database at `url`.
    pub async fn open(self, url: &str) -> Result<SqlStorage<Postgres>, OpenError> {
        let database = self.connect(url, self.connections).await?;
        SqlStorage::open(database, self.tables).await
    }

    /// Opens a database over connections that the application opens, such as with its own TLS, through
    /// a tunnel, or with a token for a password. Our pool keeps up to
    /// [`connections`](Self::connections) of them, with the statements that are prepared on each, and
    /// calls `connect` for one more or in the place of one that was lost. `ca` and `password` are not
    /// used. Spawn the other half of `tokio_postgres::Config::connect`. The settings of the session,
    /// such as `search_path`, are the application's.
    ///
    /// ```
    /// # async fn example() -> Result<(), crossauth_storage_sql::OpenError> {
    /// use crossauth_storage_sql::postgres::Options;
    ///
    /// let opened = Options::default().open_with(|| async {
    ///     let url = "host=/var/run/postgresql user=app";
    ///     let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    ///     tokio::spawn(connection);
    ///     Ok(client)
    /// });
    /// let storage = opened.await?.storage();
    /// # drop(storage);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn open_with<F, C>(self, connect: F) -> Result<SqlStorage<Postgres>, OpenError>
    where
        F: Fn() -> C + Send + Sync + 'static,
        C: Future<Output = Result<tokio_postgres::Client, ConnectError>> + Send + 'static,
    {
        let Self { tables, connections, acquire_timeout, statement_timeout, .. } = self;
        let limits = Limits { connections, acquire_timeout, statement_timeout };
        let connector = Connector::Application(Box::new(move || Box::pin(connect())));
        SqlStorage::open(Postgres(Arc::new(Pool::new(connector, limits))), tables).await
    }

    /// Connects to the database at `url` and looks at its tables without changing them. Fails as
    /// [`open`](Self::open) would.
    pub async fn inspect(self, url: &str) -> Result<Vec<OpenWarning>, OpenError> {
        let database = self.connect(url, 1).await?;
        let found = inspect(&database, &self.tables).await;
        database.close().await;
        found
    }

    /// Opens a database of upstream as the source of an import. It is only read.
    pub async fn source(self, url: &str) -> Result<Source, OpenError> {
        let (mut config, tls) = address::parse(url, self.ca.clone()).await?;
        let given = config.get_options().unwrap_or_default().to_owned();
        config.options(format!("{given} -c default_transaction_read_only=on"));
        let host = config.get_hosts().first().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        });
        let (host, port) = (host.unwrap_or_default(), config.get_ports().first().unwrap_or(&5432));
        let name = config.get_dbname().or(config.get_user()).unwrap_or_default();
        let address = format!("postgres://{host}:{port}/{name} {}", given.trim());
        let database = self.pool(config, tls, 1);
        Source::new(database, &self.tables, address.trim_end()).await
    }

    /// What opening the database at `url` would change in its schema. Changes nothing. Fails as
    /// [`open`](Self::open) would, as far as that can be seen.
    pub async fn plan(self, url: &str) -> Result<MigrationPlan, OpenError> {
        let database = self.connect(url, 1).await?;
        let planned = plan(&database, &self.tables).await;
        database.close().await;
        planned
    }

    /// Connects to the database at `url` and returns the version of its server, settings that make
    /// trouble, and rights that the user lacks. Writes nothing.
    pub async fn examine(self, url: &str) -> Result<Examination, OpenError> {
        let database = self.connect(url, 1).await?;
        let found = examine(&database, &self.tables).await;
        database.close().await;
        found
    }

    /// Checks the URL and the other options without connecting.
    pub async fn check(self, url: &str) -> Result<(), OpenError> {
        self.connect(url, 1).await.map(drop)
    }

    /// A pool, which connects to nothing yet.
    async fn connect(&self, url: &str, connections: usize) -> Result<Postgres, OpenError> {
        let (config, tls) = address::parse(url, self.ca.clone()).await?;
        Ok(self.pool(config, tls, connections))
    }

    fn pool(&self, mut config: Config, tls: tls::Tls, connections: usize) -> Postgres {
        let Self { acquire_timeout, statement_timeout, .. } = *self;
        let limits = Limits { connections, acquire_timeout, statement_timeout };
        if let Some(password) = &self.password {
            config.password(password.expose());
        }
        Postgres(Arc::new(Pool::new(Connector::new(config, tls), limits)))
    }
}

/// A PostgreSQL database; see [`open`].
#[derive(Clone)]
pub struct Postgres(Arc<Pool<Connector>>);

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

impl Database for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn find<T, F>(
        &self,
        statement: &Statement,
        params: &[Value<'_>],
        decode: F,
    ) -> Result<Option<T>, StorageError>
    where
        T: Send,
        F: FnOnce(&dyn Row) -> Result<T, StorageError> + Send,
    {
        self.0.find(statement, params, decode).await
    }

    async fn scan<T, F>(
        &self,
        statement: &Statement,
        params: &[Value<'_>],
        decode: F,
    ) -> Result<Vec<T>, StorageError>
    where
        T: Send + 'static,
        F: FnMut(&dyn Row) -> T + Send + 'static,
    {
        self.0.scan(statement, params, decode).await
    }

    async fn transaction<I, T, F>(&self, input: I, body: F) -> Result<T, StorageError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'t> Fn(&'t mut dyn Transaction, &'t I) -> BoxFuture<'t, Result<T, StorageError>>
            + Send
            + Sync
            + 'static,
    {
        self.0.transaction(input, body).await
    }

    async fn ping(&self) -> Result<(), StorageError> {
        // Assigning a transaction id is a write, and fails on a read-only server.
        let write = "SELECT txid_current(), current_setting('transaction_read_only') = 'on'";
        let write = Statement::new(write);
        self.transaction(write, |transaction, write| {
            Box::pin(async move {
                let decode = |row: &dyn Row| Ok(row.value(1)? == Value::Bool(true));
                match transaction.find(write, &[], decode).await? {
                    Some(false) => Ok(()),
                    _ => Err(StorageError::unavailable("the database is read-only")),
                }
            })
        })
        .await
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

/// Classifies an error of PostgreSQL.
#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` takes")]
fn storage_error(error: Error) -> StorageError {
    let kind = match error.code() {
        Some(code) if *code == SqlState::UNIQUE_VIOLATION => StorageErrorKind::Conflict,
        Some(code) if is_outage(code.code()) => StorageErrorKind::Unavailable,
        None if error.is_closed() || has_io_source(&error) => StorageErrorKind::Unavailable,
        Some(_) | None => StorageErrorKind::Corrupt,
    };
    StorageError { kind, source: describe(&error).into() }
}

/// Whether an SQLSTATE code means that the same statement may succeed later.
fn is_outage(code: &str) -> bool {
    // Connection, authorization, rollback, resources, not in the right state, operator
    // intervention, system error.
    const CLASSES: [&str; 7] = ["08", "28", "40", "53", "55", "57", "58"];
    const READ_ONLY: &str = "25006";
    const MISSING_RIGHT: &str = "42501";
    [READ_ONLY, MISSING_RIGHT].contains(&code)
        || CLASSES.iter().any(|class| code.starts_with(class))
}

fn has_io_source(error: &Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.is::<std::io::Error>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// The message of an error. Leaves out the server's detail, which quotes values of the row.
fn describe(error: &Error) -> String {
    match error.as_db_error() {
        Some(error) => format!("{} (SQLSTATE {})", error.message(), error.code().code()),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

#[cfg(test)]
mod plan;
