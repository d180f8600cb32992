//! Messages in memory.

use std::cmp::Reverse;

use async_trait::async_trait;

use super::{MemoryStorage, State};
use crate::clock::Timestamp;
use crate::message::Message;
use crate::storage::{
    ListedMessage, MessagePosition, MessageState, OutboxStore, Queued, Settlement, StorageError,
};
use crate::user::UserId;

/// A message with the outcome of its attempts.
pub(super) struct Stored {
    message: Message,
    attempts: u32,
    lease: Option<Timestamp>,
    died: Option<Timestamp>,
    error: Option<String>,
}

impl Stored {
    fn is_due(&self, now: Timestamp) -> bool {
        self.died.is_none()
            && self.message.due <= now
            && self.lease.is_none_or(|lease| lease <= now)
    }

    fn state(&self) -> MessageState {
        if self.died.is_some() { MessageState::Dead } else { MessageState::Waiting }
    }

    fn listed(&self) -> ListedMessage {
        let message = &self.message;
        ListedMessage {
            id: message.id.clone(),
            kind: message.kind.clone(),
            userid: message.userid.clone(),
            created: message.created,
            due: message.due,
            died: self.died,
            attempts: self.attempts,
            error: self.error.clone(),
        }
    }
}

#[async_trait]
impl OutboxStore for MemoryStorage {
    async fn enqueue(&self, messages: &[Message]) -> Result<(), StorageError> {
        let mut state = self.state.lock();
        state.refuse_taken_messages(messages)?;
        state.insert_messages(messages, None);
        self.note_messages(messages);
        Ok(())
    }

    async fn claim(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Queued>, StorageError> {
        let mut state = self.state.lock();
        let mut due: Vec<_> = state.outbox.values_mut().filter(|one| one.is_due(now)).collect();
        due.sort_by_key(|stored| stored.message.due);
        let claim = |stored: &mut Stored| {
            stored.lease = Some(lease_until);
            stored.attempts += 1;
            Queued { message: stored.message.clone(), attempts: stored.attempts }
        };
        Ok(due.into_iter().take(limit as usize).map(claim).collect())
    }

    async fn settle(
        &self,
        id: &str,
        attempts: u32,
        settlement: &Settlement,
    ) -> Result<bool, StorageError> {
        let mut state = self.state.lock();
        if *settlement == Settlement::Sent {
            return Ok(state.outbox.remove(id).is_some());
        }
        let Some(stored) = state.outbox.get_mut(id) else { return Ok(false) };
        if stored.attempts != attempts || stored.died.is_some() {
            return Ok(false);
        }
        stored.lease = None;
        match settlement {
            Settlement::Sent => {}
            Settlement::Retry { due, error } => {
                stored.message.due = *due;
                stored.error = Some(error.clone());
            }
            Settlement::Dead { at, error } => {
                stored.died = Some(*at);
                stored.error = Some(error.clone());
            }
        }
        Ok(true)
    }

    async fn list(
        &self,
        of: MessageState,
        after: Option<MessagePosition<'_>>,
        limit: u32,
    ) -> Result<Vec<ListedMessage>, StorageError> {
        let state = self.state.lock();
        let mut listed: Vec<_> = state
            .outbox
            .values()
            .filter(|stored| stored.state() == of)
            .map(Stored::listed)
            .filter(|listed| after.is_none_or(|after| listed.position() < after))
            .collect();
        listed.sort_by_key(|listed| Reverse((listed.created, listed.id.clone())));
        listed.truncate(limit as usize);
        Ok(listed)
    }

    async fn count(&self, of: MessageState) -> Result<u64, StorageError> {
        let state = self.state.lock();
        Ok(state.outbox.values().filter(|stored| stored.state() == of).count() as u64)
    }

    async fn requeue(
        &self,
        id: &str,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<bool, StorageError> {
        let mut state = self.state.lock();
        let Some(stored) = state.outbox.get_mut(id) else { return Ok(false) };
        (stored.message.due, stored.message.expires, stored.died) = (now, expires, None);
        self.enqueued.notify_one();
        Ok(true)
    }

    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u64, StorageError> {
        let mut state = self.state.lock();
        let (mut left, mut removed) = (limit, 0);
        state.outbox.retain(|_, stored| {
            let chosen = left > 0 && stored.died.is_some_and(|died| died < before);
            left -= u32::from(chosen);
            removed += u64::from(chosen);
            !chosen
        });
        Ok(removed)
    }

    async fn enqueued(&self) {
        self.enqueued.notified().await;
    }
}

impl MemoryStorage {
    /// Wakes the worker if there is something to send.
    pub(super) fn note_messages(&self, messages: &[Message]) {
        if !messages.is_empty() {
            self.enqueued.notify_one();
        }
    }
}

impl State {
    pub(super) fn refuse_taken_messages(&self, messages: &[Message]) -> Result<(), StorageError> {
        let is_taken = |(place, message): (usize, &Message)| {
            self.outbox.contains_key(&message.id)
                || messages[..place].iter().any(|earlier| earlier.id == message.id)
        };
        if messages.iter().enumerate().any(is_taken) {
            return Err(StorageError::conflict("the message exists"));
        }
        Ok(())
    }

    /// Stores messages, those about no account as about `userid`.
    pub(super) fn insert_messages(&mut self, messages: &[Message], userid: Option<&UserId>) {
        for message in messages {
            let mut message = message.clone();
            message.userid = message.userid.or_else(|| userid.cloned());
            let stored = Stored { message, attempts: 0, lease: None, died: None, error: None };
            self.outbox.insert(stored.message.id.clone(), stored);
        }
    }
}
