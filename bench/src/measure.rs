//! What is measured, one module for each question.

pub(crate) mod allocations;
pub(crate) mod footprint;
pub(crate) mod latency;
pub(crate) mod login;
pub(crate) mod session_check;
