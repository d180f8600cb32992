//! SQL storage for Crossauth, with one thin driver for each database.
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let database = crossauth_storage_sql::sqlite::open("app.db").await?;
//! let storage = database.storage();
//! # Ok(())
//! # }
//! ```
//!
//! The stores are written once, over the port in [`database`]. To add a driver, implement
//! [`Database`](database::Database) and [`Transaction`](database::Transaction), add what differs in
//! its SQL to [`Dialect`](database::Dialect), and run the conformance suites of
//! `crossauth-testkit` on it.
//!
//! [`TableMap`] opens databases that another Crossauth filled.
#![cfg_attr(all(doctest, feature = "sqlite"), doc = include_str!("../../../docs/explanation/storage.md"))]

mod column;

pub mod database;
mod extra;
mod key;
mod migration;
mod open;
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
mod uuid;

pub use open::{OpenError, OpenWarning, SqlStorage};
pub use table_map::{KeyTable, Management, SecretsTable, TableMap, UserTable};
pub use time_encoding::TimeEncoding;
#[doc(hidden)]
pub use time_encoding::decode_time;
