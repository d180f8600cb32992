//! Test support for Crossauth: conformance suites for stores, a fixed clock, seeded randomness,
//! and, with the features of these names, the `server` binary as a process, a headless `browser`, a
//! `postgres` or `mysql` database, a `redis` server, `ldap` servers (a proper one and one that follows
//! a script), and a server that receives `mail`. Applications
//! test with the feature `testkit` of the crate `crossauth`.
//!
//! To add one more store, run the suites on it:
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

#[cfg(any(feature = "ldap", feature = "mail", feature = "mysql", feature = "postgres"))]
pub mod authority;
#[cfg(feature = "browser")]
pub mod browser;
pub mod clock;
pub mod conformance;
pub mod directory;
#[cfg(feature = "ldap")]
pub mod ldap;
#[cfg(feature = "mail")]
pub mod mail;
#[cfg(feature = "mysql")]
pub mod mysql;
#[cfg(feature = "server")]
pub mod oathtool;
#[cfg(any(feature = "ldap", feature = "mysql", feature = "postgres"))]
mod owner;
#[cfg(any(feature = "ldap", feature = "mysql", feature = "postgres"))]
mod port;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod random;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "ldap")]
pub mod slapd;
pub mod storage;
pub mod upstream;
