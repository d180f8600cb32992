//! The measurements, one module each.

pub(crate) mod allocations;
pub(crate) mod engine_check;
pub(crate) mod factor_check;
pub(crate) mod footprint;
pub(crate) mod key_check;
pub(crate) mod latency;
pub(crate) mod login;
pub(crate) mod login_storm;
pub(crate) mod processes;
pub(crate) mod reset_request;
pub(crate) mod session_check;
pub(crate) mod user_list;
