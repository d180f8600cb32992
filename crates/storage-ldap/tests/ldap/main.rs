//! The directory against OpenLDAP, and against servers that follow a script.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a script answers to some requests only")]

mod active;
mod change;
mod empty;
mod examination;
mod fault;
mod find;
mod group;
mod limit;
mod login;
mod malformed;
mod name;
mod policy;
mod pool;
mod referral;
mod site;
mod slow;
mod taken;
mod tls;
