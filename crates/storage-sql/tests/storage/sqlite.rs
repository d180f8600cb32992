//! The stores on SQLite.

mod api_key;
mod audit;
mod conformance;
mod durability;
mod expiry;
mod factor;
mod fault;
mod foreign;
mod import;
mod mapped;
mod odd_row;
mod opening;
mod transaction;
mod unreadable;
mod upstream;

use crossauth_core::storage::Storage;
use crossauth_storage_sql::sqlite::{Options, Sqlite};
use crossauth_storage_sql::{SqlStorage, TableMap};
use rusqlite::Connection;
use tempfile::TempDir;

/// A database in a temporary file.
struct SqliteFile {
    database: SqlStorage<Sqlite>,
    directory: TempDir,
}

impl SqliteFile {
    async fn open(options: Options) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = options.open(directory.path().join("test.db")).await.unwrap();
        Self { database, directory }
    }

    /// Tables created by `ddl`.
    async fn mapped(tables: TableMap, ddl: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.db");
        Connection::open(&path).unwrap().execute_batch(ddl).unwrap();
        let options = Options { tables, ..Options::default() };
        Self { database: options.open(path).await.unwrap(), directory }
    }

    fn storage(&self) -> Storage {
        self.database.storage()
    }
}
