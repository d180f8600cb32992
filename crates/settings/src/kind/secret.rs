//! Secrets: never shown.

use crossauth_core::password::pbkdf2::Pepper;
use crossauth_core::secret::ServerSecret;

use super::{Kind, Raw, Reason, Secrecy};

/// The secret that signs cookies.
pub(crate) struct SecretText;

impl Kind for SecretText {
    type Value = ServerSecret;
    const EXPECTS: &'static str = "at least 16 bytes that are hard to guess";
    const SECRECY: Secrecy = Secrecy::Secret;

    fn parse(raw: &Raw) -> Result<ServerSecret, Reason> {
        ServerSecret::new(raw.text()?).map_err(|_| Reason::expected(Self::EXPECTS))
    }

    fn show(_: &ServerSecret) -> Option<String> {
        None
    }
}

/// The secret that goes into password hashes.
pub(crate) struct PepperText;

impl Kind for PepperText {
    type Value = Pepper;
    const EXPECTS: &'static str = SecretText::EXPECTS;
    const SECRECY: Secrecy = Secrecy::Secret;

    fn parse(raw: &Raw) -> Result<Pepper, Reason> {
        let text = raw.text()?;
        if text.len() < ServerSecret::MIN_LEN {
            return Err(Reason::expected(Self::EXPECTS));
        }
        Ok(Pepper::new(text))
    }

    fn show(_: &Pepper) -> Option<String> {
        None
    }
}
