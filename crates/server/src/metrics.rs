//! `GET /metrics` in the text format of Prometheus, on a listener of its own.
//!
//! Counters of requests are relaxed atomics; everything else is read when it is asked for. Labels
//! have few fixed values, never a name, an address or a path of a request.

mod exposition;
mod listener;
mod log;
mod process;
mod report;
mod request;

pub(crate) use listener::{METRICS_OPTION, MetricsListener};
pub(crate) use log::{CountEvents, count_lost_lines};
pub(crate) use report::Report;
pub(crate) use request::{MethodLabel, RequestMetrics};
