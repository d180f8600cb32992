//! Sends the messages that wait in storage.
//!
//! Messages are rows, written in the transaction that causes them, and sent afterwards by a worker
//! that is part of [`Auth::tasks`](crate::Auth::tasks). Each process may run one: a worker leases
//! what it sends. A message that is not sent is retried after 30 seconds, then after twice as long
//! each time, up to an hour; it is given up when it [expires](crate::message::Message::expires), or
//! when its receiver refuses it for good.
//!
//! Of each message one is sent, with one exception: if the process is killed after a mail server
//! has accepted the message and before that is stored, it is sent again after its lease has ended,
//! with the same `Message-ID`, by which mail programs recognise duplicates. A process that is
//! [stopped](crate::Auth::finish) gives back what it has claimed and not sent.

mod attempt;
mod claims;
mod preview;
mod transport;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::message::{Channel, Message, Messages};
use crate::metric::MessageMetrics;
use crate::storage::{ListedMessage, MessagePosition, MessageState, OutboxStore, StorageError};

use attempt::Attempts;
use claims::Claims;
pub use preview::{Preview, PreviewedMessage};
pub use transport::{
    Delivery, Mail, MailTransport, PlainText, RenderError, Rendered, Renderer, SendError,
    SmsTransport,
};

/// How long a message that was queued again is tried.
const SECOND_LIFE: Duration = Duration::from_hours(24);

/// How long messages are kept whose sending was given up.
pub(crate) const KEPT: Duration = Duration::from_hours(30 * 24);

/// The messages that wait to be sent.
pub struct Outbox {
    store: Arc<dyn OutboxStore>,
    clock: Arc<dyn Clock>,
    attempts: Attempts,
    claims: Claims,
    counters: Counters,
}

/// Outcomes of attempts since the start.
#[derive(Default)]
struct Counters {
    sent: AtomicU64,
    retried: AtomicU64,
    given_up: AtomicU64,
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outbox")
    }
}

impl Outbox {
    pub(crate) fn new(
        store: Arc<dyn OutboxStore>,
        clock: Arc<dyn Clock>,
        messages: Arc<Messages>,
        delivery: Delivery,
    ) -> Self {
        let attempts = Attempts { clock: clock.clone(), messages, delivery };
        Self { store, clock, attempts, claims: Claims::default(), counters: Counters::default() }
    }

    /// The outcomes of attempts to send messages since the start.
    pub fn metrics(&self) -> MessageMetrics {
        let Counters { sent, retried, given_up } = &self.counters;
        MessageMetrics {
            sent: sent.load(Ordering::Relaxed),
            retried: retried.load(Ordering::Relaxed),
            given_up: given_up.load(Ordering::Relaxed),
        }
    }

    /// The number of messages in a state.
    pub async fn count(&self, state: MessageState) -> Result<u64, StorageError> {
        self.store.count(state).await
    }

    /// Stores messages to send, where nothing else is stored with them.
    pub async fn enqueue(&self, messages: &[Message]) -> Result<(), StorageError> {
        self.store.enqueue(messages).await
    }

    /// Lists up to `limit` messages, the newest first, starting after `after`.
    pub async fn list(
        &self,
        state: MessageState,
        after: Option<MessagePosition<'_>>,
        limit: u32,
    ) -> Result<Vec<ListedMessage>, StorageError> {
        self.store.list(state, after, limit).await
    }

    /// Makes a message that waits, or whose sending was given up, due now, and tries it for a day.
    /// Returns whether it existed.
    pub async fn retry(&self, id: &str) -> Result<bool, StorageError> {
        let now = self.clock.now();
        self.store.requeue(id, now, now + SECOND_LIFE).await
    }

    /// Whether messages of this kind reach anyone. Where they do not, links and codes cannot be
    /// used.
    pub fn can_send(&self, channel: Channel) -> bool {
        self.attempts.delivery.can_send(channel)
    }

    /// The messages that were not sent but are shown to developers; `None` unless in development.
    pub fn preview(&self) -> Option<&Preview> {
        self.attempts.delivery.preview.as_ref()
    }
}
