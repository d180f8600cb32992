//! SQL storage for Crossauth, with one thin driver per database: SQLite (feature `sqlite`, enabled
//! by default), PostgreSQL (feature `postgres`), and MySQL and MariaDB (feature `mysql`).
//!
//! ```
//! # #[cfg(all(feature = "sqlite", feature = "postgres"))]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let database = crossauth_storage_sql::sqlite::open("app.db").await?;
//! let storage = database.storage();
//!
//! let database = crossauth_storage_sql::postgres::open("postgresql://app@localhost/app").await?;
//! let storage = database.storage();
//! # Ok(())
//! # }
//! ```
//!
//! Opening a database creates or migrates our tables. Their names begin with `crossauth_`, so an
//! application can have its tables in the same database.
//!
//! # Existing databases
//!
//! A [`TableMap`] opens a database of the Python or TypeScript Crossauth, or any other with tables
//! of users, secrets and keys:
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use crossauth_storage_sql::{TableMap, UserTable, sqlite};
//!
//! let users = UserTable { username: "login".into(), ..UserTable::named("accounts") };
//! let time_zone = Some("Europe/Vienna".into());
//! let tables = TableMap { users, time_zone, ..TableMap::pycrossauth() };
//! let database = sqlite::Options { tables, ..Default::default() }.open("app.db").await?;
//! for warning in database.warnings() {
//!     eprintln!("{warning}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Drivers
//!
//! The stores are written once, over the port in [`database`]. To add one more database:
//!
//! 1. Implement [`Database`](database::Database) and [`Transaction`](database::Transaction).
//! 2. Add a variant to [`Dialect`](database::Dialect); the compiler lists the places where its SQL
//!    may differ.
//! 3. Run the conformance suites of `crossauth-testkit` on it.
#![cfg_attr(
    all(doctest, feature = "mysql", feature = "postgres", feature = "sqlite"),
    doc = include_str!("../../../docs/explanation/storage.md")
)]

mod attempt;
mod audit;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod authority;
mod column;
mod columns;

pub mod database;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod examination;
mod extra;
pub mod import;
mod in_transaction;
mod key;
mod migration;
#[cfg(feature = "mysql")]
pub mod mysql;
mod open;
mod outbox;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod pool;
#[cfg(feature = "postgres")]
pub mod postgres;
mod record;
mod schema;
mod session;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod table_map;
mod time_encoding;
mod user;
mod uses;
mod uuid;

#[cfg(any(feature = "mysql", feature = "postgres"))]
pub use examination::{Examination, ServerProblem};
pub use in_transaction::InTransaction;
pub use migration::{GroupPlan, MigrationPlan};
pub use open::{OpenError, OpenWarning, SqlStorage};
pub use record::UserTable;
pub use table_map::{KeyTable, Management, SecretsTable, TableMap};
pub use time_encoding::TimeEncoding;
#[doc(hidden)]
pub use time_encoding::decode_time;
