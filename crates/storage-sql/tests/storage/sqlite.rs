//! The stores on SQLite.

mod api_key;
mod conformance;
mod directory;
mod durability;
mod factor;
mod fault;
mod foreign;
mod import;
mod odd_row;
mod opening;
mod transaction;
mod unreadable;

use std::path::PathBuf;

use crossauth_storage_sql::sqlite::{Options, Sqlite};
use crossauth_storage_sql::{OpenError, SqlStorage, TableMap};
use crossauth_testkit::upstream::Engine;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::foreign::Schema;
use crate::opened::{Driver, Opened, driver_tests};

driver_tests!(Sqlite);

const PYCROSSAUTH: Schema = Schema::python(Sqlite::SERIAL, "datetime").minimal();
const CROSSAUTHJS: Schema = Schema::typescript(Sqlite::SERIAL, "", "integer").minimal();

/// A database in a temporary file.
type SqliteFile = Opened<Sqlite>;

impl Driver for Sqlite {
    const ENGINE: Engine = Engine::Sqlite;
    const PYCROSSAUTH: Schema = PYCROSSAUTH;
    const CROSSAUTHJS: Schema = CROSSAUTHJS;
    const SERIAL: &'static str = "integer PRIMARY KEY AUTOINCREMENT";
    const TEXT: &'static str = "text";

    type Place = TempDir;

    fn empty() -> TempDir {
        tempfile::tempdir().unwrap()
    }

    fn execute(directory: &TempDir, statements: &str) {
        Connection::open(file(directory)).unwrap().execute_batch(statements).unwrap();
    }

    async fn open(directory: &TempDir, tables: TableMap) -> Result<SqlStorage<Self>, OpenError> {
        Options { tables, ..Options::default() }.open(file(directory)).await
    }
}

fn file(directory: &TempDir) -> PathBuf {
    directory.path().join("test.db")
}

impl SqliteFile {
    async fn with_readers(readers: usize) -> Self {
        let (place, options) = (Sqlite::empty(), Options { readers, ..Options::default() });
        Self { database: options.open(file(&place)).await.unwrap(), place }
    }

    fn path(&self) -> PathBuf {
        file(&self.place)
    }

    /// A separate connection.
    fn connection(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }
}
