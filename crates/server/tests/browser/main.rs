//! The server in a browser.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accessibility;
mod account;
mod admin;
mod api_key;
mod attack;
mod audit;
mod directory;
mod guide;
mod mail;
mod markup;
mod page;
mod redirect;
mod repetition;
mod screenshot;
mod second_factor;
mod session;
mod setup;
mod steps;
