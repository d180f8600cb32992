//! The shape of the repository: which crate may depend on which, whether the map in
//! `docs/architecture.md` tells the truth, whether links in the documentation lead somewhere, and
//! whether the code in it is compiled.

mod layer;
mod link;
mod map;
mod snippet;
mod workspace;
