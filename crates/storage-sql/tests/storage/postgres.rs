//! The stores on PostgreSQL, on a server that the tests start.

mod audit;
mod conformance;
mod expiry;
mod foreign;
mod import;
mod mapped;
mod opening;
mod purge;
mod reconnect;
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

/// Creates a user who may connect through TCP, with a schema of the same name.
fn tcp_user(name: &str) {
    server().execute(
        &server().empty_schema(),
        &format!(
            "CREATE USER {name} PASSWORD 'correct horse'; CREATE SCHEMA {name} AUTHORIZATION {name}"
        ),
    );
}

/// The URL for a user from [`tcp_user`].
fn tcp_url(name: &str, host: &str, port: u16, parameters: &str) -> String {
    format!("postgres://{name}:correct%20horse@{host}:{port}/postgres?{parameters}")
}
