//! The stores over Redis and SQL together.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;
mod conformance;
mod fault;
mod index;
mod opening;
mod process;
mod sentinel;
mod site;
