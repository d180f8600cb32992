//! Messages to users, by e-mail or SMS: composed by a use case, stored in the transaction that
//! causes them, and sent afterwards by the [`outbox`](crate::outbox).
//!
//! What a message says is encrypted as long as it is stored, so that a copy of the database has no
//! valid link or code.
//!
//! ```
//! use crossauth_core::clock::SystemClock;
//! use crossauth_core::message::{MessageKind, Messages, Recipient};
//! use crossauth_core::random::SystemRandom;
//! use crossauth_core::secret::ServerSecret;
//! use serde_json::json;
//! use std::sync::Arc;
//!
//! let secret = ServerSecret::new("0123456789abcdef")?;
//! let messages = Messages::new(&secret, Arc::new(SystemClock), Arc::new(SystemRandom))?;
//! let to = Recipient::Email("bob@example.com".into());
//! let code = serde_json::Map::from_iter([("otp".to_owned(), json!("123456"))]);
//! let message = messages.compose(MessageKind::LoginCode, to, None, code)?;
//! assert!(!message.payload.contains("123456"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod kind;
mod template;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::clock::{Clock, Timestamp};
use crate::crypto::{Cipher, InvalidKey, uuid};
use crate::random::Random;
use crate::secret::ServerSecret;
use crate::storage::StorageError;
use crate::user::UserId;

pub use kind::MessageKind;
pub use template::{
    TEMPLATE_FOLDER, UPSTREAM_EXTENSIONS, UPSTREAM_TEMPLATES, UpstreamTemplates,
    is_message_template,
};

/// The purpose of the key that encrypts messages.
const PURPOSE: &str = "outbox";

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Identifies it in storage, in the log and, as its `Message-ID`, to mail servers.
    pub id: String,
    /// What it is about.
    pub kind: MessageKind,
    /// The account that it is about; `None` if there is none, or none yet.
    pub userid: Option<UserId>,
    /// When it was composed.
    pub created: Timestamp,
    /// When it is to be sent.
    pub due: Timestamp,
    /// When to give up: what it says is of no use any more.
    pub expires: Timestamp,
    /// The encrypted [`Content`].
    pub payload: String,
}

/// What a message says, and to whom. `Debug` is redacted.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Content {
    /// To whom it goes.
    pub to: Recipient,
    /// The variables of its template.
    pub variables: Map<String, Value>,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content(…)")
    }
}

/// To whom a message goes. `Debug` is redacted.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recipient {
    /// An e-mail address.
    Email(String),
    /// A phone number with country code.
    Phone(String),
}

impl Recipient {
    /// How it is reached.
    pub const fn channel(&self) -> Channel {
        match self {
            Self::Email(_) => Channel::Email,
            Self::Phone(_) => Channel::Sms,
        }
    }

    /// The address or number.
    pub fn address(&self) -> &str {
        match self {
            Self::Email(address) | Self::Phone(address) => address,
        }
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}(…)", self.channel())
    }
}

/// How a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// E-mail.
    Email,
    /// A text message to a phone.
    Sms,
}

impl Channel {
    /// `email` or `sms`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }
}

/// The content of a stored message cannot be read: it was encrypted with another secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message was encrypted with another secret")]
pub struct Unreadable;

/// Composes messages and reads stored ones.
pub struct Messages {
    cipher: Cipher,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Messages")
    }
}

impl Messages {
    /// Messages encrypted with a key that is derived from the server's secret.
    pub fn new(
        secret: &ServerSecret,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, InvalidKey> {
        Ok(Self { cipher: Cipher::from_secret(secret, PURPOSE)?, clock, random })
    }

    /// Composes a message that is due at once and expires after the
    /// [lifetime](MessageKind::lifetime) of its kind.
    ///
    /// It is sent after it was stored: with a change of an account
    /// ([`Effects::send`](crate::storage::Effects::send)), with the start of a session
    /// ([`SessionStart::send`](crate::storage::SessionStart::send)), or alone
    /// ([`OutboxStore::enqueue`](crate::storage::OutboxStore::enqueue)).
    pub fn compose(
        &self,
        kind: MessageKind,
        to: Recipient,
        userid: Option<&UserId>,
        variables: Map<String, Value>,
    ) -> Result<Message, StorageError> {
        let content = serde_json::to_string(&Content { to, variables });
        let content = Zeroizing::new(content.map_err(StorageError::bug)?);
        let payload = self.cipher.encrypt(&*self.random, &content).map_err(StorageError::bug)?;
        let now = self.clock.now();
        Ok(Message {
            id: uuid(&*self.random),
            expires: now + kind.lifetime(),
            kind,
            userid: userid.cloned(),
            created: now,
            due: now,
            payload,
        })
    }

    /// Decrypts what a message says.
    pub fn open(&self, message: &Message) -> Result<Content, Unreadable> {
        let text = self.cipher.decrypt(&message.payload).map_err(|_| Unreadable)?;
        serde_json::from_str(&Zeroizing::new(text)).map_err(|_| Unreadable)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::SystemClock;
    use crate::random::SystemRandom;

    fn messages(secret: &str) -> Messages {
        let secret = ServerSecret::new(secret).unwrap();
        Messages::new(&secret, Arc::new(SystemClock), Arc::new(SystemRandom)).unwrap()
    }

    fn code() -> Map<String, Value> {
        Map::from_iter([("otp".to_owned(), json!("314159"))])
    }

    #[test]
    fn id_never_begins_with_a_hyphen() {
        let messages = messages("0123456789abcdef");
        for _ in 0..500 {
            let to = Recipient::Email("bob@example.com".into());
            let composed = messages.compose(MessageKind::LoginCode, to, None, code()).unwrap();
            assert!(!composed.id.starts_with('-'), "{}", composed.id);
        }
    }

    #[test]
    fn r7_a_stored_message_shows_neither_recipient_nor_code() {
        let messages = messages("0123456789abcdef");
        let to = Recipient::Email("bob@example.com".into());
        let composed = messages.compose(MessageKind::LoginCode, to.clone(), None, code()).unwrap();
        let shown = format!("{composed:?}");
        assert!(!shown.contains("314159") && !shown.contains("bob"), "{shown}");
        let content = messages.open(&composed).unwrap();
        assert_eq!(content, Content { to, variables: code() });
        let shown = format!("{content:?} {:?}", content.to);
        assert_eq!(shown, "Content(…) Email(…)");
    }

    #[test]
    fn a_message_of_another_secret_is_unreadable() {
        let to = Recipient::Phone("+43123456789".into());
        let ours = messages("0123456789abcdef");
        let message = ours.compose(MessageKind::LoginCode, to, None, code()).unwrap();
        assert_eq!(messages("fedcba9876543210").open(&message), Err(Unreadable));
        assert!(ours.open(&message).is_ok());
    }

    #[test]
    fn messages_have_different_ids_and_are_due_at_once() {
        let messages = messages("0123456789abcdef");
        let compose = || {
            let to = Recipient::Email("bob@example.com".into());
            messages.compose(MessageKind::PasswordChanged, to, None, Map::new()).unwrap()
        };
        let (one, two) = (compose(), compose());
        assert_ne!(one.id, two.id);
        assert_eq!(one.due, one.created);
        assert_eq!(one.expires, one.created + MessageKind::PasswordChanged.lifetime());
    }
}
