//! Hashing and verification of one password with any scheme.

use std::borrow::Cow;
use std::sync::Arc;

use super::argon2id::{Argon2idParams, Memory, PhcString};
use super::foreign::{FirebaseParams, ForeignHash, ForeignVerdict, PasswordVerifier};
use super::pbkdf2::{self, EncodedHash, Padding, Pepper, PepperFlag};
use crate::crypto::random_salt;
use crate::random::{Random, bytes};
use crate::user::nfc;

/// How new passwords are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewHashes {
    /// With Argon2id, as PHC strings.
    Argon2id(Argon2idParams),
    /// With PBKDF2, as upstream: if Python or TypeScript shares the database.
    Pbkdf2(pbkdf2::Params),
}

impl Default for NewHashes {
    fn default() -> Self {
        Self::Argon2id(Argon2idParams::default())
    }
}

impl NewHashes {
    /// Whether hashes with these parameters can be verified.
    pub(crate) fn are_within_limits(&self) -> bool {
        match self {
            Self::Argon2id(params) => params.are_within_limits(),
            Self::Pbkdf2(params) => params.are_within_limits(),
        }
    }
}

/// The result of verifying a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// The password is correct.
    Match {
        /// A new hash to store, if the stored one has another scheme or other parameters than new
        /// ones, or was made from a text that is not in Unicode normalization form C.
        upgrade: Option<String>,
    },
    /// The password is wrong, or none is stored.
    Mismatch,
}

/// Hashes and verifies on the calling thread.
#[derive(Clone)]
pub(crate) struct Scheme {
    pub(crate) new: NewHashes,
    pub(crate) pepper: Option<Pepper>,
    pub(crate) padding: Padding,
    pub(crate) firebase: Option<FirebaseParams>,
    pub(crate) verifiers: Vec<Arc<dyn PasswordVerifier>>,
    pub(crate) random: Arc<dyn Random>,
}

/// A parsed stored hash.
enum Stored<'a> {
    Argon2id(PhcString),
    Pbkdf2(EncodedHash),
    Foreign(ForeignHash),
    /// A format that only the verifiers of the application may know.
    Application(&'a str),
    /// A marker for "no password".
    None,
    /// Unrecognised format, or parameters that exceed the limits.
    Corrupt,
}

impl Scheme {
    pub(crate) fn hash(
        &self,
        password: &str,
        memory: &mut Memory,
    ) -> Result<String, argon2::Error> {
        self.hash_as_typed(&nfc(password), memory)
    }

    fn hash_as_typed(&self, password: &str, memory: &mut Memory) -> Result<String, argon2::Error> {
        match self.new {
            NewHashes::Argon2id(params) => {
                let salt: [u8; 16] = bytes(&*self.random);
                Ok(PhcString::new(password, &salt, params, memory)?.to_string())
            }
            NewHashes::Pbkdf2(params) => {
                let salt = random_salt(&*self.random);
                let hash = EncodedHash::new(password, salt, self.pepper.as_ref(), params);
                Ok(EncodedHash { padding: self.padding, ..hash }.to_string())
            }
        }
    }

    /// Verifies a password. If there is no hash to compare with, computes and drops a new one, so
    /// that the timing does not reveal which accounts have no password.
    pub(crate) fn verify(
        &self,
        password: &str,
        stored: Option<&str>,
        memory: &mut Memory,
    ) -> Result<Verification, argon2::Error> {
        let stored = self.read(stored);
        if matches!(stored, Stored::Corrupt) {
            warn_of_corrupt_hash();
        }
        let composed = nfc(password);
        if self.matches(&composed, &stored, memory)? {
            let upgrade = !self.is_current(&stored);
            let upgrade = upgrade.then(|| self.hash_as_typed(&composed, memory)).transpose()?;
            return Ok(Verification::Match { upgrade });
        }
        // Upstream hashes the text as it was typed.
        if let Cow::Owned(composed) = composed
            && composed != password
            && self.matches(password, &stored, memory)?
        {
            let upgrade = Some(self.hash_as_typed(&composed, memory)?);
            return Ok(Verification::Match { upgrade });
        }
        Ok(Verification::Mismatch)
    }

    fn matches(
        &self,
        password: &str,
        stored: &Stored<'_>,
        memory: &mut Memory,
    ) -> Result<bool, argon2::Error> {
        match stored {
            Stored::Argon2id(hash) => hash.matches(password, memory),
            Stored::Pbkdf2(hash) => Ok(hash.matches(password, self.pepper.as_ref())),
            Stored::Foreign(hash) => hash.matches(password, memory),
            Stored::Application(hash) => self.ask_application(password, hash, memory),
            Stored::None | Stored::Corrupt => {
                self.hash_as_typed(password, memory)?;
                Ok(false)
            }
        }
    }

    /// Asks the verifiers of the application in turn. A hash that none knows is refused.
    fn ask_application(
        &self,
        password: &str,
        stored: &str,
        memory: &mut Memory,
    ) -> Result<bool, argon2::Error> {
        for verifier in &self.verifiers {
            match verifier.verify(password, stored) {
                ForeignVerdict::Match => return Ok(true),
                ForeignVerdict::Mismatch => return Ok(false),
                ForeignVerdict::UnknownFormat => {}
            }
        }
        warn_of_corrupt_hash();
        self.hash_as_typed(password, memory)?;
        Ok(false)
    }

    /// Whether a new hash would have the same scheme and cost.
    fn is_current(&self, stored: &Stored<'_>) -> bool {
        match stored {
            Stored::Argon2id(hash) => self.new == NewHashes::Argon2id(hash.params),
            Stored::Pbkdf2(hash) => {
                self.new == NewHashes::Pbkdf2(hash.params)
                    && hash.pepper == PepperFlag::of(self.pepper.as_ref())
                    && hash.reads_as(self.padding)
            }
            Stored::Foreign(_) | Stored::Application(_) | Stored::None | Stored::Corrupt => false,
        }
    }

    fn read<'a>(&self, stored: Option<&'a str>) -> Stored<'a> {
        let Some(stored) = stored.filter(|stored| !is_sentinel(stored)) else {
            return Stored::None;
        };
        if let Some(hash) = PhcString::parse(stored) {
            return Stored::Argon2id(hash);
        }
        if let Ok(hash) = EncodedHash::parse(stored) {
            let checkable = hash.is_checkable(self.pepper.as_ref());
            return if checkable { Stored::Pbkdf2(hash) } else { Stored::Corrupt };
        }
        match ForeignHash::parse(stored, self.firebase.as_ref()) {
            Some(hash) => Stored::Foreign(hash),
            None if self.verifiers.is_empty() || ForeignHash::is_known_format(stored) => {
                Stored::Corrupt
            }
            None => Stored::Application(stored),
        }
    }
}

fn warn_of_corrupt_hash() {
    tracing::warn!("cannot parse a stored password hash; the login is refused");
}

/// Whether upstream, Django (`!…`) or another system (`*`) stores this for users without a local
/// password.
fn is_sentinel(stored: &str) -> bool {
    stored.is_empty() || stored.starts_with(['!', '*']) || stored.ends_with(":DISABLED:DISABLED")
}
