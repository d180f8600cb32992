//! The public interface of the crate.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod account;
mod administration;
mod api_key;
mod audit_reference;
mod decoders;
mod directory;
mod error_reference;
mod foreign_hash;
mod hasher;
mod outbox;
mod second_factor;
mod session;
mod site;
mod unreadable;
mod vectors;
