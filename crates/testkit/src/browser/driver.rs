//! The `WebDriver` process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

const PROGRAM: &str = "chromedriver";
const READY: &str = "ChromeDriver was started successfully on port ";

/// How often it is started before a test gives up.
const STARTS: u32 = 3;

/// How long to wait for a graceful exit.
const EXIT_LIMIT: Duration = Duration::from_secs(10);

/// A running driver, ended together with its browser when dropped.
#[derive(Debug)]
pub(super) struct Driver {
    child: Child,
    home: TempDir,
    port: u16,
}

impl Driver {
    /// Starts it on a free port.
    ///
    /// It takes a port that is free for IPv4, and ends if another process has it for IPv6. Then it
    /// is started again.
    pub(super) fn start() -> Self {
        (0..STARTS)
            .find_map(|_| Self::start_once())
            .unwrap_or_else(|| panic!("{PROGRAM} ended {STARTS} times before it was ready"))
    }

    fn start_once() -> Option<Self> {
        let home = tempfile::tempdir().unwrap();
        let mut child = Command::new(PROGRAM)
            .args(["--port=0", "--log-level=SEVERE"])
            .env("HOME", home.path())
            .env("TMPDIR", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {PROGRAM}: {error}"));
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let port = stdout.lines().find_map(|line| {
            line.unwrap().strip_prefix(READY).map(|port| port.trim_end_matches('.').to_owned())
        });
        let Some(port) = port else {
            child.wait().unwrap();
            return None;
        };
        Some(Self { child, home, port: port.parse().unwrap() })
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The profile directory of the browser.
    pub(super) fn profile(&self) -> PathBuf {
        self.home.path().join("profile")
    }

    /// Asks the driver to end its browser and itself, and waits for both.
    fn shutdown(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(EXIT_LIMIT))?;
        stream.write_all(b"GET /shutdown HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.shutdown();
        // Kills what is still running, including the browser.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}
