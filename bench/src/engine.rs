//! Database servers, and how they are filled with millions of sessions.
//!
//! Rows are written by statements that generate them, since a transaction for each would take hours.
//! The id of a session is its number, and its stored value the digest that the server computes.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::Result;
use crossauth_core::clock::{Clock as _, SystemClock};
use crossauth_core::storage::Storage;
use crossauth_storage_sql::{mysql, postgres};
use crossauth_testkit::mysql::server as mariadb_server;
use crossauth_testkit::postgres::Server as PostgresServer;

use crate::progress::say;

/// The id of the first user of a generated session.
const FIRST_USER: usize = 10_000_000;

/// How long the sessions last.
const SESSION_TIME: Duration = Duration::from_hours(24);

/// A PostgreSQL server that has all rows in memory.
static POSTGRES: LazyLock<PostgresServer> =
    LazyLock::new(|| PostgresServer::start(&["shared_buffers=6GB", "max_wal_size=8GB"]));

/// A product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Product {
    /// PostgreSQL.
    Postgres,
    /// MariaDB.
    Mariadb,
}

/// An empty database in a server of this process.
pub(crate) struct Engine {
    /// Of which product.
    pub(crate) product: Product,
    /// Its address, as the server takes it.
    pub(crate) address: String,
}

/// How many rows there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Generated users.
    pub(crate) users: usize,
    /// Generated sessions.
    pub(crate) keys: usize,
}

impl Size {
    /// Nothing.
    pub(crate) const EMPTY: Self = Self { users: 0, keys: 0 };

    /// So many keys, and a user for each, but not more than a million.
    pub(crate) fn of(keys: usize) -> Self {
        Self { users: keys.min(1_000_000), keys }
    }
}

impl Product {
    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Mariadb => "MariaDB",
        }
    }

    /// Whether the server is installed.
    pub(crate) fn is_installed(self) -> bool {
        match self {
            Self::Postgres => Path::new("/usr/lib/postgresql").exists(),
            Self::Mariadb => is_program("mariadbd"),
        }
    }
}

/// Whether there is a program with this name.
pub(crate) fn is_program(name: &str) -> bool {
    ["/usr/sbin", "/usr/bin", "/usr/local/bin"].iter().any(|it| Path::new(it).join(name).exists())
}

/// Whether the user of a generated session is active: a few are disabled, to be listed.
pub(crate) fn has_active_user(session: usize) -> bool {
    session % 10_000 != 7
}

/// The id of a generated session.
pub(crate) fn session_id(number: usize) -> String {
    format!("session-{number:014}")
}

impl Engine {
    /// Starts the server, unless it runs, and makes a database in it.
    pub(crate) fn start(product: Product) -> Self {
        let address = match product {
            Product::Postgres => POSTGRES.empty_schema(),
            Product::Mariadb => {
                let address = mariadb_server().empty_database();
                // All rows in memory; what the fixture gives is for small tests.
                let grow = "SET GLOBAL innodb_buffer_pool_size = 6442450944";
                mariadb_server().execute(&address, grow);
                address
            }
        };
        Self { product, address }
    }

    /// Opens our tables in it, with this many connections.
    pub(crate) async fn open(&self, connections: usize) -> Result<Storage> {
        Ok(match self.product {
            Product::Postgres => {
                let options = postgres::Options { connections, ..postgres::Options::default() };
                options.open(&self.address).await?.storage()
            }
            Product::Mariadb => {
                let options = mysql::Options { connections, ..mysql::Options::default() };
                options.open(&self.address).await?.storage()
            }
        })
    }

    /// Its address as a URL, for sqlx.
    pub(crate) fn url(&self) -> String {
        match self.product {
            Product::Mariadb => self.address.clone(),
            Product::Postgres => {
                let value_of = |name: &str| {
                    let (_, rest) = self.address.split_once(name).unwrap_or_default();
                    rest.split([' ', '\'']).next().unwrap_or_default().to_owned()
                };
                let (folder, port) = (value_of("host=").replace('/', "%2F"), value_of("port="));
                let schema = value_of("search_path=");
                format!(
                    "postgres://postgres@localhost:{port}/postgres?host={folder}\
                     &options[search_path]={schema}"
                )
            }
        }
    }

    fn execute(&self, sql: &str) {
        match self.product {
            Product::Postgres => POSTGRES.execute(&self.address, sql),
            Product::Mariadb => mariadb_server().execute(&self.address, sql),
        }
    }

