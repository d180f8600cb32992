//! The stores on SQLite.

mod api_key;
mod audit;
mod conformance;
mod durability;
mod expiry;
mod factor;
mod fault;
mod foreign;
mod odd_row;
mod opening;
mod transaction;
mod unreadable;
mod upstream;

use crossauth_core::storage::Storage;
use crossauth_storage_sql::SqlStorage;
use crossauth_storage_sql::sqlite::{Options, Sqlite};
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

    fn storage(&self) -> Storage {
        self.database.storage()
    }
}
