//! The stores on PostgreSQL, on a server that the tests start.

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
use crossauth_storage_sql::postgres::{Options, Postgres};
use crossauth_storage_sql::{MigrationPlan, OpenError, SqlStorage, TableMap};
use crossauth_testkit::postgres::server;
use crossauth_testkit::upstream::Engine;

use crate::foreign::Schema;
use crate::opened::{Driver, Opened};
use crate::server::{Server, server_tests};

server_tests!(Postgres);

type PostgresSchema = Opened<Postgres>;

impl Driver for Postgres {
    const ENGINE: Engine = Engine::Postgres;
    const PYCROSSAUTH: Schema = Schema::python(Self::SERIAL, "timestamp");
    const CROSSAUTHJS: Schema = Schema::typescript("uuid PRIMARY KEY", "uuid", "bigint");
    const SERIAL: &'static str = "serial PRIMARY KEY";
    const TEXT: &'static str = "text COLLATE \"C\"";
    const COLLATE: &'static str = "COLLATE \"C\"";

    type Place = String;

    fn empty() -> String {
        server().empty_schema()
    }

    fn execute(address: &String, statements: &str) {
        server().execute(address, statements);
    }

    async fn open(address: &String, tables: TableMap) -> Result<SqlStorage<Self>, OpenError> {
        Options { tables, ..Options::default() }.open(address).await
    }
}

impl Server for Postgres {
    const CONNECTION: &'static str = "pg_backend_pid()";
    const LOCK_PURGE: &'static str = "SELECT 1 WHERE pg_try_advisory_xact_lock(
        7236837140222 + 'crossauth_schema'::regclass::oid::bigint)";
    const LOCK_AUDIT: [&'static str; 2] =
        ["LOCK TABLE crossauth_audit IN ACCESS EXCLUSIVE MODE", "SELECT 1"];

    fn kill(connection: &str) -> String {
        format!("SELECT pg_terminate_backend({connection})")
    }

    fn sleep(seconds: &str) -> String {
        format!("pg_sleep({seconds})")
    }

    fn running(mark: &str) -> Statement {
        Statement::new(format!(
            "SELECT count(*) FROM pg_stat_activity
             WHERE pid <> pg_backend_pid() AND state = 'active' AND query LIKE '%{mark}%'"
        ))
    }

    async fn open_one() -> SqlStorage<Self> {
        let options = Options { connections: 1, ..Options::default() };
        options.open(&Self::empty()).await.unwrap()
    }

    async fn plan(address: &str) -> MigrationPlan {
        Options::default().plan(address).await.unwrap()
    }

    async fn source(address: &str, tables: TableMap) -> Source {
        Options { tables, ..Options::default() }.source(address).await.unwrap()
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
