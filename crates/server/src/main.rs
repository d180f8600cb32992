//! The Crossauth identity server: one binary, started without configuration.

mod allocation;
mod cli;
mod command;
mod data;
mod database;
mod log;
mod process;
mod report;
mod serve;
mod wiring;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let code = match command::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) if report::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // When standard error is closed there is nowhere left to say so.
            let _ = writeln!(std::io::stderr(), "crossauth: {}", report::describe(&error));
            ExitCode::FAILURE
        }
    };
    allocation::report();
    code
}
