//! The background tasks. One that panics is started again, and the others go on.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Auth;
use crate::audit::{Audit, chain_loop};
use crate::deps::Deps;
use crate::directory::SyncTask;
use crate::housekeeping::{Purge, PurgeCounters};
use crate::mail_request::MailRequestWorker;

/// The pause before the first restart of a task; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Maximum pause before a restart.
const MAX_PAUSE: Duration = Duration::from_mins(1);

/// How often a background task was started again after a panic.
#[derive(Debug, Clone, Default)]
pub(crate) struct Restarts(Arc<AtomicU64>);

impl Restarts {
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Auth {
    /// The background tasks: sending messages, handling requests for mail, deleting expired keys,
    /// old messages and old events, adding events to the hash chain of the audit log, recording when
    /// sessions and API keys were last used, and comparing accounts with the directory.
    /// They run only while this future is polled, usually as `tokio::spawn(auth.tasks())`. It ends
    /// when this `Auth` is dropped. After the future is dropped, the tasks can be started again, on
    /// another runtime, too. A task that panics is started again after a pause.
    pub fn tasks(&self) -> impl Future<Output = ()> + Send + 'static {
        let Deps { storage, clock, audit, .. } = &self.deps;
        let purge = Purge::new(storage, audit, clock.clone());
        let audit = Arc::downgrade(audit);
        let counters = PurgeCounters::new(storage, clock.clone());
        let recorder = self.sessions.recorder();
        let key_recorder = self.api_keys.recorder();
        let sync = SyncTask::new(self.directory.as_ref());
        let outbox = self.outbox.clone();
        let (worker, requests) =
            (Arc::downgrade(&self.mail_requests), self.mail_requests.requests.clone());
        let restarts = self.deps.restarts.clone();
        let tasks = async move {
            let recording = supervise("record activity", &restarts, || recorder.clone().run());
            let noting = supervise("record key use", &restarts, || key_recorder.clone().run());
            let purging = supervise("purge", &restarts, || purge.clone().run());
            let counting = supervise("purge counters", &restarts, || counters.clone().run());
            let sending = supervise("send messages", &restarts, || outbox.clone().run());
            let handling = supervise("handle requests for mail", &restarts, || {
                MailRequestWorker::run(worker.clone(), requests.clone())
            });
            let chaining = supervise("chain audit events", &restarts, || chain_loop(audit.clone()));
            let syncing =
                supervise("compare accounts with the directory", &restarts, || sync.clone().run());
            let (mut chaining, mut syncing) = (pin!(chaining), pin!(syncing));
            let (mut recording, mut purging) = (pin!(recording), pin!(purging));
            let (mut sending, mut handling) = (pin!(sending), pin!(handling));
            let mut noting = pin!(noting);
            let mut counting = pin!(counting);
            poll_fn(|context| {
                // The first ends with this `Auth`; the purge may detect that ten minutes later.
                let all = [
                    recording.as_mut().poll(context),
                    purging.as_mut().poll(context),
                    sending.as_mut().poll(context),
                    handling.as_mut().poll(context),
                    chaining.as_mut().poll(context),
                    noting.as_mut().poll(context),
                    counting.as_mut().poll(context),
                    syncing.as_mut().poll(context),
                ];
                if all.iter().any(Poll::is_ready) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        };
        Audit::system().run(tasks)
    }
}

/// Runs a task to its end. If it panics, runs it again after a pause.
async fn supervise<F: Future<Output = ()>>(
    name: &'static str,
    restarts: &Restarts,
    start: impl Fn() -> F,
) {
    let mut pause = FIRST_PAUSE;
    loop {
        let began = Instant::now();
        if catch_panic(pin!(start())).await.is_some() {
            return;
        }
        if began.elapsed() > MAX_PAUSE {
            pause = FIRST_PAUSE;
        }
        let seconds = pause.as_secs();
        tracing::error!(task = name, seconds, "a background task panicked; it is started again");
        sleep(pause).await;
        restarts.0.fetch_add(1, Ordering::Relaxed);
        pause = (2 * pause).min(MAX_PAUSE);
    }
}

/// Awaits `future`; `None` if it panics. Unwind safe for what shares only stores and locks of ours:
/// none of our locks is poisoned, and every method of a store is atomic.
pub(crate) async fn catch_panic<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(None),
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// When a task was started, in seconds, if it panics each time after `work` but for the last.
    async fn starts(work: Duration, count: usize) -> Vec<u64> {
        let (restarts, starts) = (Restarts::default(), RefCell::new(Vec::new()));
        let began = Instant::now();
        supervise("test", &restarts, || {
            starts.borrow_mut().push(began.elapsed().as_secs());
            let is_last = starts.borrow().len() == count;
            async move {
                sleep(work).await;
                assert!(is_last, "on purpose");
            }
        })
        .await;
        assert_eq!(restarts.count(), count as u64 - 1);
        starts.into_inner()
    }

    #[tokio::test(start_paused = true)]
    async fn task_that_panics_is_started_again_after_ever_longer_pauses() {
        let times = starts(Duration::ZERO, 9).await;
        assert_eq!(times, [0, 1, 3, 7, 15, 31, 63, 123, 183]);
    }

    #[tokio::test(start_paused = true)]
    async fn pause_is_short_again_after_a_task_has_run_for_a_while() {
        assert_eq!(starts(Duration::from_mins(2), 3).await, [0, 121, 242]);
    }
}
