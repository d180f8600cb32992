//! The SQLite driver.
//!
//! ```
//! # async fn example() -> Result<(), crossauth_storage_sql::OpenError> {
//! use crossauth_storage_sql::sqlite;
//!
//! let database = sqlite::open("app.db").await?;
//! let other = sqlite::Options { readers: 2, ..Default::default() }.open("other.db").await?;
//! # drop((database, other));
//! # Ok(())
//! # }
//! ```
//!
//! Look-ups of single rows run on the caller's thread, on one of a few connections: they take
//! microseconds, less than switching threads. Longer reads run on a thread for blocking work.
//! Transactions run on one dedicated thread, which commits all waiting transactions together: each
//! is on disk before it is acknowledged, and many share one flush.
//!
//! An application cannot have this driver and `sqlx-sqlite` in one build, since both link the C
//! library.

mod connection;
mod file;
mod unlocked;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossauth_core::storage::StorageError;
use parking_lot::{Mutex, MutexGuard};
use rusqlite::Connection;

use crate::database::{BoxFuture, Database, Dialect, Row, Statement, Transaction, Value};
use crate::import::Source;
use crate::migration::plan;
use crate::open::inspect;
use crate::time_encoding::Times;
use crate::{MigrationPlan, OpenError, OpenWarning, SqlStorage, TableMap};
use file::OpenFiles;
pub(crate) use unlocked::UnlockedFile;
use writer::Writer;

/// Opens our schema in a file, which is created if it is missing.
pub async fn open(path: impl AsRef<Path>) -> Result<SqlStorage<Sqlite>, OpenError> {
    Options::default().open(path).await
}

/// Opens our schema in an in-memory database, which is dropped with the last handle.
pub async fn memory() -> Result<SqlStorage<Sqlite>, OpenError> {
    Options::default().open(MEMORY).await
}

/// Opens our schema in a file without a name, which is deleted when the last handle is dropped, or the
/// process ends in any way. It is not written to disk before it exceeds some megabytes.
pub async fn temporary() -> Result<SqlStorage<Sqlite>, OpenError> {
    let options = Options::default();
    let times = Times::new(options.tables.times, None)?;
    let opened = tokio::task::spawn_blocking(move || Sqlite::open_unnamed("", &times)).await;
    SqlStorage::open(opened.map_err(StorageError::unavailable)??, options.tables).await
}

/// The path of an in-memory database.
const MEMORY: &str = ":memory:";

/// How to open a file.
#[derive(Debug, Clone)]
pub struct Options {
    /// The names of tables and columns, and how values are stored.
    pub tables: TableMap,
    /// Number of connections for reading, which is how many reads run concurrently. At least 1.
    pub readers: usize,
}

impl Default for Options {
    /// Our schema, and one reader per processor, at least two.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        Self { tables: TableMap::crossauth(), readers: processors.max(2) }
    }
}

impl Options {
    /// Opens a file, which is created if it is missing, readable by its owner only. The path
    /// `:memory:` opens an in-memory database.
    pub async fn open(self, path: impl AsRef<Path>) -> Result<SqlStorage<Sqlite>, OpenError> {
        let (path, readers) = (path.as_ref().to_owned(), self.readers.max(1));
        let times = Times::new(self.tables.times, self.tables.time_zone.as_deref())?;
        let open = move || {
            if path.as_os_str() == MEMORY {
                Sqlite::open_unnamed(MEMORY, &times)
            } else {
                Sqlite::open_file(&path, readers, &times)
            }
        };
        let opened = tokio::task::spawn_blocking(open).await;
        let database = opened.map_err(StorageError::unavailable)??;
        SqlStorage::open(database, self.tables).await
    }

    /// Looks at the tables of a file that exists, without changing or creating anything. Fails as
    /// [`open`](Self::open) would.
    pub async fn inspect(self, path: impl AsRef<Path>) -> Result<Vec<OpenWarning>, OpenError> {
        let database = self.open_inspector(path.as_ref()).await?;
        let found = inspect(&database, &self.tables).await;
        database.close().await;
        found
    }

    /// What opening a file that exists would change in its schema. Changes and creates nothing.
    /// Fails as [`open`](Self::open) would.
    pub async fn plan(self, path: impl AsRef<Path>) -> Result<MigrationPlan, OpenError> {
        let database = self.open_inspector(path.as_ref()).await?;
        let planned = plan(&database, &self.tables).await;
        database.close().await;
        planned
    }

