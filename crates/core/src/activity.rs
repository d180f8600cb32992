//! Records when sessions and API keys were last used, off the request path.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::clock::Timestamp;
use crate::storage::KeyStore;

/// Maximum number of pending uses. Beyond that, uses are dropped: the next request with the key
/// records its use again.
const CAPACITY: usize = 1024;

/// The queue of uses to be written.
pub(crate) struct Activity(Arc<Pending>);

#[derive(Default)]
struct Pending {
    uses: Mutex<HashMap<String, Timestamp>>,
    changed: Notify,
    closed: AtomicBool,
    warned: AtomicBool,
}

impl Activity {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// Queues the use of a key to be written. Never waits.
    pub(crate) fn note(&self, key: &str, at: Timestamp) {
        let mut uses = self.0.uses.lock();
        if let Some(noted) = uses.get_mut(key) {
            *noted = at;
        } else if uses.len() < CAPACITY {
            uses.insert(key.to_owned(), at);
        } else if !self.0.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "uses of sessions and keys are not being recorded: are the tasks running?"
            );
        }
        drop(uses);
        self.0.changed.notify_one();
    }

    /// The task that writes uses until this `Activity` is dropped.
    pub(crate) fn recorder(&self, keys: &Arc<dyn KeyStore>) -> Recorder {
        Recorder { pending: self.0.clone(), keys: Arc::downgrade(keys) }
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        self.0.closed.store(true, Ordering::Release);
        self.0.changed.notify_one();
    }
}

/// Writes uses to the store.
#[derive(Clone)]
pub(crate) struct Recorder {
    pending: Arc<Pending>,
    keys: Weak<dyn KeyStore>,
}

impl Recorder {
    /// Writes uses until their [`Activity`] is dropped.
    pub(crate) async fn run(self) {
        let Self { pending, keys } = self;
        loop {
            let uses = std::mem::take(&mut *pending.uses.lock());
            let Some(keys) = keys.upgrade() else { break };
            for (key, at) in uses {
                if let Err(error) = keys.touch(&key, at).await {
                    tracing::warn!(%error, "could not record the use of a session or key");
                }
            }
            drop(keys);
            if pending.closed.load(Ordering::Acquire) {
                break;
            }
            pending.changed.notified().await;
        }
        // Wakes other tasks that wait for the same end.
        pending.changed.notify_one();
    }
}
