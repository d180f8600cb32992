//! The stores on each database.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod audit;
mod counter;
mod created;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod driver;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod guide;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
mod unreadable;
