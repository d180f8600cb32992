//! PBKDF2 password hashes in upstream's format: `pbkdf2:<digest>:<key length>:<iterations>:<pepper
//! flag>:<salt>:<hash>`.
//!
//! The salt of PBKDF2 is its text in the hash; with a pepper, `<salt>!<pepper>`. TypeScript writes
//! the hash without padding and verifies no other, Python with padding; both are read here.

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use zeroize::Zeroizing;

use crate::crypto::encoding::{decode, encode, pad};
use crate::crypto::equal;
use crate::error::ErrorCode;

/// Maximum number of iterations of SHA-1 or SHA-256 for one hash, about half a second of a core.
/// SHA-384 and SHA-512 take twice the time; so does each further block of a longer key.
pub const MAX_ITERATIONS: u32 = 2_000_000;

/// Maximum length of a derived key, in bytes.
pub const MAX_KEY_LEN: usize = 64;

/// Maximum length of a parsed hash, in bytes.
const MAX_TEXT_LEN: usize = 1024;

/// A secret of the application that is added to every hash and not stored with them.
#[derive(Clone)]
pub struct Pepper(Zeroizing<String>);

impl Pepper {
    /// Wraps a secret.
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
#[non_exhaustive]
pub enum Digest {
    /// SHA-1, for existing hashes only.
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

/// Cost of a hash.
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
    /// Whether these parameters are within the limits: a key of 16 to 64 bytes, and work of at most
    /// [`MAX_ITERATIONS`].
    pub fn are_within_limits(&self) -> bool {
        (16..=MAX_KEY_LEN).contains(&self.key_len)
            && self.iterations >= 1
            && self.work() <= u64::from(MAX_ITERATIONS)
    }

    /// The cost of a hash, in iterations of SHA-256.
    fn work(&self) -> u64 {
        let (block_len, factor) = match self.digest {
            Digest::Sha1 => (20, 1),
            Digest::Sha256 => (32, 1),
            Digest::Sha384 => (48, 2),
            Digest::Sha512 => (64, 2),
        };
        let blocks = self.key_len.div_ceil(block_len).try_into().unwrap_or(u64::MAX);
        u64::from(self.iterations).saturating_mul(factor).saturating_mul(blocks)
    }
}

/// Whether a hash includes a pepper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PepperFlag {
    /// `0`: the salt alone.
    Plain,
    /// `1`: salt and pepper.
    Peppered,
}

impl PepperFlag {
    /// The flag of new hashes with this pepper.
    pub(crate) fn of(pepper: Option<&Pepper>) -> Self {
        if pepper.is_some() { Self::Peppered } else { Self::Plain }
    }
}

/// Whether the base64 of a hash is padded with `=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Padding {
    /// Unpadded, as TypeScript writes and reads it.
    #[default]
    Unpadded,
    /// Padded, as Python writes and reads it.
    Padded,
}

/// A parsed hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedHash {
    /// Its cost.
    pub params: Params,
    /// Whether it includes a pepper.
    pub pepper: PepperFlag,
    /// The salt, as text.
    pub salt: String,
    /// The derived key.
    pub hash: Vec<u8>,
    /// Whether its text is padded.
    pub padding: Padding,
}

