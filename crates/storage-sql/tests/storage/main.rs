//! The stores on each database.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod audit;
mod counter;
mod created;
mod driver;
mod expiry;
mod foreign;
mod guide;
mod import;
mod mapped;
mod mysql;
mod opened;
mod opening;
mod postgres;
mod proxy;
mod purge;
mod reconnect;
mod server;
mod sqlite;
mod transaction;
mod unreadable;
mod upstream;
