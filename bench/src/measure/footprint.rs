//! Size of the binary, memory, and time to start.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::progress::say;
use crate::server::{self, Server};
use crate::statistic::{Rounds, number};

/// Size of the file in MB.
pub(crate) fn size_mb(binary: &Path) -> Result<f64> {
    Ok(number(std::fs::metadata(binary)?.len()) / 1e6)
}

/// Times from the start of the process to the first response, in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Starts {
    /// With a data directory that does not exist yet.
    pub(crate) first: Rounds,
    /// With the data directory of a server in use.
    pub(crate) later: Rounds,
}

/// Times `count` starts of each kind; `data` exists, directories inside `scratch` do not.
pub(crate) fn starts(binary: &Path, data: &Path, scratch: &Path, count: usize) -> Result<Starts> {
    let mut starts = Starts { first: Rounds::default(), later: Rounds::default() };
    for turn in 0..count {
        starts.first.push(start_millis(binary, &scratch.join(format!("first-{turn}")))?);
        starts.later.push(start_millis(binary, data)?);
    }
    say!("start: {:.0} ms, the first {:.0} ms", starts.later.median(), starts.first.median());
    Ok(starts)
}

fn start_millis(binary: &Path, data: &Path) -> Result<f64> {
    let (server, time) = Server::start_timed(server::program(binary, data))?;
    server.stop();
    Ok(time.as_secs_f64() * 1e3)
}

/// The server's resident memory at each stage of a run, in MB.
#[derive(Debug, Serialize)]
pub(crate) struct Memory {
    /// After the start, before the first request.
    pub(crate) idle: f64,
    /// After millions of session checks.
    pub(crate) after_sessions: f64,
    /// During logins.
    pub(crate) under_logins: f64,
}
