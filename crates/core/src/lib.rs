//! Records, cryptography, use cases and storage ports of Crossauth.
//!
//! This crate knows no web framework, no SQL, no environment and no file. What it needs from
//! outside it is given: [`storage`] ports, a [`clock`] and [`random`] bytes.

pub mod account;
mod auth;
pub mod clock;
pub mod cookie;
pub mod crypto;
pub mod csrf;
mod deps;
pub mod error;
pub mod form;
pub mod hooks;
mod housekeeping;
pub mod key;
pub mod login;
pub mod password;
pub mod random;
pub mod secret;
pub mod session;
pub mod setup;
pub mod signup;
pub mod storage;
pub mod user;

pub use auth::{Auth, AuthConfig, Sources};
