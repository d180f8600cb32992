//! The stores on MariaDB, on a server that the tests start.

mod conformance;
mod expiry;
mod foreign;
mod opening;
mod reconnect;
mod round_trip;
mod tls;
mod transaction;

use crossauth_storage_sql::database::Statement;
use crossauth_storage_sql::import::Source;
use crossauth_storage_sql::mysql::{Mysql, Options};
use crossauth_storage_sql::{MigrationPlan, OpenError, SqlStorage, TableMap};
use crossauth_testkit::mysql::server;
use crossauth_testkit::upstream::Engine;

use crate::foreign::Schema;
use crate::opened::{Driver, Opened};
use crate::server::{Server, server_tests};

server_tests!(Mysql);

type MysqlDatabase = Opened<Mysql>;

impl Driver for Mysql {
    const ENGINE: Engine = Engine::Mysql;
    const PYCROSSAUTH: Schema = Schema::python(Self::SERIAL, "datetime(6)");
    const CROSSAUTHJS: Schema = Schema::typescript("uuid PRIMARY KEY", "uuid", "bigint");
    const SERIAL: &'static str = "integer AUTO_INCREMENT PRIMARY KEY";
    const TEXT: &'static str = "varchar(255) COLLATE utf8mb4_nopad_bin";
    const TABLE_OPTIONS: &'static str = "DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci";

    type Place = String;

    fn empty() -> String {
        server().empty_database()
    }

    fn execute(url: &String, statements: &str) {
        server().execute(url, statements);
    }

    async fn open(url: &String, tables: TableMap) -> Result<SqlStorage<Self>, OpenError> {
        Options { tables, ..Options::default() }.open(url).await
    }
}

impl Server for Mysql {
    const CONNECTION: &'static str = "CONNECTION_ID()";
    const LOCK_PURGE: &'static str = "SELECT 1 FROM crossauth_schema WHERE tables = 'protection' \
         AND version = 1 FOR UPDATE";
    const LOCK_AUDIT: [&'static str; 2] = ["LOCK TABLES crossauth_audit WRITE", "UNLOCK TABLES"];

    fn kill(connection: &str) -> String {
        format!("KILL {connection}")
    }

    fn sleep(seconds: &str) -> String {
        format!("SLEEP({seconds})")
    }

    fn running(mark: &str) -> Statement {
        Statement::new(format!(
            "SELECT COUNT(*) FROM information_schema.processlist \
             WHERE id <> CONNECTION_ID() AND info LIKE '%{mark}%'"
        ))
    }

    async fn open_one() -> SqlStorage<Self> {
        let options = Options { connections: 1, ..Options::default() };
        options.open(&Self::empty()).await.unwrap()
    }

    async fn plan(url: &str) -> MigrationPlan {
        Options::default().plan(url).await.unwrap()
    }

    async fn source(url: &str, tables: TableMap) -> Source {
        Options { tables, ..Options::default() }.source(url).await.unwrap()
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
