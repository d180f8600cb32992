//! A server under measurement: build, start, observe, stop.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use crossauth_testkit::server::{self, Program};

use crate::http::{self, Connection};
use crate::process;

/// The feature of a build that counts allocations.
const COUNTING: &str = "count-allocations";

/// The server and this program, built to count their allocations.
pub(crate) struct Counting {
    /// The server.
    pub(crate) server: PathBuf,
    /// This program.
    pub(crate) bench: PathBuf,
}

impl Counting {
    /// Builds them and copies them to `folder`, since the next build overwrites them.
    pub(crate) fn build(folder: &Path) -> Result<Self> {
        let [server, bench] = ["server", "bench"].map(|name| folder.join(name));
        let features = ["--features", COUNTING];
        fs::copy(build_package("crossauth-server", &features)?, &server)?;
        fs::copy(build_package("crossauth-bench", &features)?, &bench)?;
        Ok(Self { server, bench })
    }
}

/// Builds the server as a user would and returns the path of the binary.
pub(crate) fn build() -> Result<PathBuf> {
    build_package("crossauth-server", &[])
}

fn build_package(package: &str, options: &[&str]) -> Result<PathBuf> {
    let output = Command::new("cargo")
        .args(["build", "--release", "--package", package])
        .args(options)
        .arg("--message-format=json-render-diagnostics")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .context("cargo cannot be run")?;
    ensure!(output.status.success(), "the server does not build");
    let messages = String::from_utf8(output.stdout)?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)))
        .context("cargo reported no executable")
}

/// The server on a data directory.
pub(crate) fn program(binary: &Path, data: &Path) -> Program {
    Program::new(binary).arguments(&["--data", &data.to_string_lossy()])
}

/// The setting that enables the access log.
pub(crate) const ACCESS_LOG: (&str, &str) = ("CROSSAUTH_LOG_ACCESS", "true");

/// A running server; killed when dropped.
pub(crate) struct Server {
    process: server::Server,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a server and waits until it listens.
    pub(crate) fn start(program: Program) -> Self {
        let process = program.start();
        Self { address: process.address(), process }
    }

    /// Starts a server and polls `GET /live` until it returns 200. Returns the elapsed time.
    pub(crate) fn start_timed(program: Program) -> Result<(Self, Duration)> {
        let start = Instant::now();
        let server = Self::start(program);
        let status = Connection::open(server.address)?
            .exchange(&http::get(server.address, "/live", ""))?
            .status;
        ensure!(status == 200, "GET /live returned {status}");
        Ok((server, start.elapsed()))
    }

    /// CPU time that it has used.
    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        process::cpu_time(self.process.process_id())
    }

    /// Its resident memory in MB.
    pub(crate) fn resident_mb(&self) -> Result<f64> {
        process::resident_mb(self.process.process_id())
    }

    /// Stops it, checks its exit status, and returns its log.
    pub(crate) fn stop(mut self) -> String {
        self.process.stop();
        self.process.log()
    }
}
