//! The shape of the repository: which crate may depend on which, whether the map in
//! `docs/architecture.md` tells the truth, and whether links in the documentation lead somewhere.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod layer;
mod link;
mod map;
mod workspace;
