//! Measures Crossauth against minimal baselines, in one run.
//!
//! ```text
//! cargo run --release -p crossauth-bench              figures to publish
//! cargo run --release -p crossauth-bench -- --quick   fewer and shorter rounds, fewer keys
//!     --keys NUMBER   this many keys in each database server
//!     --engines       only the database servers: bench/results/engines.md
//! ```
//!
//! Builds the server, fills a database, and compares: session checks with a [`bare`] Axum handler
//! that does the same query, logins with the bare [`hash_rate`] of the cores, latency beside logins
//! with latency alone, session checks of accounts with and without a second factor, API-key checks of a
//! [`keyed`] application with the bare handler, requests for a password reset for known and unknown
//! addresses, many logins at the same moment, allocations with those of an Axum [`application`]
//! without Crossauth. Shows a table and writes it to `bench/results/` and the
//! README. `docs/explanation/performance.md` explains the numbers.
//!
//! To add a measurement, add a module to [`mod@measure`], a field to [`report::Report`] and a line
//! to its figures.
#![expect(clippy::disallowed_methods, reason = "a measurement waits")]

mod allocation;
mod application;
mod bare;
mod bare_query;
mod baseline;
mod engine;
mod hash_rate;
mod http;
mod keyed;
mod load;
mod machine;
mod measure;
mod population;
mod process;
mod progress;
mod report;
mod request;
mod run;
mod scale;
mod server;
mod smtp;
mod statistic;

use std::path::Path;

use anyhow::{Result, bail, ensure};

use crate::progress::say;
use crate::scale::Scale;

const USAGE: &str = "usage: crossauth-bench [--quick] [--keys NUMBER] [--engines]";

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // This program starts each baseline as a separate process.
        ["--listen", address, "bare", database] => bare::serve(address, Path::new(database)),
        ["--listen", address, "application", data] => application::serve(address, Path::new(data)),
        ["--listen", address, "keyed", data] => keyed::serve(address, Path::new(data)),
        ["--listen", address, "bare-application"] => application::serve_bare(address),
        ref options => {
            let (scale, engines_only) = parse(options)?;
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
            if engines_only { run::run_engines(scale, &root) } else { measure(scale, &root) }
        }
    }
}

/// The scale that the options ask for, and whether only the database servers are measured.
fn parse(options: &[&str]) -> Result<(Scale, bool)> {
    let (mut scale, mut keys, mut engines_only) = (Scale::FULL, None, false);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match *option {
            "--quick" => scale = Scale::QUICK,
            "--engines" => engines_only = true,
            "--keys" => {
                keys = options.next().and_then(|number| number.parse().ok());
                ensure!(keys.is_some_and(|keys| keys >= 10_000), "--keys needs at least 10000");
            }
            _ => bail!(USAGE),
        }
    }
    Ok((keys.map_or(scale, |keys| scale.with_keys(keys)), engines_only))
}

fn measure(scale: Scale, root: &Path) -> Result<()> {
    let report = run::run(scale)?;
    report.publish(root)?;
    say!("written to bench/results/ and README.md");
    Ok(())
}
