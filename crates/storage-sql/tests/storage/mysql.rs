//! The stores on MariaDB, on a server that the tests start.

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
use crossauth_storage_sql::mysql::{Mysql, Options};
use crossauth_storage_sql::{SqlStorage, TableMap};
use crossauth_testkit::mysql::server;

/// Stores in a new database.
struct MysqlDatabase {
    database: SqlStorage<Mysql>,
    url: String,
}

impl MysqlDatabase {
    /// Our own tables.
    async fn open() -> Self {
        Self::open_at(server().empty_database(), TableMap::crossauth()).await
    }

    /// Tables created by `ddl`.
    async fn mapped(tables: TableMap, ddl: &str) -> Self {
        let url = server().empty_database();
        server().execute(&url, ddl);
        Self::open_at(url, tables).await
    }

    async fn open_at(url: String, tables: TableMap) -> Self {
        let options = Options { tables, ..Options::default() };
        Self { database: options.open(&url).await.unwrap(), url }
    }

    fn storage(&self) -> Storage {
        self.database.storage()
    }

    fn sql(&self, statements: &str) {
        server().execute(&self.url, statements);
    }
}

/// A user who may connect through TCP, with TLS only, and a database.
struct TcpUser {
    database: String,
    url: String,
}

impl TcpUser {
    fn new() -> Self {
        let url = server().empty_database();
        let name = url.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
        server().execute(
            &url,
            &format!(
                "CREATE USER tcp_{name} IDENTIFIED BY 'correct horse' REQUIRE SSL;
                 GRANT ALL ON {name}.* TO tcp_{name}"
            ),
        );
        Self { database: name, url }
    }

    fn url(&self, host: &str, port: u16) -> String {
        let name = &self.database;
        format!("mysql://tcp_{name}:correct%20horse@{host}:{port}/{name}?require_ssl=true")
    }

    /// Ends all connections.
    fn kill(&self) {
        server().execute(&self.url, &format!("KILL USER tcp_{}", self.database));
    }
}
