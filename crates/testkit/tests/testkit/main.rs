//! Tests without a browser: the in-memory stores, the launcher, and the rules of the repository.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod architecture;
mod memory;
#[cfg(feature = "server")]
mod server;
