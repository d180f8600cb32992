//! The binary as its users meet it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod account;
mod configuration;
mod connection;
mod limit;
mod log;
mod migration;
mod process;
mod request;
mod shutdown;
mod start;
mod terminal;
