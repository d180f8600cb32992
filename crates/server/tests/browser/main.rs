//! The server in a browser.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attack;
mod guide;
mod markup;
mod newcomer;
mod page;
mod person;
mod redirect;
mod screenshot;
mod setup;
mod without;
