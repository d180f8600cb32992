//! The server in a browser.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accessibility;
mod account;
mod attack;
mod guide;
mod markup;
mod page;
mod redirect;
mod screenshot;
mod second_factor;
mod setup;
mod steps;
