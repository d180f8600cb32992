//! The stores on PostgreSQL, on a server that the tests start.

mod audit;
mod conformance;
mod foreign;
mod opening;
mod purge;
mod round_trip;
mod tls;
mod transaction;
mod unreadable;
mod upstream;

use crossauth_core::storage::Storage;
use crossauth_storage_sql::postgres::{Options, Postgres};
use crossauth_storage_sql::{SqlStorage, TableMap};
use crossauth_testkit::postgres::server;

/// Stores in a new schema.
struct PostgresSchema {
    database: SqlStorage<Postgres>,
    address: String,
}

impl PostgresSchema {
    /// Our own tables.
    async fn open() -> Self {
        Self::open_at(server().empty_schema(), TableMap::crossauth()).await
    }

    /// Tables created by `ddl`.
    async fn mapped(tables: TableMap, ddl: &str) -> Self {
        let address = server().empty_schema();
        server().execute(&address, ddl);
        Self::open_at(address, tables).await
    }

    async fn open_at(address: String, tables: TableMap) -> Self {
        let options = Options { tables, ..Options::default() };
        Self { database: options.open(&address).await.unwrap(), address }
    }

    fn storage(&self) -> Storage {
        self.database.storage()
    }

    fn sql(&self, statements: &str) {
        server().execute(&self.address, statements);
    }
}
