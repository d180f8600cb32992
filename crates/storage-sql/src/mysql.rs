//! The driver of MySQL (8.0.17 or later) and MariaDB (10.6 or later).
//!
//! ```
//! # async fn example() -> Result<(), crossauth_storage_sql::OpenError> {
//! use crossauth_storage_sql::mysql;
//!
//! let database = mysql::open("mysql://app:secret@127.0.0.1/app").await?;
//! # drop(database);
//! # Ok(())
//! # }
//! ```
//!
//! A pool of connections; each caches its prepared statements, and sets everything that it depends
//! on (SQL mode, time zone, isolation level, collation, time limits), so that the settings of the
//! server make no difference. A transaction that the server aborts because of a deadlock or a lock
//! that takes too long is retried.
//!
//! A host that is not this machine is reached with TLS only: its certificate must be valid for the
//! host of the URL and issued by an authority that the operating system trusts, or by one of
//! [`Options::ca`].

mod address;
mod connection;
mod error;
mod value;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossauth_core::secret::Password;
use crossauth_core::storage::StorageError;
use mysql_async::OptsBuilder;

use crate::database::{BoxFuture, Database, Dialect, Row, Statement, Transaction, Value};
use crate::examination::examine;
use crate::import::Source;
use crate::migration::plan;
use crate::open::inspect;
use crate::pool::{Limits, Pool};
use crate::{Examination, MigrationPlan, OpenError, OpenWarning, SqlStorage, TableMap};
use connection::Connector;

/// Opens our schema in the database at `url`, such as `mysql://app:secret@127.0.0.1/app` or
/// `mysql://app@localhost/app?socket=/run/mysqld/mysqld.sock`.
pub async fn open(url: &str) -> Result<SqlStorage<Mysql>, OpenError> {
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
    pub async fn open(self, url: &str) -> Result<SqlStorage<Mysql>, OpenError> {
        let database = self.connect(url, self.connections).await?;
        SqlStorage::open(database, self.tables).await
    }

    /// Opens a database over connections that the application opens, or takes from its own
    /// `mysql_async::Pool`. Our pool keeps up to [`connections`](Self::connections) of them, and calls
    /// `connect` for one more or in the place of one that was lost or idle for long. `ca` and
    /// `password` are not used. The connections must have the option `client_found_rows`. Our pool
    /// changes the settings of their sessions, which the other resets when it gets them back.
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use crossauth_storage_sql::mysql::Options;
    /// use mysql_async::{Opts, OptsBuilder, Pool};
    ///
    /// let opts = Opts::from_url("mysql://app:secret@127.0.0.1/app")?;
    /// let pool = Pool::new(OptsBuilder::from_opts(opts).client_found_rows(true));
    /// let opened = Options::default().open_with(move || {
    ///     let pool = pool.clone();
    ///     async move { Ok(pool.get_conn().await?) }
    /// });
    /// let storage = opened.await?.storage();
    /// # drop(storage);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn open_with<F, C>(self, connect: F) -> Result<SqlStorage<Mysql>, OpenError>
    where
        F: Fn() -> C + Send + Sync + 'static,
        C: Future<Output = Result<mysql_async::Conn, ConnectError>> + Send + 'static,
    {
        let Self { tables, connections, acquire_timeout, statement_timeout, .. } = self;
        let limits = Limits { connections, acquire_timeout, statement_timeout };
        let connector = Connector::Application(Arc::new(move || Box::pin(connect())));
        SqlStorage::open(Mysql(Arc::new(Pool::new(connector, limits))), tables).await
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
        let opts = address::parse(url, self.ca.clone()).await?;
        let place = match opts.socket() {
            Some(socket) => socket.to_owned(),
            None => format!("{}:{}", opts.ip_or_hostname(), opts.tcp_port()),
        };
        let address = format!("mysql://{place}/{}", opts.db_name().unwrap_or_default());
        let read_only = vec!["SET SESSION TRANSACTION READ ONLY"];
        let database = self.pool(OptsBuilder::from_opts(opts).init(read_only), 1);
        Source::new(database, &self.tables, &address).await
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
    async fn connect(&self, url: &str, connections: usize) -> Result<Mysql, OpenError> {
        let opts = address::parse(url, self.ca.clone()).await?;
        Ok(self.pool(OptsBuilder::from_opts(opts), connections))
    }

    fn pool(&self, mut opts: OptsBuilder, connections: usize) -> Mysql {
        let Self { acquire_timeout, statement_timeout, .. } = *self;
        let limits = Limits { connections, acquire_timeout, statement_timeout };
        if let Some(password) = &self.password {
            opts = opts.pass(Some(password.expose()));
        }
        Mysql(Arc::new(Pool::new(Connector::new(opts), limits)))
    }
}

/// A database of MySQL or MariaDB; see [`open`].
#[derive(Clone)]
pub struct Mysql(Arc<Pool<Connector>>);

impl fmt::Debug for Mysql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mysql").finish_non_exhaustive()
    }
}

impl Database for Mysql {
    fn dialect(&self) -> Dialect {
        Dialect::Mysql
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
        // The row is that of no lock. A read-only server refuses to write even what is there.
        let write = Statement::new("UPDATE crossauth_locks SET uses = uses WHERE bucket = -1");
        self.transaction(write, |transaction, write| {
            Box::pin(async move {
                let written = transaction.execute(write, &[]).await;
                written.map(drop).map_err(StorageError::unavailable)
            })
        })
        .await
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

#[cfg(test)]
mod plan;
