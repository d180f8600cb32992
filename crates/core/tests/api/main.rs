//! The public interface of the crate.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod decoders;
mod error_reference;
mod hasher;
mod vectors;
