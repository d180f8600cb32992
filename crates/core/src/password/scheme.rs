//! How one password is hashed and checked, whatever the scheme.

use std::sync::Arc;

use super::argon2id::{Argon2idParams, Memory, PhcString};
use super::pbkdf2::{self, EncodedHash, Pepper, Peppered};
use crate::crypto::random::random_salt;
use crate::random::{Random, bytes};

/// How new passwords are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewHashes {
    /// With Argon2id, as PHC strings.
    Argon2id(Argon2idParams),
    /// With PBKDF2, as the originals do: where one of them shares the database.
    Pbkdf2(pbkdf2::Params),
}

impl Default for NewHashes {
    fn default() -> Self {
        Self::Argon2id(Argon2idParams::default())
    }
}

impl NewHashes {
    /// Whether hashes with these parameters could be checked afterwards.
    pub(crate) fn are_sane(&self) -> bool {
        match self {
            Self::Argon2id(params) => params.are_sane(),
            Self::Pbkdf2(params) => params.are_sane(),
        }
    }
}

/// Whether a password was the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// It was.
    Match(Freshness),
    /// It was not, or there is no password.
    Mismatch,
}

/// Whether a stored hash is what a new one would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It is.
    Current,
    /// It has another scheme or other parameters: hash the password again and store that.
    Outdated,
}

/// Hashes and checks; the work is done on the thread that calls.
#[derive(Clone)]
pub(crate) struct Scheme {
    pub(crate) new: NewHashes,
    pub(crate) pepper: Option<Pepper>,
    pub(crate) random: Arc<dyn Random>,
}

/// A stored text, as far as it is a hash at all.
enum Stored {
    Argon2id(PhcString),
    Pbkdf2(EncodedHash),
    /// No password can match, on purpose.
    None,
    /// Nobody can tell what this is.
    Corrupt,
}

impl Scheme {
    pub(crate) fn hash(
        &self,
        password: &str,
        memory: &mut Memory,
    ) -> Result<String, argon2::Error> {
        match self.new {
            NewHashes::Argon2id(params) => {
                let salt: [u8; 16] = bytes(&*self.random);
                Ok(PhcString::new(password, &salt, params, memory)?.to_string())
            }
            NewHashes::Pbkdf2(params) => {
                let salt = random_salt(&*self.random);
                Ok(EncodedHash::new(password, salt, self.pepper.as_ref(), params).to_string())
            }
        }
    }

    /// Checks a password. Where there is nothing to check against, the work of checking against a
    /// new hash is done all the same, so that time does not tell who has no password.
    pub(crate) fn verify(
        &self,
        password: &str,
        stored: Option<&str>,
        memory: &mut Memory,
    ) -> Result<Verification, argon2::Error> {
        let (matches, freshness) = match self.read(stored) {
            Stored::Argon2id(hash) => {
                let current = self.new == NewHashes::Argon2id(hash.params);
                (hash.matches(password, memory)?, current)
            }
            Stored::Pbkdf2(hash) => {
                let pepper = self.pepper.as_ref();
                (hash.matches(password, pepper), self.would_write(&hash))
            }
            Stored::Corrupt => {
                tracing::warn!("a stored password hash cannot be read; the login is refused");
                self.hash(password, memory)?;
                return Ok(Verification::Mismatch);
            }
            Stored::None => {
                self.hash(password, memory)?;
                return Ok(Verification::Mismatch);
            }
        };
        let freshness = if freshness { Freshness::Current } else { Freshness::Outdated };
        Ok(if matches { Verification::Match(freshness) } else { Verification::Mismatch })
    }

    fn would_write(&self, hash: &EncodedHash) -> bool {
        let peppered = if self.pepper.is_some() { Peppered::Yes } else { Peppered::No };
        self.new == NewHashes::Pbkdf2(hash.params) && hash.peppered == peppered
    }

    fn read(&self, stored: Option<&str>) -> Stored {
        let Some(stored) = stored.filter(|stored| !is_sentinel(stored)) else {
            return Stored::None;
        };
        if let Some(hash) = PhcString::parse(stored) {
            return Stored::Argon2id(hash);
        }
        match EncodedHash::parse(stored) {
            Ok(hash) if hash.is_checkable(self.pepper.as_ref()) => Stored::Pbkdf2(hash),
            Ok(_) | Err(_) => Stored::Corrupt,
        }
    }
}

/// What the originals store for users without a password of their own.
fn is_sentinel(stored: &str) -> bool {
    stored.is_empty() || stored == "********" || stored.ends_with(":DISABLED:DISABLED")
}
