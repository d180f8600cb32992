//! The shape of the repository: which crate may depend on which, whether the map in
//! `docs/architecture.md` tells the truth, whether links in the documentation lead somewhere,
//! whether the code in it is compiled, and whether the wording is that of the field.

mod layer;
mod link;
mod map;
mod snippet;
mod word;
mod workspace;
