//! For development: messages are kept in memory and logged instead of sent.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Rendered;
use crate::clock::Timestamp;
use crate::message::{MessageKind, Recipient};

/// Maximum number of messages that are kept.
const KEPT: usize = 100;

/// The latest messages; clones share them.
#[derive(Clone, Default)]
pub struct Preview(Arc<Mutex<VecDeque<PreviewedMessage>>>);

impl fmt::Debug for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Preview")
    }
}

/// A message that was not sent. `Debug` is redacted.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct PreviewedMessage {
    /// Its id.
    pub id: String,
    /// What it is about.
    pub kind: MessageKind,
    /// When it was composed.
    pub created: Timestamp,
    /// To whom it would have gone.
    pub to: Recipient,
    /// What it says.
    pub rendered: Rendered,
}

impl fmt::Debug for PreviewedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreviewedMessage").field("id", &self.id).finish_non_exhaustive()
    }
}

impl PreviewedMessage {
    /// The web addresses in its text.
    pub fn links(&self) -> impl Iterator<Item = &str> {
        let is_link = |word: &&str| word.starts_with("http://") || word.starts_with("https://");
        self.rendered.text.split_whitespace().filter(is_link)
    }
}

impl Preview {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// The messages, the latest first.
    pub fn messages(&self) -> Vec<PreviewedMessage> {
        self.0.lock().iter().rev().cloned().collect()
    }

    /// Removes the messages and returns them, the latest last.
    pub fn take(&self) -> Vec<PreviewedMessage> {
        self.0.lock().drain(..).collect()
    }

    pub(super) fn keep(&self, message: PreviewedMessage) {
        let PreviewedMessage { to, rendered, .. } = &message;
        tracing::info!(
            to = to.address(),
            subject = rendered.subject,
            text = rendered.text,
            "message not sent, because of development mode"
        );
        let mut messages = self.0.lock();
        if messages.len() == KEPT {
            messages.pop_front();
        }
        messages.push_back(message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: usize, text: &str) -> PreviewedMessage {
        PreviewedMessage {
            id: number.to_string(),
            kind: MessageKind::LoginCode,
            created: Timestamp::from_secs(0),
            to: Recipient::Email("bob@example.com".into()),
            rendered: Rendered { subject: String::new(), text: text.to_owned(), html: None },
        }
    }

    #[test]
    fn the_latest_hundred_messages_are_kept() {
        let preview = Preview::new();
        for number in 0..150 {
            preview.keep(message(number, ""));
        }
        let kept = preview.messages();
        assert_eq!((kept.len(), &*kept[0].id, &*kept[99].id), (100, "149", "50"));
        let taken = preview.take();
        assert_eq!((taken.len(), &*taken[0].id, &*taken[99].id), (100, "50", "149"));
        assert!(preview.messages().is_empty());
    }

    #[test]
    fn links_of_a_message_are_found_in_its_text() {
        let message = message(0, "Open\n  https://a.example/verifyemail/x\nor http://b/ now");
        let links: Vec<_> = message.links().collect();
        assert_eq!(links, ["https://a.example/verifyemail/x", "http://b/"]);
    }
}