    /// Adds the generated rows from one size to another.
    pub(crate) fn grow(&self, from: Size, to: Size) {
        say!("writing {} sessions and {} users to {}", to.keys, to.users, self.product.name());
        let now = SystemClock.now();
        let times = (now.as_millis(), (now + SESSION_TIME).as_millis());
        match self.product {
            Product::Postgres => self.grow_postgres(from, to, times),
            Product::Mariadb => self.grow_mariadb(from, to, times),
        }
    }

    /// Without indexes, which are made afterwards, and without checking each reference.
    fn grow_postgres(&self, from: Size, to: Size, (now, expires): (i64, i64)) {
        let users = |number: &str| format!("{FIRST_USER} + {number} % {}", to.users);
        let owner = users("number");
        let (first_user, last_user) = (from.users, to.users.saturating_sub(1));
        let (first, last) = (from.keys, to.keys.saturating_sub(1));
        self.execute(&format!(
            "SET session_replication_role = replica;
             SET maintenance_work_mem = '512MB';
             INSERT INTO crossauth_users (id, username, username_normalized, email,
                 email_normalized, state, factor1, factor2, admin)
             SELECT {FIRST_USER} + number, name, name, name || '@example.com',
                 name || '@example.com',
                 CASE number % 10000 WHEN 7 THEN 'disabled' ELSE 'active' END,
                 'localpassword', '', false
             FROM (SELECT number, 'person' || lpad(number::text, 7, '0') AS name
                 FROM generate_series({first_user}, {last_user}) AS number) AS named;
             ALTER TABLE crossauth_keys DROP CONSTRAINT crossauth_keys_pkey;
             DROP INDEX crossauth_keys_by_owner, crossauth_keys_by_expiry;
             INSERT INTO crossauth_keys (value, userid, created, expires, lastactive, data)
             SELECT 's:' || translate(encode(sha256(convert_to(
                     'session-' || lpad(number::text, 14, '0'), 'UTF8')), 'base64'), '+/=', '-_'),
                 {owner}, {now}, {expires} + number % 100000, {now}, ''
             FROM generate_series({first}, {last}) AS number;
             ALTER TABLE crossauth_keys ADD PRIMARY KEY (value);
             CREATE INDEX crossauth_keys_by_owner ON crossauth_keys (userid, created);
             CREATE INDEX crossauth_keys_by_expiry ON crossauth_keys (expires)
                 WHERE expires IS NOT NULL"
        ));
        for table in ["crossauth_users", "crossauth_keys"] {
            self.execute(&format!("VACUUM ANALYZE {table}"));
        }
    }

    /// In the order of the primary key, as far as a batch goes.
    fn grow_mariadb(&self, from: Size, to: Size, (now, expires): (i64, i64)) {
        const BATCH: usize = 500_000;
        let users = to.users;
        let checks = "SET foreign_key_checks = 0, unique_checks = 0, sql_mode = ''";
        if to.users > from.users {
            let (first, last) = (from.users, to.users - 1);
            self.execute(&format!(
                "{checks}; INSERT INTO crossauth_users (id, username, username_normalized, email,
                     email_normalized, state, factor1, factor2, admin)
                 SELECT {FIRST_USER} + number, name, name, CONCAT(name, '@example.com'),
                     CONCAT(name, '@example.com'), IF(number % 10000 = 7, 'disabled', 'active'),
                     'localpassword', '', 0
                 FROM (SELECT seq AS number, CONCAT('person', LPAD(seq, 7, '0')) AS name
                     FROM seq_{first}_to_{last}) AS named"
            ));
        }
        for first in (from.keys..to.keys).step_by(BATCH) {
            let last = (first + BATCH).min(to.keys) - 1;
            self.execute(&format!(
                "{checks}; INSERT INTO crossauth_keys
                     (value, userid, created, expires, lastactive, data)
                 SELECT CONCAT('s:', REPLACE(REPLACE(REPLACE(REPLACE(TO_BASE64(UNHEX(SHA2(CONCAT(
                         'session-', LPAD(seq, 14, '0')), 256))), '+', '-'), '/', '_'), '=', ''),
                         '\\n', '')) AS value,
                     {FIRST_USER} + seq % {users}, {now}, {expires} + seq % 100000, {now}, ''
                 FROM seq_{first}_to_{last} ORDER BY value"
            ));
        }
        self.execute("ANALYZE TABLE crossauth_users, crossauth_keys");
    }
}
