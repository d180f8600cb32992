//! The server as its users run it: a process of its own, on a free port of the loopback interface
//! and in a directory of its own.
//!
//! Every method panics where the server does not do what it should in time.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::missing_panics_doc, reason = "said once, above")]

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// How to start a server. Nothing of this process's environment reaches it.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
}

/// A running server, ended when dropped.
#[derive(Debug)]
pub struct Server {
    program: Program,
    directory: TempDir,
    running: Running,
}

#[derive(Debug)]
struct Running {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
}

impl Program {
    /// The binary at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), arguments: Vec::new(), variables: Vec::new() }
    }

    /// Adds an argument to its command line.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Adds a variable to its environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it in an empty directory.
    pub async fn start(self) -> Server {
        self.start_in(tempfile::tempdir().unwrap()).await
    }

    /// Starts it in this directory.
    pub async fn start_in(self, directory: TempDir) -> Server {
        let running = self.run(directory.path(), SocketAddr::from(([127, 0, 0, 1], 0))).await;
        Server { program: self, directory, running }
    }

    async fn run(&self, directory: &Path, address: SocketAddr) -> Running {
        let log = directory.join("log");
        let mut child = Command::new(&self.path)
            .args(["--listen", &address.to_string()])
            .args(&self.arguments)
            .env_clear()
            .envs(self.variables.iter().cloned())
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&log).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = next_line(&mut stdout).await.unwrap_or_default();
        let address = first.strip_prefix("listening on http://").map(str::parse);
        let Some(Ok(address)) = address else {
            panic!("no address in {first:?}; {}", std::fs::read_to_string(log).unwrap());
        };
        Running { child, stdout, address }
    }
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.running.address
    }

    /// The URL of a path on it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// The directory that it was started in.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Everything that it has logged, over all its starts.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory().join("log")).unwrap()
    }

    /// The one-time link that makes the first administrator. It is printed once for each start and
    /// read once.
    pub async fn setup_link(&mut self) -> String {
        let line = next_line(&mut self.running.stdout).await.unwrap_or_default();
        let at = line.find("http://").unwrap_or_else(|| panic!("no link in {line:?}"));
        line[at..].to_owned()
    }

    /// Ends it as an operator would and waits until it is gone.
    pub async fn stop(&mut self) {
        let pid = Pid::from_raw(self.running.child.id().unwrap().cast_signed()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let status = timeout(PATIENCE, self.running.child.wait()).await.unwrap().unwrap();
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// Ends it and starts it again at the same address.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.running = self.program.run(self.directory.path(), self.address()).await;
    }
}

async fn next_line(stdout: &mut Lines<BufReader<ChildStdout>>) -> Option<String> {
    timeout(PATIENCE, stdout.next_line()).await.unwrap().unwrap()
}
