//! What tests of Crossauth need: conformance suites for stores, a clock that is moved by hand, and
//! randomness that can be repeated.
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

pub mod clock;
pub mod conformance;
pub mod random;
