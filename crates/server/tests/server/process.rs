//! The binary of this crate, with default settings.

use std::path::Path;
use std::process::Output;

use crossauth_testkit::server::{Program, Server};
use tempfile::TempDir;

/// The binary, without the environment of this process.
pub(crate) fn crossauth() -> Program {
    Program::new(env!("CARGO_BIN_EXE_crossauth"))
}

/// Runs a command to its end.
pub(crate) fn run(directory: &Path, arguments: &[&str]) -> Output {
    crossauth().arguments(arguments).run_in(directory)
}

/// Runs a command to its end, with `input` as standard input.
pub(crate) fn run_with_input(directory: &Path, arguments: &[&str], input: &str) -> Output {
    crossauth().arguments(arguments).input(input).run_in(directory)
}

/// Starts a server in a new directory.
pub(crate) fn start(arguments: &[&str]) -> Server {
    crossauth().arguments(arguments).start()
}

/// Starts a server in this directory.
pub(crate) fn start_in(directory: TempDir, arguments: &[&str]) -> Server {
    crossauth().arguments(arguments).start_in(directory)
}
