//! One attempt to send a message.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::{Delivery, Mail, PreviewedMessage, Rendered, SendError};
use crate::auth::catch_panic;
use crate::clock::{Clock, Timestamp};
use crate::message::{Content, Message, Messages, Recipient};
use crate::storage::{Queued, Settlement};

/// Maximum time of one attempt.
pub(super) const TIME_LIMIT: Duration = Duration::from_mins(1);

/// The time between the first attempt and the second; each later one is twice as long.
const FIRST_DELAY: Duration = Duration::from_secs(30);

/// The maximum time between two attempts.
const MAX_DELAY: Duration = Duration::from_hours(1);

/// Maximum length of a stored error, in bytes.
const MAX_ERROR: usize = 500;

/// Values of variables shorter than this are not worth hiding in an error, and hiding them would
/// make it unreadable.
const MIN_HIDDEN: usize = 4;

/// What attempts to send messages need.
#[derive(Clone)]
pub(super) struct Attempts {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) messages: Arc<Messages>,
    pub(super) delivery: Delivery,
}

impl Attempts {
    /// Tries to send a message and logs the outcome.
    pub(super) async fn send(&self, queued: &Queued) -> Settlement {
        let Queued { message, attempts } = queued;
        let (id, kind) = (&*message.id, message.kind.as_str());
        if self.clock.now() >= message.expires {
            return self.dead(message, "it expired before it could be sent".to_owned());
        }
        let error = match self.messages.open(message) {
            Err(error) => SendError::Permanent(error.to_string()),
            Ok(content) => match catch_panic(pin!(self.deliver(message, &content))).await {
                Some(Ok(())) => return Settlement::Sent,
                Some(Err(error)) => hide(error, &content),
                None => SendError::Temporary("what sends the message panicked".to_owned()),
            },
        };
        match error {
            SendError::Permanent(error) => self.dead(message, error),
            SendError::Temporary(error) => {
                let due = self.clock.now() + delay(*attempts);
                if due >= message.expires {
                    return self.dead(message, error);
                }
                tracing::warn!(id, kind, attempts, error, "message not sent yet");
                Settlement::Retry { due, error }
            }
        }
    }

    fn dead(&self, message: &Message, error: String) -> Settlement {
        let (id, kind) = (&*message.id, message.kind.as_str());
        tracing::error!(id, kind, error, "message not sent: giving up");
        Settlement::Dead { at: self.clock.now(), error }
    }

    async fn deliver(&self, message: &Message, content: &Content) -> Result<(), SendError> {
        let Content { to, variables } = content;
        let Delivery { renderer, site, .. } = &self.delivery;
        let mut variables = variables.clone();
        variables.extend(site.clone());
        let rendered = renderer
            .render(&message.kind, to.channel(), &variables)
            .map_err(|error| SendError::Temporary(error.to_string()))?;
        if let Some(preview) = &self.delivery.preview {
            preview.keep(PreviewedMessage {
                id: message.id.clone(),
                kind: message.kind.clone(),
                created: message.created,
                to: to.clone(),
                rendered,
            });
            return Ok(());
        }
        let sent = timeout(TIME_LIMIT, self.transmit(message, to, rendered)).await;
        sent.unwrap_or_else(|_| {
            Err(SendError::Temporary(format!("no answer within {} s", TIME_LIMIT.as_secs())))
        })
    }

    async fn transmit(
        &self,
        message: &Message,
        to: &Recipient,
        rendered: Rendered,
    ) -> Result<(), SendError> {
        let Rendered { subject, text, html } = rendered;
        match (to, &self.delivery.mail, &self.delivery.sms) {
            (Recipient::Email(to), Some(mail), _) => {
                let (to, message_id) = (to.clone(), message.id.clone());
                let date = message.created;
                mail.send(&Mail { message_id, date, to, subject, text, html }).await
            }
            (Recipient::Phone(to), _, Some(sms)) => sms.send(to, &text).await,
            (Recipient::Email(_), None, _) | (Recipient::Phone(_), _, None) => {
                let (channel, kind) = (to.channel().as_str(), message.kind.as_str());
                tracing::warn!(channel, kind, "message dropped: nothing is set up to send it");
                Ok(())
            }
        }
    }
}

/// The time to the next attempt.
fn delay(attempts: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
    FIRST_DELAY.saturating_mul(doubled).min(MAX_DELAY)
}

/// Removes what the message says from an error, since servers repeat it, and makes it one short
/// line.
fn hide(error: SendError, content: &Content) -> SendError {
    let hidden = |text: String| {
        let address = content.to.address();
        let values = content.variables.values().filter_map(|value| value.as_str());
        let secrets = values.chain([address]).filter(|secret| secret.len() >= MIN_HIDDEN);
        let text = secrets.fold(text, |text, secret| text.replace(secret, "…"));
        let line = text.split(|c: char| c.is_control() || c == ' ').filter(|word| !word.is_empty());
        let mut line = line.collect::<Vec<_>>().join(" ");
        let end = (0..=MAX_ERROR).rev().find(|&at| line.is_char_boundary(at));
        line.truncate(end.unwrap_or_default());
        line
    };
    match error {
        SendError::Temporary(text) => SendError::Temporary(hidden(text)),
        SendError::Permanent(text) => SendError::Permanent(hidden(text)),
    }
}

/// When the lease of a message that is claimed at `now` ends: after every attempt of it has timed
/// out, and its outcome was stored.
pub(super) fn lease(now: Timestamp) -> Timestamp {
    now + 5 * TIME_LIMIT
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    #[test]
    fn attempts_are_thirty_seconds_to_an_hour_apart() {
        let minutes: Vec<_> = (1..=10).map(|n| delay(n).as_secs_f64() / 60.0).collect();
        assert_eq!(minutes, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]);
        assert_eq!(delay(u32::MAX), MAX_DELAY);
    }

    #[test]
    fn g1_errors_of_servers_show_nothing_of_the_message() {
        let variables = Map::from_iter([
            ("token".to_owned(), json!("s3cr3t-token")),
            ("otp".to_owned(), json!("271828")),
            ("n".to_owned(), json!(5)),
        ]);
        let content = Content { to: Recipient::Email("bob@example.com".into()), variables };
        let said = "550 <bob@example.com> spam:\r\n https://x/s3cr3t-token \u{1b}[31m271828";
        let SendError::Permanent(text) = hide(SendError::Permanent(said.into()), &content) else {
            panic!("the kind of the error changed")
        };
        assert_eq!(text, "550 <…> spam: https://x/… [31m…");
        let long = SendError::Temporary("ü".repeat(MAX_ERROR));
        assert!(hide(long, &content).to_string().len() <= MAX_ERROR);
    }
}
