//! The loop that claims and sends messages.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Counters, Outbox};
use crate::storage::{Queued, Settlement, StorageError};

/// Messages that are sent at once.
const CONCURRENCY: u32 = 8;

/// How often to look for messages that another process has stored, and for those to be tried
/// again.
const INTERVAL: Duration = Duration::from_secs(5);

/// How often to try to store the outcome of an attempt.
const SETTLE_ATTEMPTS: u32 = 6;

impl Outbox {
    /// Sends messages for as long as it is polled.
    pub(crate) async fn run(self: Arc<Self>) {
        self.claims.restart();
        let mut sending = JoinSet::new();
        let mut failing = false;
        loop {
            let claimed = self.send_due(&mut sending).await;
            match (&claimed, failing) {
                (Err(error), false) => {
                    tracing::warn!(%error, "cannot look for messages to send; trying again");
                }
                (Ok(()), true) => tracing::info!("messages can be sent again"),
                (Ok(()), false) | (Err(_), true) => {}
            }
            failing = claimed.is_err();
            self.next_event(&mut sending).await;
        }
    }

    /// Begins to send messages that are due, until none are left or enough are being sent.
    async fn send_due(self: &Arc<Self>, sending: &mut JoinSet<()>) -> Result<(), StorageError> {
        loop {
            let free = CONCURRENCY.saturating_sub(u32::try_from(sending.len()).unwrap_or(u32::MAX));
            if free == 0 {
                return Ok(());
            }
            let claimed = self.claim(free).await?;
            let is_last = u32::try_from(claimed.len()).is_ok_and(|claimed| claimed < free);
            for queued in claimed {
                let outbox = Arc::clone(self);
                sending.spawn(async move { outbox.send(&queued).await });
            }
            if is_last {
                return Ok(());
            }
        }
    }

    async fn send(&self, queued: &Queued) {
        let settlement = self.attempts.send(queued).await;
        let Counters { sent, retried, given_up } = &self.counters;
        let counter = match settlement {
            Settlement::Sent => sent,
            Settlement::Retry { .. } => retried,
            Settlement::Dead { .. } => given_up,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.settle(queued, &settlement).await;
        self.claims.settle(&queued.message.id);
    }

    /// Stores the outcome, also if storage is unavailable for a moment: otherwise a message that
    /// was sent would be sent again.
    async fn settle(&self, queued: &Queued, settlement: &Settlement) {
        let Queued { message, attempts } = queued;
        let mut pause = Duration::from_secs(1);
        for attempt in 1..=SETTLE_ATTEMPTS {
            match self.store.settle(&message.id, *attempts, settlement).await {
                Ok(_) => return,
                Err(error) if attempt == SETTLE_ATTEMPTS => {
                    let (id, kind) = (&*message.id, message.kind.as_str());
                    tracing::error!(%error, id, kind, "cannot store whether a message was sent");
                }
                Err(_) => {
                    sleep(pause).await;
                    pause *= 2;
                }
            }
        }
    }

    /// Waits until messages were stored, one was sent, or the interval is over.
    async fn next_event(&self, sending: &mut JoinSet<()>) {
        let mut enqueued = pin!(self.store.enqueued());
        let mut interval = pin!(sleep(INTERVAL));
        poll_fn(|context| {
            let is_sent = matches!(sending.poll_join_next(context), Poll::Ready(Some(_)));
            let is_woken = enqueued.as_mut().poll(context).is_ready();
            if is_sent || is_woken || interval.as_mut().poll(context).is_ready() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Sends what is due now and waits for the outcome of each. Returns the number of messages that
    /// were claimed.
    ///
    /// For applications that have no background tasks, and for tests.
    pub async fn send_now(&self) -> Result<usize, StorageError> {
        let mut sent = 0;
        loop {
            let claimed = self.claim(CONCURRENCY).await?;
            if claimed.is_empty() {
                return Ok(sent);
            }
            for queued in &claimed {
                self.send(queued).await;
            }
            sent += claimed.len();
        }
    }
}
