//! Crossauth for Axum.

pub mod page;
