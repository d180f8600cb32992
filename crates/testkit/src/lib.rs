//! What tests of Crossauth need: conformance suites for stores, a clock that is moved by hand,
//! randomness that can be repeated, and with the features of these names a `server` as a process of
//! its own and a `browser`.
//!
//! A store of your own passes if this does:
//!
//! ```
//! use crossauth_core::storage::memory::MemoryStorage;
//! use crossauth_core::user::Normalization;
//!
//! async fn empty_storage() -> MemoryStorage {
//!     MemoryStorage::new(Normalization::Nfkc)
//! }
//!
//! crossauth_testkit::store_tests!(empty_storage);
//! ```

#[cfg(feature = "browser")]
pub mod browser;
pub mod clock;
pub mod conformance;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod random;
#[cfg(feature = "server")]
pub mod server;
pub mod storage;
