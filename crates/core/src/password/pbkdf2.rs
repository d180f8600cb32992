//! The originals' password hashes: `pbkdf2:<digest>:<key length>:<iterations>:<pepper
//! flag>:<salt>:<hash>`.
//!
//! The salt goes into PBKDF2 as the text that stands there; with a pepper as `<salt>!<pepper>`.

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use zeroize::Zeroizing;

use crate::crypto::encoding::{decode, encode};
use crate::crypto::equal;
use crate::error::ErrorCode;

/// Most iterations that are run: a few times what anybody recommends today.
pub const MAX_ITERATIONS: u32 = 4_000_000;

/// Longest key that is derived, in bytes.
pub const MAX_KEY_LEN: usize = 64;

/// Longest text that is read as a hash, in bytes.
const MAX_TEXT_LEN: usize = 1024;

/// A secret of the application that goes into every hash but stands beside none of them.
#[derive(Clone)]
pub struct Pepper(Zeroizing<String>);

impl Pepper {
    /// Takes over a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(…)")
    }
}

/// The hash function inside PBKDF2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Digest {
    /// SHA-1. For hashes that exist already.
    Sha1,
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Digest {
    const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The name in hashes and settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// The digest of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|digest| digest.as_str() == name)
    }
}

/// What a hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    /// The hash function.
    pub digest: Digest,
    /// Length of the derived key, in bytes.
    pub key_len: usize,
    /// Number of iterations.
    pub iterations: u32,
}

impl Default for Params {
    fn default() -> Self {
        Self { digest: Digest::Sha256, key_len: 32, iterations: 600_000 }
    }
}

impl Params {
    /// Whether a hash with these parameters is one, and cheap enough to be computed.
    pub fn are_sane(&self) -> bool {
        (1..=MAX_ITERATIONS).contains(&self.iterations)
            && (16..=MAX_KEY_LEN).contains(&self.key_len)
    }
}

/// Whether a pepper went into a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peppered {
    /// It did not.
    No,
    /// It did.
    Yes,
}

/// A stored hash in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedHash {
    /// What it costs.
    pub params: Params,
    /// Whether a pepper went into it.
    pub peppered: Peppered,
    /// The salt, as text.
    pub salt: String,
    /// The derived key.
    pub hash: Vec<u8>,
}

/// Why a text was not read as a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHash {
    /// Not seven parts with numbers and base64url where they belong.
    #[error("Hash is not in a valid format")]
    Format,
    /// Made by something else than PBKDF2 with a known digest.
    #[error("Algorithm not supported")]
    UnsupportedAlgorithm,
}

impl From<InvalidHash> for ErrorCode {
    fn from(error: InvalidHash) -> Self {
        match error {
            InvalidHash::Format => Self::InvalidHash,
            InvalidHash::UnsupportedAlgorithm => Self::UnsupportedAlgorithm,
        }
    }
}

impl EncodedHash {
    /// Reads a hash, with or without padding. Any flag but `0` stands for a pepper.
    pub fn parse(text: &str) -> Result<Self, InvalidHash> {
        if text.len() > MAX_TEXT_LEN {
            return Err(InvalidHash::Format);
        }
        let parts: Vec<&str> = text.split(':').collect();
        let [algorithm, digest, key_len, iterations, flag, salt, hash] = parts[..] else {
            return Err(InvalidHash::Format);
        };
        if algorithm != "pbkdf2" {
            return Err(InvalidHash::UnsupportedAlgorithm);
        }
        let params = Params {
            digest: Digest::from_name(digest).ok_or(InvalidHash::UnsupportedAlgorithm)?,
            key_len: key_len.parse().map_err(|_| InvalidHash::Format)?,
            iterations: iterations.parse().map_err(|_| InvalidHash::Format)?,
        };
        Ok(Self {
            params,
            peppered: if flag == "0" { Peppered::No } else { Peppered::Yes },
            salt: salt.to_owned(),
            hash: decode(hash).map_err(|_| InvalidHash::Format)?,
        })
    }

    /// Hashes a password.
    pub fn new(password: &str, salt: String, pepper: Option<&Pepper>, params: Params) -> Self {
        let peppered = if pepper.is_some() { Peppered::Yes } else { Peppered::No };
        let hash = derive(password, &salt, pepper, &params).to_vec();
        Self { params, peppered, salt, hash }
    }

