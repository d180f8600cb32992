//! What needs no browser: the stores in memory, and the shape of the repository.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod architecture;
mod memory;
#[cfg(feature = "server")]
mod server;
