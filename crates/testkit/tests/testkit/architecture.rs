//! The shape of the repository: which crate may depend on which, whether the map in
//! `docs/architecture.md` tells the truth, whether links in the documentation lead somewhere,
//! whether the code in it is compiled, whether the wording is that of the field, what in the public
//! API may grow, and how long files and functions are.

mod growth;
mod layer;
mod link;
mod map;
mod size;
mod snippet;
mod word;
mod workspace;
