//! The port for messages that wait to be sent.

use async_trait::async_trait;

use super::StorageError;
use crate::clock::Timestamp;
use crate::message::{Message, MessageKind};
use crate::user::UserId;

/// A message that its caller is to send now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The message.
    pub message: Message,
    /// How often it was claimed, this time included.
    pub attempts: u32,
}

/// The outcome of an attempt to send a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// It was sent, and is deleted.
    Sent,
    /// It is to be sent again later.
    Retry {
        /// When.
        due: Timestamp,
        /// Why it was not sent; without secrets and without what it says.
        error: String,
    },
    /// It is not sent any more. It is kept, so that an administrator sees it.
    Dead {
        /// When sending was given up.
        at: Timestamp,
        /// Why; without secrets and without what it says.
        error: String,
    },
}

/// Which messages to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageState {
    /// Those that will be sent.
    Waiting,
    /// Those whose sending was given up.
    Dead,
}

/// The place of a message in a list: the newest is first, those of the same moment in descending
/// order of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessagePosition<'a> {
    /// When it was composed.
    pub created: Timestamp,
    /// Its id.
    pub id: &'a str,
}

/// A message in a list, without what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedMessage {
    /// Its id.
    pub id: String,
    /// What it is about.
    pub kind: MessageKind,
    /// The account that it is about.
    pub userid: Option<UserId>,
    /// When it was composed.
    pub created: Timestamp,
    /// When it is sent next.
    pub due: Timestamp,
    /// When sending was given up; `None` for a message that waits.
    pub died: Option<Timestamp>,
    /// How often it was claimed.
    pub attempts: u32,
    /// Why it was not sent; `None` before the first failure.
    pub error: Option<String>,
}

impl ListedMessage {
    /// Its place in the list.
    pub fn position(&self) -> MessagePosition<'_> {
        MessagePosition { created: self.created, id: &self.id }
    }
}

/// Messages that wait to be sent, and those whose sending was given up.
#[async_trait]
pub trait OutboxStore: Send + Sync {
    /// Stores all messages, or none. [`Conflict`](super::StorageErrorKind::Conflict) if an id is
    /// taken.
    async fn enqueue(&self, messages: &[Message]) -> Result<(), StorageError>;

    /// Leases up to `limit` waiting messages that are due at `now`, the longest due first: until
    /// `lease_until`, no other call gets them. A message that is not settled by then is due again.
    async fn claim(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Queued>, StorageError>;

    /// Records the outcome of an attempt; returns whether it was recorded.
    ///
    /// A message that was sent is deleted in any case. Any other outcome is recorded only if the
    /// message waits and this was its latest attempt: otherwise the lease ended before, and
    /// another outcome counts.
    async fn settle(
        &self,
        id: &str,
        attempts: u32,
        settlement: &Settlement,
    ) -> Result<bool, StorageError>;

    /// Lists up to `limit` messages, the newest first, starting after `after`.
    async fn list(
        &self,
        state: MessageState,
        after: Option<MessagePosition<'_>>,
        limit: u32,
    ) -> Result<Vec<ListedMessage>, StorageError>;

    /// The number of messages in a state.
    async fn count(&self, state: MessageState) -> Result<u64, StorageError>;

    /// Makes a message, waiting or dead, due at `now`, to be given up at `expires`. A lease that
    /// has not ended is kept. Returns whether the message existed.
    async fn requeue(
        &self,
        id: &str,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<bool, StorageError>;

    /// Deletes up to `limit` messages whose sending was given up before `before`. Returns their
    /// number.
    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u64, StorageError>;

    /// Waits until messages have been stored through this object since the last call, alone or
    /// with another operation of its storage. A store that cannot know waits forever: waiting
    /// messages are looked for every few seconds, too.
    async fn enqueued(&self) {
        std::future::pending::<()>().await;
    }
}
