//! The Crossauth identity server: one binary that needs no configuration.

mod allocation;
mod cli;
mod command;
mod data;
mod database;
mod log;
mod metrics;
mod process;
mod report;
mod serve;
mod stores;
mod wiring;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    if let Err(limited) = process::check_address_space() {
        let _ = writeln!(std::io::stderr(), "crossauth: {limited}");
        return ExitCode::FAILURE;
    }
    process::disable_core_dumps();
    let code = match command::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) if report::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // If standard error is closed, the error cannot be reported.
            let _ = writeln!(std::io::stderr(), "crossauth: {}", report::describe(&error));
            ExitCode::FAILURE
        }
    };
    allocation::report();
    code
}
