//! A server under measurement: built, started, watched, stopped.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::http::{self, Connection};
use crate::process;

/// Builds the server as a user would and returns the path of the binary.
pub(crate) fn build() -> Result<PathBuf> {
    let output = Command::new("cargo")
        .args(["build", "--release", "--package", "crossauth-server", "--bin", "crossauth"])
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
        .context("cargo names no executable")
}

/// The command that starts the server on any free port of the loopback interface.
pub(crate) fn command(binary: &Path, data: &Path) -> Command {
    let mut command = Command::new(binary);
    command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data);
    command
}

/// The setting that switches on the line in the log for each request.
pub(crate) const ACCESS_LOG: (&str, &str) = ("CROSSAUTH_LOG_ACCESS", "true");

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// Kept open for what the server prints later.
    stdout: BufReader<ChildStdout>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a server that says `listening on http://ADDRESS`, and waits until it does.
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let stdout = child.stdout.take().context("the server has no standard output")?;
        let unspecified = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { child, stdout: BufReader::new(stdout), address: unspecified };
        server.address = server.announced_address()?;
        Ok(server)
    }

    fn announced_address(&mut self) -> Result<SocketAddr> {
        let mut line = String::new();
        while self.stdout.read_line(&mut line)? > 0 {
            if let Some(address) = line.trim().strip_prefix("listening on http://") {
                return Ok(address.parse()?);
            }
            line.clear();
        }
        bail!("the server ended before it listened; run it by hand to see why")
    }

    /// Starts a server and asks until `GET /live` is answered with 200; returns how long that took.
    pub(crate) fn start_timed(command: Command) -> Result<(Self, Duration)> {
        let start = Instant::now();
        let server = Self::start(command)?;
        let status =
            Connection::open(server.address)?.ask(&http::get(server.address, "/live", ""))?.status;
        ensure!(status == 200, "GET /live answered {status}");
        Ok((server, start.elapsed()))
    }

    /// CPU time that it has used.
    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        process::cpu_time(self.child.id())
    }

    /// Its resident memory in MB.
    pub(crate) fn resident_mb(&self) -> Result<f64> {
        process::resident_mb(self.child.id())
    }

    /// Asks it to end, waits until it has, and makes sure that it ended well.
    pub(crate) fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails if it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
