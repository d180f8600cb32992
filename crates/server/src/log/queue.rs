//! The queue between the code that logs and the thread that writes.
//!
//! Standard error may be a pipe that is not read for a while. The process then goes on: lines wait up
//! to a limit, and those beyond it are lost and counted.

use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// How many bytes wait at most.
const CAPACITY: usize = 1024 * 1024;

/// How long the end of the process waits for what has not been written.
const PATIENCE: Duration = Duration::from_secs(1);

/// Takes lines, without waiting until they are read.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue(Arc<Shared>);

/// Waits, when dropped, until everything is written or its time is up.
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
    /// Lines that found no room.
    lost: u64,
    /// Lines have been taken that are not written yet.
    writing: bool,
}

impl Queue {
    /// Starts the thread that writes to standard error.
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
        // A line alone is taken whatever its length.
        if waiting.lines.is_empty() || waiting.lines.len() + line.len() <= CAPACITY {
            waiting.lines.extend_from_slice(line);
        } else {
            waiting.lost += 1;
        }
        drop(waiting);
        self.0.changed.notify_all();
    }

    /// Writes what comes, without end.
    fn write_to(&self, mut output: impl Write) {
        let mut lines = Vec::new();
        loop {
            let lost = self.take(&mut lines);
            write_all(&mut output, &lines);
            lines.clear();
            lines.shrink_to(CAPACITY / 16);
            if lost > 0 {
                tracing::warn!(lost, "lines of the log were lost: they were not read in time");
            }
        }
    }

    /// Waits for lines and moves them to `lines`. Gives the number of those lost since.
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

    /// Nothing panics while it is locked.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        let unwritten = |waiting: &mut Waiting| waiting.writing || !waiting.lines.is_empty();
        let waiting = self.0.lock();
        // In vain if the output is not read.
        drop(self.0.0.changed.wait_timeout_while(waiting, PATIENCE, unwritten));
    }
}

/// Writes as much as can be written. When the output is closed there is nowhere left to say so.
#[expect(clippy::disallowed_methods, reason = "nothing tells when the output takes more")]
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

    /// An output that hands over what is written.
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
    fn lines_that_find_no_room_are_counted() {
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