    /// Opens a file of upstream as the source of an import. It is only read.
    pub async fn source(self, path: impl AsRef<Path>) -> Result<Source, OpenError> {
        let path = path.as_ref();
        let resolved = path.canonicalize();
        let resolved =
            resolved.map_err(|source| OpenError::File { path: path.to_owned(), source })?;
        let unlocked = (!connection::needs_locks(&resolved)).then(|| UnlockedFile::new(&resolved));
        let database = self.open_inspector(&resolved).await?;
        let source = Source::new(database, &self.tables, &resolved.display().to_string()).await?;
        Ok(source.of_file(unlocked))
    }

    /// Opens a file only to read it.
    async fn open_inspector(&self, path: &Path) -> Result<Sqlite, OpenError> {
        let path = path.to_owned();
        let times = Times::new(self.tables.times, self.tables.time_zone.as_deref())?;
        let open = move || {
            let connection = share(connection::inspector(&path, &times)?);
            let readers = vec![Arc::clone(&connection)];
            Sqlite::start(Arc::clone(&connection), readers, connection, OpenFiles::default())
        };
        tokio::task::spawn_blocking(open).await.map_err(StorageError::unavailable)?
    }
}

/// A SQLite database; see [`open`].
#[derive(Clone)]
pub struct Sqlite(Arc<Connections>);

/// A connection behind its lock.
type Shared = Arc<Mutex<Connection>>;

struct Connections {
    /// For look-ups of single rows, on the caller's thread.
    readers: Vec<Shared>,
    /// For longer reads. Separate, so that look-ups do not wait for them.
    scanner: Shared,
    writer: Writer,
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").finish_non_exhaustive()
    }
}

impl Sqlite {
    fn open_file(path: &Path, readers: usize, times: &Times) -> Result<Self, OpenError> {
        let file_error = |source| OpenError::File { path: path.to_owned(), source };
        file::create_private(path).map_err(file_error)?;
        let writer = connection::writer(path, times)?;
        let files = OpenFiles::of(path).map_err(file_error)?;
        let reader = || connection::reader(path, times).map(share);
        let readers = (0..readers).map(|_| reader()).collect::<Result<_, _>>()?;
        Self::start(share(writer), readers, reader()?, files)
    }

    /// Opens a database without a file name, by one connection.
    fn open_unnamed(path: &str, times: &Times) -> Result<Self, OpenError> {
        let connection = share(connection::unnamed(path, times)?);
        let (writer, readers) = (Arc::clone(&connection), vec![Arc::clone(&connection)]);
        Self::start(writer, readers, connection, OpenFiles::default())
    }

    fn start(
        writer: Shared,
        readers: Vec<Shared>,
        scanner: Shared,
        files: OpenFiles,
    ) -> Result<Self, OpenError> {
        let writer = Writer::start(writer, files).map_err(StorageError::unavailable)?;
        Ok(Self(Arc::new(Connections { readers, scanner, writer })))
    }

    /// A connection for a look-up: the first that is free, or else this thread's.
    ///
    /// The first has the pages that were read most recently in its cache. If each thread preferred
    /// another one, each would read and keep the same pages.
    fn reader(&self) -> Option<MutexGuard<'_, Connection>> {
        let readers = &self.0.readers;
        let free = readers.iter().find_map(|reader| reader.try_lock());
        free.or_else(|| {
            let own = THREAD.with(|thread| *thread) % readers.len().max(1);
            readers.get(own).map(|reader| reader.lock())
        })
    }
}

fn share(connection: Connection) -> Shared {
    Arc::new(Mutex::new(connection))
}

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The number of this thread: threads that must wait do not all wait for one connection.
    static THREAD: usize = THREADS.fetch_add(1, Ordering::Relaxed);
}

