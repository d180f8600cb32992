//! Authentication and authorization that an application embeds.
//!
//! This crate gathers the others behind features: `axum` for the web framework, `sqlite` and
//! `postgres` for the storage. With `axum` and `sqlite`, an Axum application gets sign-up, login, sessions, pages and typed
//! extractors:
//!
#![cfg_attr(all(feature = "axum", feature = "sqlite"), doc = "```no_run")]
#![cfg_attr(not(all(feature = "axum", feature = "sqlite")), doc = "```ignore")]
//! use axum::{Router, routing::get};
//! use crossauth::{Crossauth, CurrentUser, sqlite};
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let crossauth = Crossauth::builder()
//!     .secret(std::fs::read_to_string("secret.txt")?)
//!     .storage(sqlite::open("app.db").await?)
//!     .build()?;
//!
//! async fn home(user: CurrentUser) -> String {
//!     format!("Hello, {}", user.username)
//! }
//!
//! let app = crossauth.mount(Router::new().route("/", get(home)));
//! # let _: Router = app;
//! # Ok(())
//! # }
//! ```
//!
//! With the feature `settings`, `crossauth::settings::builder()` gives the builder with what a TOML
//! file and the environment say.
//!
//! [`core`] has the records, use cases and storage ports, for those who want more than the web
//! layer gives.
#![cfg_attr(all(doctest, feature = "axum", feature = "sqlite"), doc = include_str!("../../../README.md"))]
#![cfg_attr(
    all(doctest, feature = "axum", feature = "sqlite"),
    doc = include_str!("../../../docs/tutorial/first-application.md")
)]

pub use crossauth_core as core;

#[cfg(feature = "axum")]
pub use crossauth_axum::*;
#[cfg(feature = "settings")]
pub use crossauth_settings as settings;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use crossauth_storage_sql::*;
