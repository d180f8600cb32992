//! The Crossauth identity server: one binary, started without configuration.

mod cli;
mod command;
mod data;
mod database;
mod log;
mod serve;
mod settings;
mod wiring;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match command::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            // When standard error is closed there is nowhere left to say so.
            let _ = writeln!(std::io::stderr(), "crossauth: {error:#}");
            ExitCode::FAILURE
        }
    }
}
