//! Encryption of what is stored: pending challenges in sessions, and the secrets of factors.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::crypto::{Cipher, InvalidKey};
use crate::random::Random;
use crate::secret::ServerSecret;
use crate::storage::StorageError;
use crate::user::{Patch, SecretsUpdate, UserSecrets};

/// How an encrypted secret begins. No TOTP secret in plain text has a dot.
const ENCRYPTED: &str = "v2.";

/// Encrypts with keys that are derived from the server's secret, one for each purpose.
pub(crate) struct Vault {
    session: Cipher,
    totp: Cipher,
    random: Arc<dyn Random>,
}

impl Vault {
    pub(crate) fn new(secret: &ServerSecret, random: Arc<dyn Random>) -> Result<Self, InvalidKey> {
        let session = Cipher::from_secret(secret, "session-data")?;
        Ok(Self { session, totp: Cipher::from_secret(secret, "totpsecret")?, random })
    }

    /// Encrypts a text of a session.
    pub(crate) fn seal(&self, text: &str) -> Result<String, StorageError> {
        self.session.encrypt(&*self.random, text).map_err(StorageError::bug)
    }

    /// Decrypts a text of a session; `None` if it was encrypted with another secret.
    pub(crate) fn open(&self, sealed: &str) -> Option<Zeroizing<String>> {
        self.session.decrypt(sealed).ok().map(Zeroizing::new)
    }

    pub(crate) fn seal_json(&self, value: &impl Serialize) -> Result<String, StorageError> {
        let text = serde_json::to_string(value).map_err(StorageError::bug)?;
        self.seal(&Zeroizing::new(text))
    }

    pub(crate) fn open_json<T: DeserializeOwned>(&self, sealed: &str) -> Option<T> {
        serde_json::from_str(&self.open(sealed)?).ok()
    }

    /// Decrypts the secrets of a user. Those of an original's database are plain.
    pub(crate) fn open_secrets(&self, stored: UserSecrets) -> Result<UserSecrets, StorageError> {
        let totpsecret = match stored.totpsecret {
            Some(sealed) if is_encrypted(&sealed) => {
                let plain = self.totp.decrypt(&sealed).map_err(|error| {
                    StorageError::corrupt(format!("the TOTP secret of a user: {error}"))
                })?;
                Some(plain)
            }
            plain => plain,
        };
        Ok(UserSecrets { totpsecret, ..stored })
    }

    /// Encrypts the secrets of a user of another database. Those that are encrypted already stay.
    pub(crate) fn seal_imported(&self, secrets: UserSecrets) -> Result<UserSecrets, StorageError> {
        let totpsecret = match secrets.totpsecret {
            Some(plain) if !is_encrypted(&plain) => {
                let sealed = self.totp.encrypt(&*self.random, &plain);
                Some(sealed.map_err(StorageError::bug)?)
            }
            kept => kept,
        };
        Ok(UserSecrets { totpsecret, ..secrets })
    }

    /// Encrypts secrets that are about to be stored.
    pub(crate) fn seal_secrets(
        &self,
        secrets: SecretsUpdate,
    ) -> Result<SecretsUpdate, StorageError> {
        let totpsecret = match secrets.totpsecret {
            Patch::Set(plain) => {
                let sealed = self.totp.encrypt(&*self.random, &plain);
                Patch::Set(sealed.map_err(StorageError::bug)?)
            }
            unset @ (Patch::Keep | Patch::Clear) => unset,
        };
        Ok(SecretsUpdate { totpsecret, ..secrets })
    }
}

/// Whether a stored TOTP secret is encrypted.
pub(crate) fn is_encrypted(stored: &str) -> bool {
    stored.starts_with(ENCRYPTED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    fn vault(secret: &str) -> Vault {
        Vault::new(&ServerSecret::new(secret).unwrap(), Arc::new(SystemRandom)).unwrap()
    }

    fn secrets(totpsecret: &str) -> UserSecrets {
        UserSecrets { totpsecret: Some(totpsecret.into()), ..UserSecrets::default() }
    }

    #[test]
    fn m17_stored_totp_secrets_are_encrypted_and_plain_ones_are_read() {
        let vault = vault("0123456789abcdef");
        let update = SecretsUpdate {
            totpsecret: Patch::Set("JBSWY3DPEHPK3PXP".into()),
            ..SecretsUpdate::default()
        };
        let Patch::Set(sealed) = vault.seal_secrets(update).unwrap().totpsecret else {
            panic!("the secret is not kept")
        };
        assert!(!sealed.contains("JBSWY3DPEHPK3PXP"), "{sealed}");
        for stored in [&*sealed, "JBSWY3DPEHPK3PXP"] {
            let opened = vault.open_secrets(secrets(stored)).unwrap();
            assert_eq!(opened.totpsecret.as_deref(), Some("JBSWY3DPEHPK3PXP"));
        }
    }

    #[test]
    fn secrets_of_another_server_are_an_error_and_not_absent() {
        let update = SecretsUpdate {
            totpsecret: Patch::Set("JBSWY3DPEHPK3PXP".into()),
            ..SecretsUpdate::default()
        };
        let sealed = vault("fedcba9876543210").seal_secrets(update).unwrap().totpsecret;
        let Patch::Set(sealed) = sealed else { panic!("the secret is not kept") };
        assert!(vault("0123456789abcdef").open_secrets(secrets(&sealed)).is_err());
    }

    #[test]
    fn imported_secrets_are_encrypted_once() {
        let vault = vault("0123456789abcdef");
        let sealed = vault.seal_imported(secrets("JBSWY3DPEHPK3PXP")).unwrap();
        assert!(is_encrypted(sealed.totpsecret.as_deref().unwrap()));
        assert_eq!(vault.seal_imported(sealed.clone()).unwrap(), sealed);
        let opened = vault.open_secrets(sealed).unwrap();
        assert_eq!(opened, secrets("JBSWY3DPEHPK3PXP"));
        let none = UserSecrets::default();
        assert_eq!(vault.seal_imported(none.clone()).unwrap(), none);
    }

    #[test]
    fn keys_of_sessions_and_secrets_differ() {
        let vault = vault("0123456789abcdef");
        let sealed = vault.seal("JBSWY3DPEHPK3PXP").unwrap();
        assert_eq!(vault.open(&sealed).unwrap().as_str(), "JBSWY3DPEHPK3PXP");
        assert!(vault.open_secrets(secrets(&sealed)).is_err());
    }
}
