//! The audit log of a [`TestStorage`].

use async_trait::async_trait;
use crossauth_core::audit::{AuditEntry, AuditEvent};
use crossauth_core::storage::{
    AuditFilter, AuditStore, Chained, Link, Mark, Marks, StorageError, UnreadableEvent,
};
use crossauth_core::user::UserId;

use super::{TestStorage, pass_on};

#[async_trait]
impl AuditStore for TestStorage {
    async fn append(&self, events: &[AuditEvent]) -> Result<(), StorageError> {
        pass_on!(self, "audit.append", audit.append(events))
    }

    async fn list(
        &self,
        filter: &AuditFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StorageError> {
        pass_on!(self, "audit.list", audit.list(filter, after, limit))
    }

    async fn unchained(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Result<AuditEntry, UnreadableEvent>>, StorageError> {
        self.0.inner.audit.unchained(after, limit).await
    }

    async fn chained(
        &self,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Result<Chained, UnreadableEvent>>, StorageError> {
        pass_on!(self, "audit.chained", audit.chained(after, limit))
    }

    async fn marks(&self) -> Result<Marks, StorageError> {
        pass_on!(self, "audit.marks", audit.marks())
    }

    async fn chain(
        &self,
        before: &Mark,
        links: &[(String, Link)],
        end: &Mark,
    ) -> Result<bool, StorageError> {
        pass_on!(self, "audit.chain", audit.chain(before, links, end))
    }

    async fn purge(&self, before: &Mark, start: &Mark) -> Result<bool, StorageError> {
        pass_on!(self, "audit.purge", audit.purge(before, start))
    }

    async fn erase(&self, user: &UserId, limit: u32) -> Result<u64, StorageError> {
        pass_on!(self, "audit.erase", audit.erase(user, limit))
    }
}
