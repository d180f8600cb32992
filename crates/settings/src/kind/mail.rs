//! Values for sending messages.

use crossauth_core::secret::Password;
use crossauth_mail::Sender;

use super::{Kind, Raw, Reason, Secrecy};

/// A TCP port.
pub(crate) struct Port;

impl Kind for Port {
    type Value = u16;
    const EXPECTS: &'static str = "a port, from 1 to 65535";

    fn parse(raw: &Raw) -> Result<u16, Reason> {
        let port = raw.text()?.trim().parse().ok().filter(|port| *port > 0);
        port.ok_or_else(|| Reason::expected(Self::EXPECTS))
    }

    fn show(value: &u16) -> Option<String> {
        Some(value.to_string())
    }
}

/// The sender of e-mails.
pub(crate) struct SenderText;

impl Kind for SenderText {
    type Value = Sender;
    const EXPECTS: &'static str = "an address such as `noreply@example.com`, or `Name <address>`";

    fn parse(raw: &Raw) -> Result<Sender, Reason> {
        raw.text()?.trim().parse().map_err(|_| Reason::expected(Self::EXPECTS))
    }

    fn show(value: &Sender) -> Option<String> {
        Some(value.to_string())
    }
}

/// A password or token for another service.
pub(crate) struct SecretLine;

impl Kind for SecretLine {
    type Value = Password;
    const EXPECTS: &'static str = "a text on one line";
    const SECRECY: Secrecy = Secrecy::Secret;

    fn parse(raw: &Raw) -> Result<Password, Reason> {
        let text = raw.text()?.trim_end_matches(['\r', '\n']);
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(Reason::expected(Self::EXPECTS));
        }
        Ok(Password::new(text))
    }

    fn show(_: &Password) -> Option<String> {
        None
    }
}
