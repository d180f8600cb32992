//! Several nodes that extend one chain.

use async_trait::async_trait;
use parking_lot::Mutex;

use super::*;
use crate::storage::{Chained, Link, Marks, UnreadableEvent};

/// A store in which another node extends the chain once, right after an operation.
struct Overtaken {
    store: Arc<dyn AuditStore>,
    after: &'static str,
    node: Mutex<Option<Audit>>,
}

impl Overtaken {
    async fn finish(&self, operation: &str) {
        let node = if operation == self.after { self.node.lock().take() } else { None };
        if let Some(node) = node {
            assert_eq!(node.extend_chain().await.unwrap(), 3);
        }
    }
}

#[async_trait]
impl AuditStore for Overtaken {
    async fn append(&self, events: &[AuditEvent]) -> Result<(), StorageError> {
        self.store.append(events).await
    }

    async fn list(
        &self,
        filter: &AuditFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StorageError> {
        self.store.list(filter, after, limit).await
    }

    async fn unchained(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Result<AuditEntry, UnreadableEvent>>, StorageError> {
        let events = self.store.unchained(after, limit).await;
        self.finish("unchained").await;
        events
    }

    async fn chained(
        &self,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Result<Chained, UnreadableEvent>>, StorageError> {
        self.store.chained(after, limit).await
    }

    async fn marks(&self) -> Result<Marks, StorageError> {
        let marks = self.store.marks().await;
        self.finish("marks").await;
        marks
    }

    async fn chain(
        &self,
        before: &Mark,
        links: &[(String, Link)],
        end: &Mark,
    ) -> Result<bool, StorageError> {
        self.store.chain(before, links, end).await
    }

    async fn purge(&self, before: &Mark, start: &Mark) -> Result<bool, StorageError> {
        self.store.purge(before, start).await
    }

    async fn erase(&self, user: &UserId, limit: u32) -> Result<u64, StorageError> {
        self.store.erase(user, limit).await
    }
}

#[tokio::test]
async fn events_that_another_node_chains_at_the_same_time_are_chained_once() {
    for after in ["unchained", "marks"] {
        let log = log(RequiredActs::Administrative);
        for _ in 0..3 {
            log.record("invoice.paid").await;
        }
        let node = |store: Arc<dyn AuditStore>| {
            let sources: (Arc<dyn Clock>, Arc<dyn Random>) =
                (log.clock.clone(), Arc::new(SystemRandom));
            let secret = secret("0123456789abcdef");
            Audit::new(store, sources, &secret, AuditConfig::default()).unwrap()
        };
        let store = log.storage.audit.clone();
        let other = Mutex::new(Some(node(store.clone())));
        let overtaken = node(Arc::new(Overtaken { store, after, node: other }));
        assert_eq!(overtaken.extend_chain().await.unwrap(), 0, "{after}");
        let verified = log.audit.verify(&[], None).await.unwrap();
        assert_eq!((verified.events, verified.end.0), (3, 3), "{after}");
        assert_eq!(verified.problems, [], "{after}");
        log.record("invoice.paid").await;
        assert_eq!(overtaken.extend_chain().await.unwrap(), 1, "{after}");
        assert_eq!(log.problems().await, [], "{after}");
    }
}