    /// Whether the hash can be checked: sane parameters, a hash of the stated length, and the
    /// pepper at hand if there is one in it.
    pub fn is_checkable(&self, pepper: Option<&Pepper>) -> bool {
        self.params.are_sane()
            && self.hash.len() == self.params.key_len
            && (self.peppered == Peppered::No || pepper.is_some())
    }

    /// Whether this is the hash of `password`; never, unless [`Self::is_checkable`].
    pub fn matches(&self, password: &str, pepper: Option<&Pepper>) -> bool {
        let pepper = pepper.filter(|_| self.peppered == Peppered::Yes);
        self.is_checkable(pepper)
            && equal(&derive(password, &self.salt, pepper, &self.params), &self.hash)
    }
}

impl fmt::Display for EncodedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Params { digest, key_len, iterations } = self.params;
        let flag = match self.peppered {
            Peppered::No => 0,
            Peppered::Yes => 1,
        };
        let (digest, salt, hash) = (digest.as_str(), &self.salt, encode(&self.hash));
        write!(f, "pbkdf2:{digest}:{key_len}:{iterations}:{flag}:{salt}:{hash}")
    }
}

/// The key that PBKDF2-HMAC derives from a password. The caller bounds the cost.
pub fn derive(
    password: &str,
    salt: &str,
    pepper: Option<&Pepper>,
    params: &Params,
) -> Zeroizing<Vec<u8>> {
    let salt = match pepper {
        Some(pepper) => Zeroizing::new(format!("{salt}!{}", *pepper.0)),
        None => Zeroizing::new(salt.to_owned()),
    };
    let mut key = Zeroizing::new(vec![0; params.key_len]);
    let algorithm = match params.digest {
        Digest::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
        Digest::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        Digest::Sha384 => pbkdf2::PBKDF2_HMAC_SHA384,
        Digest::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
    };
    let iterations = NonZeroU32::new(params.iterations).unwrap_or(NonZeroU32::MIN);
    pbkdf2::derive(algorithm, iterations, salt.as_bytes(), password.as_bytes(), &mut key);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: &str = "c2FsdHNhbHRzYWx0c2FsdA";

    fn stored(password: &str, pepper: Option<&Pepper>) -> EncodedHash {
        let params = Params { iterations: 1000, ..Params::default() };
        EncodedHash::new(password, SALT.to_owned(), pepper, params)
    }

    #[test]
    fn the_pepper_is_joined_to_the_salt_and_flagged() {
        let pepper = Pepper::new("SECRET");
        let peppered = stored("PASSWORD", Some(&pepper));
        assert_eq!(
            peppered.to_string(),
            "pbkdf2:sha256:32:1000:1:c2FsdHNhbHRzYWx0c2FsdA:\
             jOIDjcWQ77kBML-tXjTvmZ1KCcxD_s8Cv_XBC8xE7m0"
        );
        assert!(peppered.matches("PASSWORD", Some(&pepper)));
        assert!(!peppered.matches("PASSWORD", Some(&Pepper::new("OTHER"))));
        assert!(!peppered.matches("PASSWORD", None));
        assert!(stored("PASSWORD", None).matches("PASSWORD", Some(&pepper)));
    }

    #[test]
    fn hashes_are_not_cut_off() {
        let long = "x".repeat(72);
        let hash = stored(&format!("{long}a"), None);
        assert!(hash.matches(&format!("{long}a"), None));
        assert!(!hash.matches(&format!("{long}b"), None));
        assert!(!hash.matches(&long, None));
    }

    #[test]
    fn what_costs_too_much_or_proves_nothing_is_not_run() {
        for (key_len, iterations) in
            [("32", "4294967295"), ("32", "4000001"), ("32", "0"), ("0", "1000"), ("4", "1000")]
        {
            let hash = "A".repeat(match key_len {
                "0" => 0,
                "4" => 6,
                _ => 43,
            });
            let text = format!("pbkdf2:sha256:{key_len}:{iterations}:0:salt:{hash}");
            let hash = EncodedHash::parse(&text).unwrap();
            assert!(!hash.is_checkable(None) && !hash.matches("", None), "{text}");
        }
        let huge = format!("pbkdf2:sha256:99999999999:1:0:salt:{}", "A".repeat(43));
        assert!(!EncodedHash::parse(&huge).is_ok_and(|hash| hash.is_checkable(None)));
        let long = format!("pbkdf2:sha256:32:1:0:{}:AAAA", "s".repeat(10_000));
        assert_eq!(EncodedHash::parse(&long), Err(InvalidHash::Format));
    }
}
