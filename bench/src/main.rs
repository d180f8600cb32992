//! Measures Crossauth against the least that could do the same work, in one run.
//!
//! ```text
//! cargo run --release -p crossauth-bench              some minutes, numbers to publish
//! cargo run --release -p crossauth-bench -- --quick   about a minute
//! ```
//!
//! Builds the server, fills a database, and compares: session checks with a [`bare`] Axum handler
//! that does the same query, logins with the bare [`hash_rate`] of the cores, latency beside
//! logins with latency alone, allocations with those of an Axum [`application`] without Crossauth.
//! Shows a table and writes it to `bench/results/` and the README. What the numbers mean is
//! told in `docs/explanation/performance.md`.
//!
//! To add a question, give it a module in [`mod@measure`], a field in [`report::Report`] and a line
//! among its figures.
#![expect(clippy::disallowed_methods, reason = "a measurement waits")]

mod allocation;
mod application;
mod bare;
mod counterpart;
mod hash_rate;
mod http;
mod load;
mod machine;
mod measure;
mod population;
mod process;
mod progress;
mod report;
mod run;
mod scale;
mod server;
mod statistic;

use std::path::Path;

use anyhow::{Result, bail};

use crate::progress::say;
use crate::scale::Scale;

const USAGE: &str = "usage: crossauth-bench [--quick]";

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => measure(Scale::FULL),
        ["--quick"] => measure(Scale::QUICK),
        // How this program starts a counterpart, in a process of its own.
        ["--listen", address, "bare", database] => bare::serve(address, Path::new(database)),
        ["--listen", address, "application", data] => application::serve(address, Path::new(data)),
        ["--listen", address, "bare-application"] => application::serve_bare(address),
        _ => bail!(USAGE),
    }
}

fn measure(scale: Scale) -> Result<()> {
    let report = run::run(scale)?;
    report.publish(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))?;
    say!("written to bench/results/ and README.md");
    Ok(())
}
