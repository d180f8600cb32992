//! A clock that only a test advances.

pub use crossauth_core::clock::FixedClock;
