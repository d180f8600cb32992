//! Passwords: hashing, verification, and the policy for new ones.

mod argon2id;
mod foreign;
mod hasher;
pub mod pbkdf2;
mod policy;
mod predictable;
mod queue;
mod scheme;

pub use argon2id::Argon2idParams;
pub use foreign::{FirebaseParams, ForeignVerdict, InvalidFirebaseParams, PasswordVerifier};
pub use hasher::{HashError, Hasher, HasherConfig, HasherConfigError, Lane};
pub use policy::{Composition, PasswordPolicy};
pub use scheme::{NewHashes, Verification};
