//! The readers of untrusted text, each with what must hold whatever they read.
//!
//! A target takes any bytes and panics where something does not hold. [`TARGETS`] lists them. The
//! tests of this crate run every seed of `fuzz/seeds` through its target; `scripts/fuzz` mutates
//! the seeds with libFuzzer, guided by the coverage they reach. An input that it finds becomes a
//! seed with the fix, so that the tests keep trying it.
//!
//! A new target is a function in a file of `target`, a line in [`TARGETS`] and a folder of
//! seeds.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a target fails by panicking")]

mod site;
mod target;

/// A name, and what is done with an input.
pub type Target = (&'static str, fn(&[u8]));

/// Every target; the name is that of its folder of seeds.
pub const TARGETS: [Target; 11] = [
    ("body", target::body::any),
    ("cookie", target::cookie::any),
    ("key-data", target::key_data::any),
    ("multipart", target::body::multipart),
    ("name", target::name::any),
    ("next", target::next::any),
    ("origin", target::origin::any),
    ("password-hash", target::password_hash::any),
    ("setting", target::setting::any),
    ("time", target::time::any),
    ("token", target::token::any),
];

/// Runs the target of this name.
///
/// # Panics
///
/// If there is none, or if something does not hold for the input.
pub fn run(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|(found, _)| *found == name);
    let (_, target) = target.unwrap_or_else(|| panic!("no target is called {name:?}"));
    target(input);
}
