//! Cryptographic wire formats.
//!
//! Where the two originals write different text, this crate writes one form and reads both.

pub mod csrf;
pub mod digest;
pub mod encoding;
pub mod encrypt;
pub mod random;
pub mod sign;
pub mod totp;
