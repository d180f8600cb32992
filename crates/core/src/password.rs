//! Passwords: hashing, verification, and rules for new ones.

/// The name of the password factor.
pub const FACTOR_NAME: &str = "localpassword";
