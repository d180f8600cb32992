//! Two job queues, one of which has priority.

use std::time::Duration;

use crossbeam_channel::{Receiver, never, select_biased};

/// How long an idle thread keeps its working memory.
const KEEP_MEMORY: Duration = Duration::from_secs(1);

/// How long after that the memory is returned to the system: longer than allocators keep freed
/// memory.
const RETURN_MEMORY: Duration = Duration::from_secs(3);

/// How long a thread has been idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Idle {
    /// One second.
    Briefly,
    /// Several seconds.
    Longer,
}

/// The receiving ends of both queues.
pub(super) struct Queue<T> {
    first: Receiver<T>,
    second: Receiver<T>,
}

impl<T> Queue<T> {
    pub(super) fn new(first: Receiver<T>, second: Receiver<T>) -> Self {
        Self { first, second }
    }

    /// Waits for a job, and calls `idle` while there is none. `None` when both queues are closed
    /// and empty.
    pub(super) fn next(&self, mut idle: impl FnMut(Idle)) -> Option<T> {
        for (limit, stage) in [(KEEP_MEMORY, Idle::Briefly), (RETURN_MEMORY, Idle::Longer)] {
            match self.receive(Some(limit)) {
                Received::Job(job) => return Some(job),
                Received::Closed => return None,
                Received::Nothing => idle(stage),
            }
        }
        match self.receive(None) {
            Received::Job(job) => Some(job),
            Received::Closed | Received::Nothing => None,
        }
    }

    fn receive(&self, patience: Option<Duration>) -> Received<T> {
        let timeout = patience.map_or_else(never, crossbeam_channel::after);
        select_biased! {
            recv(self.first) -> job => job.map_or_else(|_| only(&self.second, &timeout), Received::Job),
            recv(self.second) -> job => job.map_or_else(|_| only(&self.first, &timeout), Received::Job),
            recv(timeout) -> _ => Received::Nothing,
        }
    }
}

/// Waits for a job of the queue that is still open.
fn only<T>(queue: &Receiver<T>, timeout: &Receiver<std::time::Instant>) -> Received<T> {
    select_biased! {
        recv(queue) -> job => job.map_or(Received::Closed, Received::Job),
        recv(timeout) -> _ => Received::Nothing,
    }
}

enum Received<T> {
    Job(T),
    Nothing,
    Closed,
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::unbounded;

    use super::*;

    #[test]
    fn first_queue_has_priority_and_both_are_drained() {
        let (first, first_jobs) = unbounded();
        let (second, second_jobs) = unbounded();
        let queue = Queue::new(first_jobs, second_jobs);
        for job in [1, 2] {
            second.send(job).unwrap();
        }
        first.send(3).unwrap();
        drop((first, second));
        let jobs: Vec<i32> = std::iter::from_fn(|| queue.next(|_| {})).collect();
        assert_eq!(jobs, [3, 1, 2]);
    }
}
