//! The messages of a [`TestStorage`].

use async_trait::async_trait;
use crossauth_core::clock::Timestamp;
use crossauth_core::message::Message;
use crossauth_core::storage::{
    ListedMessage, MessagePosition, MessageState, OutboxStore, Queued, Settlement, StorageError,
};

use super::{TestStorage, pass_on};

#[async_trait]
impl OutboxStore for TestStorage {
    async fn enqueue(&self, messages: &[Message]) -> Result<(), StorageError> {
        pass_on!(self, "outbox.enqueue", outbox.enqueue(messages))
    }

    async fn claim(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Queued>, StorageError> {
        pass_on!(self, "outbox.claim", outbox.claim(now, lease_until, limit))
    }

    async fn settle(
        &self,
        id: &str,
        attempts: u32,
        settlement: &Settlement,
    ) -> Result<bool, StorageError> {
        pass_on!(self, "outbox.settle", outbox.settle(id, attempts, settlement))
    }

    async fn list(
        &self,
        state: MessageState,
        after: Option<MessagePosition<'_>>,
        limit: u32,
    ) -> Result<Vec<ListedMessage>, StorageError> {
        pass_on!(self, "outbox.list", outbox.list(state, after, limit))
    }

    async fn count(&self, state: MessageState) -> Result<u64, StorageError> {
        pass_on!(self, "outbox.count", outbox.count(state))
    }

    async fn requeue(
        &self,
        id: &str,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<bool, StorageError> {
        pass_on!(self, "outbox.requeue", outbox.requeue(id, now, expires))
    }

    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u64, StorageError> {
        pass_on!(self, "outbox.purge", outbox.purge(before, limit))
    }

    async fn enqueued(&self) {
        self.0.inner.outbox.enqueued().await;
    }
}
