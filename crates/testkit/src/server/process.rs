//! A child process; reading its output and waiting for its end have a time limit.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::pause;

/// A running process, killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    time_limit: Duration,
}

impl Process {
    pub(crate) fn spawn(mut command: Command, time_limit: Duration) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = lines(child.stdout.take().unwrap());
        Self { child, lines, time_limit }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line of its standard output; `None` at its end.
    pub(crate) fn line(&self, log: impl FnOnce() -> String) -> Option<String> {
        match self.lines.recv_timeout(self.time_limit) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("no output in {:?}; {}", self.time_limit, log())
            }
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(super) fn wait(&mut self, log: impl FnOnce() -> String) -> ExitStatus {
        let status = ended(&mut self.child, self.time_limit);
        status.unwrap_or_else(|| panic!("still running after {:?}; {}", self.time_limit, log()))
    }
}

#[cfg(feature = "mail")]
impl Process {
    /// Kills the process and waits until it has ended.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails if it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the lines of an output on a thread, until the output ends.
fn lines(stdout: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // If the receiver is dropped, the test has ended. Keeps reading, so that the process
            // does not block on its output.
            let _ = sender.send(line);
        }
    });
    receiver
}

/// The exit status of a process that ends within the time limit.
fn ended(child: &mut Child, time_limit: Duration) -> Option<ExitStatus> {
    let end = Instant::now() + time_limit;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if Instant::now() >= end {
            return None;
        }
        pause();
    }
}

/// Runs a command to completion with `input` on standard input.
pub(super) fn run(mut command: Command, input: &str, time_limit: Duration) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let stdout = bytes(child.stdout.take().unwrap());
    let stderr = bytes(child.stderr.take().unwrap());
    // Fails if the command exits without reading its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let status = ended(&mut child, time_limit);
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    let [stdout, stderr] = [stdout, stderr].map(|bytes| bytes.recv_timeout(time_limit).unwrap());
    let Some(status) = status else {
        panic!("still running after {time_limit:?}; {}", String::from_utf8_lossy(&stderr));
    };
    Output { status, stdout, stderr }
}

/// Reads a pipe to its end on a thread, so that the writer never blocks.
fn bytes(mut pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}
