//! The SQLite driver.
//!
//! Reads run on the caller's thread, on one of a few connections: a row is found in microseconds,
//! and a change of threads would cost more than that. Transactions run on one thread of their own,
//! which commits those that wait together in one go, so that each is on disk before it is
//! acknowledged and the disk is still asked only once for many.
//!
//! An application cannot have this driver and `sqlx-sqlite` in one build, since both link the C
//! library.

mod connection;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossauth_core::storage::StorageError;
use parking_lot::{Mutex, MutexGuard};
use rusqlite::Connection;

use crate::database::{BoxFuture, Database, Dialect, Row, Statement, Transaction, Value};
use crate::{OpenError, SqlStorage, TableMap};
use writer::Writer;

/// Opens our own schema in a file, which is made if it is missing.
pub async fn open(path: impl AsRef<Path>) -> Result<SqlStorage<Sqlite>, OpenError> {
    Options::default().open(path).await
}

/// Our own schema in memory, gone with the last handle.
pub async fn memory() -> Result<SqlStorage<Sqlite>, OpenError> {
    Options::default().open(MEMORY).await
}

/// What stands for a path where nothing is to be kept.
const MEMORY: &str = ":memory:";

/// How to open a file.
#[derive(Debug, Clone)]
pub struct Options {
    /// What its tables are called and what is in them.
    pub tables: TableMap,
    /// Connections for reading; as many reads run at the same time. At least 1.
    pub readers: usize,
}

impl Default for Options {
    /// Our own schema, and a reader for each processor, at least two.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        Self { tables: TableMap::crossauth(), readers: processors.max(2) }
    }
}

impl Options {
    /// Opens a file, which is made if it is missing, readable by its owner only. The path
    /// `:memory:` opens a database in memory.
    pub async fn open(self, path: impl AsRef<Path>) -> Result<SqlStorage<Sqlite>, OpenError> {
        let (path, readers) = (path.as_ref().to_owned(), self.readers.max(1));
        let open = move || {
            if path.as_os_str() == MEMORY {
                Sqlite::start(connection::memory()?, Vec::new())
            } else {
                Sqlite::open_file(&path, readers)
            }
        };
        let opened = tokio::task::spawn_blocking(open).await;
        let database = opened.map_err(StorageError::unavailable)??;
        SqlStorage::open(database, self.tables).await
    }
}

/// A SQLite database; see [`open`].
#[derive(Clone)]
pub struct Sqlite(Arc<Connections>);

struct Connections {
    /// None for a database in memory, which only the writer can see.
    readers: Vec<Mutex<Connection>>,
    next_reader: AtomicUsize,
    writer: Writer,
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").finish_non_exhaustive()
    }
}

impl Sqlite {
    fn open_file(path: &Path, readers: usize) -> Result<Self, OpenError> {
        connection::create_private(path)
            .map_err(|source| OpenError::File { path: path.to_owned(), source })?;
        let writer = connection::writer(path)?;
        let readers = (0..readers).map(|_| connection::reader(path)).collect::<Result<_, _>>()?;
        Self::start(writer, readers)
    }

    fn start(writer: Connection, readers: Vec<Connection>) -> Result<Self, OpenError> {
        Ok(Self(Arc::new(Connections {
            readers: readers.into_iter().map(Mutex::new).collect(),
            next_reader: AtomicUsize::new(0),
            writer: Writer::start(writer).map_err(StorageError::unavailable)?,
        })))
    }

    /// A connection to read with; waits for one if all are busy. `None` if there are none.
    fn reader(&self) -> Option<MutexGuard<'_, Connection>> {
        let readers = &self.0.readers;
        let start = self.0.next_reader.fetch_add(1, Ordering::Relaxed);
        let ring = || readers.iter().cycle().skip(start % readers.len().max(1)).take(readers.len());
        ring().find_map(Mutex::try_lock).or_else(|| ring().next().map(Mutex::lock))
    }
}

impl Database for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn read(
        &self,
        statement: &Statement,
        params: Vec<Value>,
    ) -> Result<Vec<Row>, StorageError> {
        // Reads never wait, so without this a task that only reads would never let others run.
        tokio::task::consume_budget().await;
        if let Some(connection) = self.reader() {
            return connection::query(&connection, statement, params);
        }
        let statement = statement.clone();
        self.transaction(move |transaction| {
            Box::pin(async move { transaction.query(&statement, params).await })
        })
        .await
    }

    async fn transaction<T, F>(&self, body: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut dyn Transaction) -> BoxFuture<'t, Result<T, StorageError>>
            + Send
            + 'static,
    {
        self.0.writer.run(body).await
    }

    async fn close(&self) {
        self.0.writer.close().await;
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;
    use crate::schema::Schema;
    use crate::session::SessionSql;

    #[tokio::test]
    async fn the_session_check_is_prepared_once() {
        let directory = tempfile::tempdir().unwrap();
        let options = Options { readers: 1, ..Options::default() };
        let storage = options.open(directory.path().join("test.db")).await.unwrap();
        let database = storage.database();
        let schema = Schema::find(database, &TableMap::crossauth()).await.unwrap();
        let find = SessionSql::new(&Arc::new(schema)).find;
        for number in 0..100 {
            let value = Value::Text(format!("s:{number}"));
            database.read(&find, vec![value]).await.unwrap();
        }
        let connection = database.reader().unwrap();
        let statement = connection.prepare_cached(find.as_str()).unwrap();
        assert_eq!(statement.get_status(StatementStatus::Run), 100);
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}
