//! Stores that live in memory, for tests and for trying things out.
