//! Measures Crossauth against the least that could do the same work, in one run.
//!
//! ```text
//! cargo run --release -p crossauth-bench              some minutes, numbers to publish
//! cargo run --release -p crossauth-bench -- --quick   about a minute
//! ```
//!
//! Builds the server, fills a database, and compares: session checks with a [`bare`] Axum handler
//! that does the same query, logins with the bare [`hash_rate`] of the cores, latency beside
//! logins with latency alone. Shows a table and writes `bench/results/`. What the numbers mean is
//! told in `docs/explanation/performance.md`.
//!
//! To add a question, give it a module in [`mod@measure`], a field in [`report::Report`] and a line
//! among its figures.

mod bare;
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

/// The server's allocator, so that the counterpart has the same.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: crossauth-bench [--quick]";

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => measure(Scale::FULL),
        ["--quick"] => measure(Scale::QUICK),
        // How this program starts its counterpart, in a process of its own.
        ["--listen", address, "bare", database] => bare::serve(address, Path::new(database)),
        _ => bail!(USAGE),
    }
}

fn measure(scale: Scale) -> Result<()> {
    let report = run::run(scale)?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    report.publish(&folder)?;
    say!("written to bench/results/");
    Ok(())
}
