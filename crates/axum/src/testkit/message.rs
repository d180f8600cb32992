//! Messages that users got.

use std::fmt::Write as _;

use crossauth_core::message::{Channel, MessageKind};
use crossauth_core::outbox::{PreviewedMessage, RenderError, Rendered, Renderer};
use serde_json::{Map, Value};

/// A message that a user got.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// What it is about.
    pub kind: MessageKind,
    /// The e-mail address or phone number.
    pub to: String,
    /// Its subject; empty for a text message.
    pub subject: String,
    /// Its text.
    pub text: String,
}

impl Message {
    /// The first web address in its text, such as a link to verify an e-mail address.
    pub fn link(&self) -> Option<&str> {
        let is_link = |word: &&str| word.starts_with("http://") || word.starts_with("https://");
        self.text.split_whitespace().find(is_link)
    }

    /// The one-time code in its text.
    pub fn code(&self) -> Option<&str> {
        let mut words = self.text.split(|c: char| !c.is_ascii_alphanumeric());
        words.find(|word| word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

impl From<PreviewedMessage> for Message {
    fn from(message: PreviewedMessage) -> Self {
        let PreviewedMessage { kind, to, rendered, .. } = message;
        let subject = match to.channel() {
            Channel::Email => rendered.subject,
            Channel::Sms => String::new(),
        };
        Self { kind, to: to.address().to_owned(), subject, text: rendered.text }
    }
}

/// Texts of messages without templates: the link, then the variables by name.
pub(super) struct PlainMessages;

impl Renderer for PlainMessages {
    fn render(
        &self,
        kind: &MessageKind,
        _: Channel,
        variables: &Map<String, Value>,
    ) -> Result<Rendered, RenderError> {
        let variable = |name: &str| variables.get(name).and_then(Value::as_str);
        let mut text = String::new();
        // Writing to a String does not fail.
        if let (Some(page), Some(token)) = (page(kind), variable("token")) {
            let (site, prefix) = (variable("siteUrl"), variable("prefix"));
            let (site, prefix) = (site.unwrap_or_default(), prefix.unwrap_or("/"));
            let _ = writeln!(text, "{site}{prefix}{page}/{token}");
        }
        let shown = variables.iter().filter(|(name, _)| *name != "siteUrl");
        for (name, value) in shown {
            let _ = match value.as_str() {
                Some(value) => writeln!(text, "{name}: {value}"),
                None => writeln!(text, "{name}: {value}"),
            };
        }
        Ok(Rendered { subject: kind.as_str().replace('_', " "), text, html: None })
    }
}

/// The page to which a message links.
fn page(kind: &MessageKind) -> Option<&'static str> {
    match kind {
        MessageKind::EmailVerification => Some("verifyemail"),
        MessageKind::PasswordReset | MessageKind::Invitation => Some("resetpassword"),
        MessageKind::AddressChanged => Some("restoreemail"),
        MessageKind::LoginCode
        | MessageKind::AccountExists
        | MessageKind::PasswordChanged
        | MessageKind::SecondFactorChanged
        | MessageKind::NewDevice
        | MessageKind::RecoveryCodeUsed
        | MessageKind::ApiKeyCreated
        | MessageKind::AccountDeleted
        | MessageKind::Custom(_) => None,
    }
}
