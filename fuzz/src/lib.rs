//! Fuzz targets: parsers of untrusted text, each with its invariants.
//!
//! A target takes any bytes and panics if an invariant is violated. [`TARGETS`] lists them. The
//! tests of this crate run every seed of `fuzz/seeds` through its target; `scripts/fuzz` mutates
//! the seeds with libFuzzer, guided by the coverage they reach. An input that it finds becomes a
//! seed with the fix, as a regression test.
//!
//! To add a target, add a function to a file of `target`, a line to [`TARGETS`] and a folder of
//! seeds.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a target fails by panicking")]

mod site;
mod target;

/// The name of a target and its function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target; the name is that of its folder of seeds.
pub const TARGETS: [Target; 13] = [
    ("body", target::body::any),
    ("cookie", target::cookie::any),
    ("key-data", target::key_data::any),
    ("ldap-entry", target::ldap::entry),
    ("ldap-option", target::ldap::option),
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
/// If there is none, or if the input violates an invariant.
pub fn run(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|(found, _)| *found == name);
    let (_, target) = target.unwrap_or_else(|| panic!("there is no target {name:?}"));
    target(input);
}
