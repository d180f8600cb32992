//! The binary: command line, configuration, process, HTTP.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod account;
mod attack;
mod audit;
mod check;
mod configuration;
mod connect;
mod connection;
mod doctor;
mod environment;
mod guide;
mod kill;
#[cfg(feature = "ldap")]
mod ldap;
mod limit;
mod log;
mod mail;
#[cfg(target_os = "linux")]
mod memory;
mod metrics;
mod migration;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
mod process;
#[cfg(feature = "redis")]
mod redis;
mod request;
mod shutdown;
mod signup;
mod start;
mod terminal;
mod upgrade;
mod visitor;