impl Database for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
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
        // Reads never return `Pending`, so without this a task that only reads would starve others.
        tokio::task::consume_budget().await;
        let reader = self.reader();
        let reader = reader.ok_or_else(|| StorageError::bug("there is no reader connection"))?;
        connection::find(&reader, statement, params, decode)
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
        let (scanner, statement) = (Arc::clone(&self.0.scanner), statement.clone());
        let params: Vec<_> = params.iter().cloned().map(Value::into_owned).collect();
        let scan = move || connection::scan(&scanner.lock(), &statement, &params, decode);
        tokio::task::spawn_blocking(scan).await.map_err(StorageError::unavailable)?
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
        self.0.writer.run(input, body).await
    }

    async fn ping(&self) -> Result<(), StorageError> {
        self.transaction((), |transaction, ()| Box::pin(connection::probe(transaction))).await
    }

    async fn close(&self) {
        self.0.writer.close().await;
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use crossauth_core::storage::{UserPosition, UserQuery};
    use crossauth_core::user::UserState;

    use super::*;
    use crate::attempt::AttemptSql;
    use crate::audit::AuditSql;
    use crate::key::KeySql;
    use crate::outbox::OutboxSql;
    use crate::schema::Schema;
    use crate::session::SessionSql;
    use crate::user::{UserSql, page};
    use crate::uses::UsesSql;

    #[tokio::test]
    async fn session_check_is_prepared_once() {
        let directory = tempfile::tempdir().unwrap();
        let options = Options { readers: 1, ..Options::default() };
        let storage = options.open(directory.path().join("test.db")).await.unwrap();
        let database = storage.database();
        let schema = Schema::find(database, &TableMap::crossauth()).await.unwrap();
        let find = SessionSql::new(&Arc::new(schema)).find;
        for number in 0..100 {
            let value = [Value::text(format!("s:{number}"))];
            database.find(&find, &value, |_| Ok(())).await.unwrap();
        }
        let connection = database.reader().unwrap();
        let statement = connection.prepare_cached(find.as_str()).unwrap();
        assert_eq!(statement.get_status(StatementStatus::Run), 100);
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }

    #[tokio::test]
    async fn look_ups_of_all_threads_use_one_connection_while_it_is_free() {
        let directory = tempfile::tempdir().unwrap();
        let options = Options { readers: 3, ..Options::default() };
        let storage = options.open(directory.path().join("test.db")).await.unwrap();
        let database = storage.database();
        let address = |reader: &Connection| std::ptr::from_ref(reader).addr();
        let elsewhere = || {
            let look_up = || address(&database.reader().unwrap());
            std::thread::scope(|scope| scope.spawn(look_up).join().unwrap())
        };
        let first = address(&database.reader().unwrap());
        assert_eq!([elsewhere(), elsewhere(), elsewhere()], [first; 3]);
        let held = database.reader().unwrap();
        assert_eq!(address(&held), first);
        assert_ne!(elsewhere(), first);
    }

    #[tokio::test]
    async fn every_statement_except_lists_uses_an_index() {
        let storage = memory().await.unwrap();
        let schema = Schema::find(storage.database(), &TableMap::crossauth()).await.unwrap();
        let schema = Arc::new(schema);
        let connection = storage.database().reader().unwrap();
        let mut statements = SessionSql::new(&schema).look_ups();
        statements.extend(UserSql::new(Arc::clone(&schema)).of_single_rows());
        statements.extend(OutboxSql::new(&schema).all());
        statements.extend(AttemptSql::new(Dialect::Sqlite).all());
        statements.extend(AuditSql::new(&schema).all());
        statements.extend(UsesSql::new(Dialect::Sqlite).all());
        let keys = KeySql::new(schema);
        statements.extend(keys.all());
        for statement in &statements {
            let plan = plan(&connection, statement);
            assert!(plan.contains("SEARCH") && !plan.contains("SCAN crossauth"), "{plan}");
        }
        // Not the index on the owner: most keys may have none.
        let list = &keys.list_anonymous;
        for statement in [&keys.revoke_anonymous, &list.first, &list.after] {
            let plan = plan(&connection, statement);
            assert!(plan.contains("USING PRIMARY KEY (value>? AND value<?)"), "{plan}");
        }
    }

    #[tokio::test]
    async fn pages_of_users_are_found_by_an_index() {
        let storage = memory().await.unwrap();
        let schema = Schema::find(storage.database(), &TableMap::crossauth()).await.unwrap();
        let connection = storage.database().reader().unwrap();
        let (first, after) = (UserPosition::First, UserPosition::After("bob"));
        let before = UserPosition::Before("bob");
        let positions = [first, UserPosition::Last, after, before, UserPosition::Skip(9)];
        for position in positions {
            for state in [None, Some(UserState::Active)] {
                let all = UserQuery { state, position, ..UserQuery::first(9) };
                let listed = plan(&connection, &page(&schema, &all).0);
                assert!(listed.contains("INDEX") && !listed.contains("TEMP"), "{listed}");
                // Of the users that a search has found, all others are of no interest.
                let found = UserQuery { search: Some("b"), ..all };
                let found = plan(&connection, &page(&schema, &found).0);
                let rows = "SEARCH u USING INTEGER PRIMARY KEY";
                assert!(found.contains(rows) && !found.contains("SCAN n;"), "{found}");
            }
        }
    }

    fn plan(connection: &Connection, statement: &Statement) -> String {
        let sql = format!("EXPLAIN QUERY PLAN {}", statement.as_str());
        let mut explained = connection.prepare(&sql).unwrap();
        let nulls = vec![rusqlite::types::Null; explained.parameter_count()];
        let rows =
            explained.query_map(rusqlite::params_from_iter(nulls), |row| row.get(3)).unwrap();
        let steps: Vec<String> = rows.map(Result::unwrap).collect();
        format!("{sql}: {}", steps.join("; "))
    }
}
