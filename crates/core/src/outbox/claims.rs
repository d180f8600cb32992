//! The messages that this process has claimed and not settled.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::Outbox;
use super::attempt::lease;
use crate::storage::{Queued, Settlement, StorageError};

/// Claims of this process, to be finished or given back before it ends.
#[derive(Default)]
pub(super) struct Claims {
    is_stopped: AtomicBool,
    /// Held while messages are claimed.
    claiming: tokio::sync::Mutex<()>,
    /// The number of the attempt by the id of the message.
    claimed: Mutex<HashMap<String, u32>>,
    settled: Notify,
}

impl Claims {
    /// Allows claims again. Those of a worker that was dropped are forgotten: their leases end.
    pub(super) fn restart(&self) {
        self.claimed.lock().clear();
        self.is_stopped.store(false, Ordering::Release);
    }

    /// The outcome of a message is stored.
    pub(super) fn settle(&self, id: &str) {
        self.claimed.lock().remove(id);
        self.settled.notify_one();
    }

    async fn all_settled(&self) {
        while !self.claimed.lock().is_empty() {
            self.settled.notified().await;
        }
    }
}

impl Outbox {
    /// Claims messages that are due: none after [`stop`](Self::stop).
    pub(super) async fn claim(&self, limit: u32) -> Result<Vec<Queued>, StorageError> {
        let _claiming = self.claims.claiming.lock().await;
        if self.claims.is_stopped.load(Ordering::Acquire) {
            return Ok(Vec::new());
        }
        let now = self.clock.now();
        let queued = self.store.claim(now, lease(now), limit).await?;
        let claimed = queued.iter().map(|queued| (queued.message.id.clone(), queued.attempts));
        self.claims.claimed.lock().extend(claimed);
        Ok(queued)
    }

    /// Claims no more messages, and waits at most `limit` until those that are being sent are sent.
    /// The others are given back, so that they are due at once for another process or after a
    /// restart, and not only when their lease ends.
    pub(crate) async fn stop(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        self.claims.is_stopped.store(true, Ordering::Release);
        let finished = timeout_at(deadline, async {
            let _claiming = self.claims.claiming.lock().await;
            self.claims.all_settled().await;
        });
        if finished.await.is_ok() {
            return;
        }
        let unfinished = std::mem::take(&mut *self.claims.claimed.lock());
        tracing::warn!(messages = unfinished.len(), "stopped while messages are being sent");
        for (id, attempts) in unfinished {
            let (due, error) = (self.clock.now(), "the process was stopped".to_owned());
            let given_back = Settlement::Retry { due, error };
            if let Err(error) = self.store.settle(&id, attempts, &given_back).await {
                tracing::warn!(%error, id, "a message is sent again when its lease ends");
            }
        }
    }
}
