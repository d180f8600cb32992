//! The shape of the repository: which crate may depend on which, whether the map in
//! `docs/architecture.md` tells the truth, and whether links in the documentation lead somewhere.

mod layer;
mod link;
mod map;
mod workspace;
