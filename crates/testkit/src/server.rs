//! The server binary as a separate process, on a free port of the loopback interface and in a
//! temporary directory.
//!
//! It does not inherit the environment of this process. Every method has a time limit and panics
//! with the log of the process if it is exceeded.
//!
//! ```no_run
//! # fn main() {
//! use crossauth_testkit::server::Program;
//!
//! let mut server = Program::new("target/debug/crossauth").variable("CROSSAUTH_LOG_ACCESS", "true").start();
//! assert_eq!(server.status("/live"), 200);
//! server.restart();
//! assert!(server.log().contains("/live"));
//! # }
//! ```

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::missing_panics_doc, reason = "documented once, for the module")]

mod http;
mod process;

use std::ffi::OsStr;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use tempfile::TempDir;

pub use self::http::{read_to_end, status};
pub(crate) use self::process::Process;

/// Default time limit of every operation; see [`Program::time_limit`].
pub const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The name of the log file in the directory of a server.
const LOG: &str = "log";

/// How to run the binary.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    launcher: Vec<String>,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    input: String,
    time_limit: Duration,
}

/// A running server, killed when dropped.
#[derive(Debug)]
pub struct Server {
    program: Program,
    process: Process,
    address: SocketAddr,
    directory: TempDir,
}

impl Program {
    /// The binary at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let (launcher, arguments, variables) = (Vec::new(), Vec::new(), Vec::new());
        let (input, time_limit) = (String::new(), TIME_LIMIT);
        Self { path: path.into(), launcher, arguments, variables, input, time_limit }
    }

    /// Sets a command that starts the program, as `env` and `nice` do: its last arguments are the
    /// path of the program and the program's arguments.
    #[must_use]
    pub fn launcher(mut self, command: &[&str]) -> Self {
        self.launcher = command.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Adds an argument to its command line.
    #[must_use]
    pub fn argument(self, argument: &str) -> Self {
        self.arguments(&[argument])
    }

    /// Adds arguments to its command line.
    #[must_use]
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// Adds a variable to its environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the standard input for [`Program::run_in`].
    #[must_use]
    pub fn input(mut self, input: &str) -> Self {
        input.clone_into(&mut self.input);
        self
    }

    /// Sets how long a start, a line of output or the end of the process may take.
    #[must_use]
    pub fn time_limit(mut self, time_limit: Duration) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// Runs a command to completion.
    pub fn run_in(&self, directory: &Path) -> Output {
        process::run(self.command(directory), &self.input, self.time_limit)
    }

    /// Starts a server in an empty directory.
    pub fn start(self) -> Server {
        self.start_in(tempfile::tempdir().unwrap())
    }

    /// Starts a server in this directory.
    pub fn start_in(self, directory: TempDir) -> Server {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let (process, address) = self.serve(directory.path(), any_port);
        Server { program: self, process, address, directory }
    }

    /// The command as a `std::process::Command`, for special cases.
    pub fn command(&self, directory: &Path) -> Command {
        let mut words = self.launcher.iter().map(OsStr::new).chain([self.path.as_os_str()]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(&self.arguments);
        command.env_clear().envs(self.variables.iter().cloned());
        command.current_dir(directory).stdin(Stdio::null());
        command
    }

    /// Starts a server and waits until it prints its address.
    fn serve(&self, directory: &Path, address: SocketAddr) -> (Process, SocketAddr) {
        let log = directory.join(LOG);
        let listening = Self {
            arguments: [&["--listen".to_owned(), address.to_string()], &*self.arguments].concat(),
            ..self.clone()
        };
        let mut command = listening.command(directory);
        command.stderr(File::options().create(true).append(true).open(&log).unwrap());
        let process = Process::spawn(command, self.time_limit);
        let log = || std::fs::read_to_string(&log).unwrap();
        let line = process.line(log).unwrap_or_default();
        let address = line.strip_prefix("listening on http://").and_then(|at| at.parse().ok());
        let address = address.unwrap_or_else(|| panic!("no address in {line:?}; {}", log()));
        (process, address)
    }
}

impl Server {
    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path on it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The directory that it was started in.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Its process id.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Its log, over all starts. Lines of a request may be written shortly after the response; the
    /// log is complete once the server has stopped.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory().join(LOG)).unwrap()
    }

    /// The next line of standard output after the address; `None` at its end.
    pub fn line(&self) -> Option<String> {
        self.process.line(|| self.log())
    }

    /// The one-time link that creates the first administrator. Reads it from standard output, so
    /// call this once per start.
    pub fn setup_link(&self) -> String {
        let line = self.line().unwrap_or_default();
        let at = line.find("http").unwrap_or_else(|| panic!("no link in {line:?}"));
        line[at..].to_owned()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Sends `SIGTERM`.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Waits until the process has ended.
    pub fn wait(&mut self) -> ExitStatus {
        let log = self.directory().join(LOG);
        self.process.wait(|| std::fs::read_to_string(&log).unwrap())
    }

    /// Sends `SIGTERM`, waits until it has ended, and checks its exit status.
    pub fn stop(&mut self) {
        self.terminate();
        let status = self.wait();
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// Stops it and restarts it at the same address.
    pub fn restart(&mut self) {
        self.stop();
        self.resume();
    }

    /// Starts it again at the same address after it has ended.
    pub fn resume(&mut self) {
        (self.process, self.address) = self.program.serve(self.directory.path(), self.address);
    }

    /// Stops it and returns its directory.
    pub fn into_directory(mut self) -> TempDir {
        self.stop();
        self.directory
    }
}

/// Polls until `holds` returns true; panics after [`TIME_LIMIT`].
pub fn wait_until(condition: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + TIME_LIMIT;
    while !holds() {
        assert!(Instant::now() < end, "timed out after {TIME_LIMIT:?}: {condition}");
        pause();
    }
}

/// Waits between two polls of another process.
#[expect(clippy::disallowed_methods, reason = "another process does not use our clock")]
fn pause() {
    std::thread::sleep(Duration::from_millis(2));
}
