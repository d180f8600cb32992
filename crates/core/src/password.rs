//! Passwords: hashing, verification, and rules for new ones.

mod argon2id;
mod hasher;
pub mod pbkdf2;
mod policy;
mod predictable;
mod queue;
mod scheme;

pub use argon2id::Argon2idParams;
pub use hasher::{HashError, Hasher, HasherConfig, HasherConfigError, Lane};
pub use policy::{Composition, PasswordPolicy};
pub use scheme::{NewHashes, Verification};

/// The name of the password factor.
pub const FACTOR_NAME: &str = "localpassword";

/// Whether a user's first factor is a password checked here. Upstream's schemas give `password` as
/// the default of the column, its code `localpassword`.
pub(crate) fn is_factor(factor1: &str) -> bool {
    matches!(factor1, FACTOR_NAME | "password")
}
