//! Ports: what turns a message into text, and what sends it.

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::Preview;
use crate::clock::Timestamp;
use crate::message::{Channel, MessageKind};

/// How messages become text, and where they go.
#[derive(Clone)]
pub struct Delivery {
    /// Makes texts of messages.
    pub renderer: Arc<dyn Renderer>,
    /// Sends e-mail; without it, e-mail is dropped with a warning.
    pub mail: Option<Arc<dyn MailTransport>>,
    /// Sends text messages; without it, they are dropped with a warning.
    pub sms: Option<Arc<dyn SmsTransport>>,
    /// For development: shows every message instead of sending it.
    pub preview: Option<Preview>,
    /// Variables of every message, which take precedence over its own: `siteName`, `siteUrl` and
    /// `prefix`. Links are made of these alone.
    pub site: Map<String, Value>,
}

impl Delivery {
    /// Whether messages of this kind reach anyone: a user, or the developer who looks at the
    /// preview.
    pub fn can_send(&self, channel: Channel) -> bool {
        let has_transport = match channel {
            Channel::Email => self.mail.is_some(),
            Channel::Sms => self.sms.is_some(),
        };
        has_transport || self.preview.is_some()
    }
}

impl Default for Delivery {
    /// Sends nothing.
    fn default() -> Self {
        let site = Map::new();
        Self { renderer: Arc::new(PlainText), mail: None, sms: None, preview: None, site }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("mail", &self.mail.is_some())
            .field("sms", &self.sms.is_some())
            .field("preview", &self.preview.is_some())
            .finish_non_exhaustive()
    }
}

/// Makes the text of a message from its variables.
pub trait Renderer: Send + Sync {
    /// Renders a message. Texts are escaped for where they stand: a name with markup is text in
    /// HTML, and a line break in a variable begins no new line in a header.
    fn render(
        &self,
        kind: &MessageKind,
        channel: Channel,
        variables: &Map<String, Value>,
    ) -> Result<Rendered, RenderError>;
}

/// A rendered message. `Debug` is redacted.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Rendered {
    /// The subject; unused for text messages.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The same as HTML, if there is a template for it; unused for text messages.
    pub html: Option<String>,
}

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rendered(…)")
    }
}

/// A message cannot be rendered: its template is missing or wrong. It is tried again later, since
/// templates can be mended.
#[derive(Debug, Clone, PartialEq, Eq, Default, thiserror::Error)]
#[error("cannot render the message: {0}")]
pub struct RenderError(pub String);

/// An e-mail to send. `Debug` is redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The local part of its `Message-ID`; the same at each attempt.
    pub message_id: String,
    /// When it was composed.
    pub date: Timestamp,
    /// The address of its recipient.
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub text: String,
    /// The same as HTML.
    pub html: Option<String>,
}

impl Mail {
    /// An empty e-mail.
    pub fn new(message_id: impl Into<String>, date: Timestamp, to: impl Into<String>) -> Self {
        Self {
            message_id: message_id.into(),
            date,
            to: to.into(),
            subject: String::new(),
            text: String::new(),
            html: None,
        }
    }
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("message_id", &self.message_id).finish_non_exhaustive()
    }
}

/// Sends e-mail.
#[async_trait]
pub trait MailTransport: Send + Sync {
    /// Sends one e-mail. Returns once the next server has accepted it.
    async fn send(&self, mail: &Mail) -> Result<(), SendError>;
}

/// Sends text messages.
#[async_trait]
pub trait SmsTransport: Send + Sync {
    /// Sends a text message to a number with country code. Returns once the gateway has accepted
    /// it.
    async fn send(&self, to: &str, text: &str) -> Result<(), SendError>;
}

/// Why a message was not sent. The texts are for operators: without credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Another attempt may succeed: the server is down, slow or busy, or the configuration is
    /// wrong.
    #[error("{0}")]
    Temporary(String),
    /// No attempt will succeed: the recipient or the message is refused.
    #[error("{0}")]
    Permanent(String),
}

/// Renders a message as its kind and its variables, where there are no templates.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainText;

impl Renderer for PlainText {
    fn render(
        &self,
        kind: &MessageKind,
        _: Channel,
        variables: &Map<String, Value>,
    ) -> Result<Rendered, RenderError> {
        let mut text = String::new();
        for (name, value) in variables {
            // Writing to a String does not fail.
            let _ = match value.as_str() {
                Some(value) => writeln!(text, "{name}: {}", value.escape_debug()),
                None => writeln!(text, "{name}: {value}"),
            };
        }
        Ok(Rendered { subject: kind.as_str().replace('_', " "), text, html: None })
    }
}