/// Why a text is not a valid hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHash {
    /// Not seven parts with numbers and base64url in the expected places.
    #[error("Hash is not in a valid format")]
    Format,
    /// Not PBKDF2 with a known digest.
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
    /// Parses a hash, with or without padding. Any flag except `0` means that it includes a pepper.
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
            pepper: if flag == "0" { PepperFlag::Plain } else { PepperFlag::Peppered },
            salt: salt.to_owned(),
            padding: if hash.ends_with('=') { Padding::Padded } else { Padding::Unpadded },
            hash: decode(hash).map_err(|_| InvalidHash::Format)?,
        })
    }

    /// Hashes a password.
    pub fn new(password: &str, salt: String, pepper: Option<&Pepper>, params: Params) -> Self {
        let hash = derive(password, &salt, pepper, &params).to_vec();
        let padding = Padding::default();
        Self { params, pepper: PepperFlag::of(pepper), salt, hash, padding }
    }

    /// Whether the text with this padding is the same.
    pub(crate) fn reads_as(&self, padding: Padding) -> bool {
        self.padding == padding || self.hash.len().is_multiple_of(3)
    }

    /// Whether the hash can be verified: parameters within the limits, a hash of the stated length,
    /// and the pepper available if it includes one.
    pub fn is_checkable(&self, pepper: Option<&Pepper>) -> bool {
        self.params.are_within_limits()
            && self.hash.len() == self.params.key_len
            && (self.pepper == PepperFlag::Plain || pepper.is_some())
    }

    /// Whether this is the hash of `password`; false unless [`Self::is_checkable`].
    pub fn matches(&self, password: &str, pepper: Option<&Pepper>) -> bool {
        let pepper = pepper.filter(|_| self.pepper == PepperFlag::Peppered);
        self.is_checkable(pepper)
            && equal(&derive(password, &self.salt, pepper, &self.params), &self.hash)
    }
}

impl fmt::Display for EncodedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Params { digest, key_len, iterations } = self.params;
        let flag = match self.pepper {
            PepperFlag::Plain => 0,
            PepperFlag::Peppered => 1,
        };
        let hash = match self.padding {
            Padding::Unpadded => encode(&self.hash),
            Padding::Padded => pad(&encode(&self.hash)),
        };
        let (digest, salt) = (digest.as_str(), &self.salt);
        write!(f, "pbkdf2:{digest}:{key_len}:{iterations}:{flag}:{salt}:{hash}")
    }
}

/// Derives a key from a password with PBKDF2-HMAC. The caller must limit the cost.
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
    fn pepper_follows_the_salt_and_sets_the_flag() {
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

    /// A hash that the Python Crossauth stored.
    #[test]
    fn padded_hashes_are_those_of_python() {
        let python = "pbkdf2:sha256:32:1000:0:c2FsdHNhbHRzYWx0c2FsdA:\
                      vFxEtDV8XZBCmzgCnzVcN3xIWTwcI4CSUAvLvVk_H2Y=";
        let hash = EncodedHash { padding: Padding::Padded, ..stored("PASSWORD", None) };
        assert_eq!(hash.to_string(), python);
        assert_eq!(EncodedHash::parse(python).unwrap(), hash);
        assert_eq!(stored("PASSWORD", None).to_string(), python.trim_end_matches('='));
    }

    #[test]
    fn every_byte_of_a_long_password_counts() {
        let long = "x".repeat(72);
        let hash = stored(&format!("{long}a"), None);
        assert!(hash.matches(&format!("{long}a"), None));
        assert!(!hash.matches(&format!("{long}b"), None));
        assert!(!hash.matches(&long, None));
    }

    #[test]
    fn work_of_a_hash_is_bounded_whatever_its_digest_and_length() {
        let sane = |digest, key_len, iterations| {
            Params { digest, key_len, iterations }.are_within_limits()
        };
        for (digest, key_len, most) in [
            (Digest::Sha1, 20, MAX_ITERATIONS),
            (Digest::Sha256, 32, MAX_ITERATIONS),
            (Digest::Sha256, 64, MAX_ITERATIONS / 2),
            (Digest::Sha384, 48, MAX_ITERATIONS / 2),
            (Digest::Sha512, 64, MAX_ITERATIONS / 2),
        ] {
            assert!(sane(digest, key_len, most) && !sane(digest, key_len, most + 1), "{digest:?}");
        }
    }

    #[test]
    fn hashes_outside_the_limits_are_not_computed() {
        for (key_len, iterations) in
            [("32", "4294967295"), ("32", "2000001"), ("32", "0"), ("0", "1000"), ("4", "1000")]
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
