//! Records when sessions were last used, off the request path.

use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc;

use crate::clock::Timestamp;
use crate::storage::KeyStore;

/// Uses waiting to be written. Beyond that they are dropped: the next request notes the next use.
const QUEUE: usize = 1024;

pub(super) struct Activity {
    keys: Arc<dyn KeyStore>,
    queue: OnceLock<mpsc::Sender<Use>>,
}

struct Use {
    key: String,
    at: Timestamp,
}

impl Activity {
    pub(super) fn new(keys: Arc<dyn KeyStore>) -> Self {
        Self { keys, queue: OnceLock::new() }
    }

    /// Has the use of a key written down soon. Never waits.
    pub(super) fn note(&self, key: String, at: Timestamp) {
        let queue = self.queue.get_or_init(|| {
            let (queue, uses) = mpsc::channel(QUEUE);
            tokio::spawn(write_down(self.keys.clone(), uses));
            queue
        });
        let _full_means_later = queue.try_send(Use { key, at });
    }
}

async fn write_down(keys: Arc<dyn KeyStore>, mut uses: mpsc::Receiver<Use>) {
    let mut last: Option<Use> = None;
    while let Some(used) = uses.recv().await {
        // Requests of one page load arrive together and would all write the same.
        if last.as_ref().is_some_and(|last| last.key == used.key && last.at >= used.at) {
            continue;
        }
        if let Err(error) = keys.touch(&used.key, used.at).await {
            tracing::warn!(%error, "could not record the use of a session");
        }
        last = Some(used);
    }
}
