//! A Redis server for tests: a separate process in a temporary directory, on a free port of the
//! loopback interface.
//!
//! [`server`] starts one for all tests of a process, which keep apart by [`Server::empty_prefix`].
//! [`Server::start`] starts another one, to be stopped. Servers end and their directories are deleted
//! when the process ends, even if it is killed.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::missing_panics_doc, reason = "a server that does not start panics")]

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the shell prints once the server responds, within ten seconds.
const READY: &str = "ready";

/// How often another port is tried, because another process took the free one.
const ATTEMPTS: usize = 10;

/// Runs a server and ends it when its input is closed: as the last line says, or at once. Arguments:
/// the directory, the port, and the options of the server. `CONFIG` is empty or a file.
const SCRIPT: &str = "directory=$0 port=$1
    redis-server $CONFIG --port \"$@\" >\"$directory/log\" 2>&1 </dev/null & server=$!
    for _ in $(seq 100); do
        redis-cli -p \"$port\" ping 2>&1 | grep -q -e PONG -e NOAUTH && echo ready && break
        kill -0 $server || break
        sleep 0.1
    done
    exec >&-
    signal=
    while read -r line; do signal=$line; done
    kill -${signal:-KILL} $server; wait $server
    [ -n \"$signal\" ] || rm -rf \"$directory\"";

/// How a server stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop {
    /// As a service manager stops it: it saves its data, if it is configured to.
    Orderly,
    /// As in a power failure.
    Killed,
}

/// A server that runs or has been stopped.
#[derive(Debug)]
pub struct Server {
    directory: PathBuf,
    port: u16,
    config: Option<PathBuf>,
    options: Vec<String>,
    prefixes: AtomicUsize,
    /// Ends when its standard input is closed, which happens when this process ends.
    process: Option<Child>,
}

/// The server of this process, started on first use.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start(&["--save", "", "--appendonly", "no"]))
}

impl Server {
    /// Starts a server with these options of `redis-server`, such as `--appendonly yes`.
    pub fn start(options: &[&str]) -> Self {
        Self::start_with(None, options)
    }

    /// Starts a server with a configuration, to which it may write.
    fn start_with(config: Option<&str>, options: &[&str]) -> Self {
        // Removed by the shell that watches the server.
        let directory = tempfile::Builder::new().prefix("crossauth-redis-").tempdir().unwrap();
        let directory = directory.keep();
        let config = config.map(|text| {
            let path = directory.join("redis.conf");
            fs::write(&path, text).unwrap();
            path
        });
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let prefixes = AtomicUsize::new(0);
        let mut server = Self { directory, port: 0, config, options, prefixes, process: None };
        for _ in 0..ATTEMPTS {
            server.port = free_port();
            if server.try_resume() {
                return server;
            }
        }
        panic!("Redis does not start: {}", server.log());
    }

    /// Starts a sentinel that watches `master` alone, as the service `main`, and notices within a second
    /// that it has stopped.
    pub fn start_sentinel(master: &Self) -> Self {
        let port = master.port;
        let config = format!(
            "sentinel monitor main 127.0.0.1 {port} 1\nsentinel down-after-milliseconds main 500\n\
             sentinel failover-timeout main 5000\n"
        );
        Self::start_with(Some(&config), &["--sentinel"])
    }

    /// The port of the loopback interface.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory of its data.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Text with which no name in this server begins.
    pub fn empty_prefix(&self) -> String {
        format!("test{}:", self.prefixes.fetch_add(1, Ordering::Relaxed))
    }

    /// Stops the server; its data stays.
    pub fn stop(&mut self, how: Stop) {
        let mut process = self.process.take().unwrap();
        let signal = match how {
            Stop::Orderly => "TERM",
            Stop::Killed => "KILL",
        };
        writeln!(process.stdin.take().unwrap(), "{signal}").unwrap();
        process.wait().unwrap();
    }

    /// Starts the server again after [`stop`](Self::stop).
    pub fn resume(&mut self) {
        assert!(self.try_resume(), "Redis does not start: {}", self.log());
    }

    /// Runs a command of `redis-cli` and returns what it prints.
    pub fn execute(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        command.args(["-e", "-p", &self.port.to_string()]).args(arguments);
        let output = command.output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{arguments:?}: {printed}");
        printed.trim_end().to_owned()
    }

    fn try_resume(&mut self) -> bool {
        let mut command = Command::new("sh");
        command.arg("-c").arg(SCRIPT).arg(&self.directory).arg(self.port.to_string());
        command.args(["--bind", "127.0.0.1", "--protected-mode", "no", "--dir"]);
        command.arg(&self.directory).args(&self.options);
        command.env("CONFIG", self.config.as_deref().unwrap_or(Path::new("")));
        // A separate process group, so that Ctrl-C ends the tests first.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let started = command.current_dir(&self.directory).spawn();
        let mut process = started.unwrap();
        let mut printed = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut printed).unwrap();
        let is_ready = printed.trim_end() == READY;
        if is_ready {
            self.process = Some(process);
        } else {
            // Keeps the directory.
            writeln!(process.stdin.take().unwrap(), "KILL").unwrap();
            process.wait().unwrap();
        }
        is_ready
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_else(|_| {
            "is the package `redis-server` installed? (scripts/test installs it)".into()
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        match self.process.take() {
            Some(mut process) => {
                drop(process.stdin.take());
                let _ = process.wait();
            }
            None => drop(fs::remove_dir_all(&self.directory)),
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
