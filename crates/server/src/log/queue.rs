//! The queue between the code that logs and the log thread.
//!
//! Standard error may be a pipe that is not read for a while. Logging never blocks: lines are
//! queued up to a limit, and dropped and counted beyond it.

use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use crate::metrics::count_lost_lines;

/// Maximum number of queued bytes.
const CAPACITY: usize = 1024 * 1024;

/// How long the exit of the process waits for queued lines.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// Accepts lines without blocking.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue(Arc<Shared>);

/// When dropped, waits until all lines are written, up to a time limit.
#[derive(Debug)]
pub(crate) struct Flush(Queue);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Number of dropped lines.
    lost: u64,
    /// The thread is writing lines that it has removed from the queue.
    writing: bool,
}

impl Queue {
    /// Starts the log thread, which writes to standard error.
    pub(super) fn start() -> io::Result<(Self, Flush)> {
        let queue = Self::default();
        let reader = queue.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || reader.write_to(io::stderr()))?;
        Ok((queue.clone(), Flush(queue)))
    }

    fn push(&self, line: &[u8]) {
        let mut waiting = self.lock();
        // With lines in the queue, or while it writes, the thread looks again by itself.
        let sleeps = waiting.lines.is_empty() && !waiting.writing;
        // An empty queue accepts a line of any length.
        if waiting.lines.is_empty() || waiting.lines.len() + line.len() <= CAPACITY {
            waiting.lines.extend_from_slice(line);
        } else {
            waiting.lost += 1;
        }
        drop(waiting);
        if sleeps {
            self.0.changed.notify_all();
        }
    }

    /// Writes queued lines forever.
    fn write_to(&self, mut output: impl Write) {
        let mut lines = Vec::new();
        loop {
            let lost = self.take(&mut lines);
            write_all(&mut output, &lines);
            lines.clear();
            lines.shrink_to(CAPACITY / 16);
            if lost > 0 {
                count_lost_lines(lost);
                tracing::warn!(
                    lost,
                    "log lines were dropped: standard error is not read fast enough"
                );
            }
        }
    }

    /// Waits for lines and moves them to `lines`. Returns the number of lines dropped since the
    /// last call.
    fn take(&self, lines: &mut Vec<u8>) -> u64 {
        let mut waiting = self.lock();
        waiting.writing = false;
        self.0.changed.notify_all();
        while waiting.lines.is_empty() {
            waiting = self.0.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.writing = true;
        mem::swap(&mut waiting.lines, lines);
        mem::take(&mut waiting.lost)
    }

    /// Never poisoned: no code panics while holding the lock.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        let unwritten = |waiting: &mut Waiting| waiting.writing || !waiting.lines.is_empty();
        let waiting = self.0.lock();
        // Times out if the output is not read.
        drop(self.0.0.changed.wait_timeout_while(waiting, FLUSH_LIMIT, unwritten));
    }
}

/// Writes all bytes. Ignores errors: if the output is closed, they cannot be reported.
#[expect(
    clippy::disallowed_methods,
    reason = "there is no notification when the output becomes writable"
)]
fn write_all(output: &mut impl Write, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match output.write(bytes) {
            Ok(0) => return,
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Another process has made the same terminal or pipe non-blocking.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(10));
            }
            Err(_) => return,
        }
    }
}

impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Queue {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// An output that sends what is written to a channel.
    struct Channel(mpsc::Sender<Vec<u8>>);

    impl Write for Channel {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn dropped_lines_are_counted() {
        let queue = Queue::default();
        let line = [b'x'; 1024];
        let room = CAPACITY / line.len();
        for _ in 0..room + 7 {
            queue.push(&line);
        }
        assert_eq!(queue.lock().lost, 7);
        let (sender, written) = mpsc::channel();
        let writer = queue.clone();
        thread::spawn(move || writer.write_to(Channel(sender)));
        let batch = written.recv_timeout(Duration::from_secs(30)).unwrap();
        assert_eq!(batch.len(), room * line.len());
        drop(Flush(queue.clone()));
        assert_eq!(queue.lock().lost, 0);
        queue.push(b"one more");
        assert_eq!(written.recv_timeout(Duration::from_secs(30)).unwrap(), b"one more");
    }
}
