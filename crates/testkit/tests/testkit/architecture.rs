//! Rules of the repository: allowed dependencies between crates, the map in `docs/architecture.md`,
//! links and code in the documentation, the tables of attacks and defects, words to avoid, exhaustive
//! public types, and the length of files and functions.

mod attack;
mod growth;
mod layer;
mod link;
mod map;
mod size;
mod snippet;
mod upstream;
mod word;
mod workspace;
