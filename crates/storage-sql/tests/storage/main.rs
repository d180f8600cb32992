//! The stores on each database.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod audit;
mod counter;
mod created;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod driver;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod expiry;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod guide;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod import;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod mapped;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod proxy;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod reconnect;
#[cfg(feature = "sqlite")]
mod sqlite;
mod unreadable;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod upstream;
