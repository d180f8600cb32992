//! Hashes that other software stored: bcrypt, scrypt, and those of Django and Firebase.
//!
//! They are verified only. The first login replaces such a hash by a new one. Their parameters are
//! untrusted: a row must neither occupy a thread for long nor exhaust the memory.

mod bcrypt;
mod django;
mod firebase;
mod scrypt;

use super::argon2id::{Memory, PhcString};
use bcrypt::BcryptHash;
use django::Pbkdf2Hash;
use firebase::FirebaseHash;
pub use firebase::{FirebaseParams, InvalidFirebaseParams};
use scrypt::ScryptHash;

/// Maximum length of a parsed hash, in bytes.
const MAX_TEXT_LEN: usize = 1024;

/// Verifies password hashes in a format of the application.
///
/// A hash that Crossauth can parse, or whose format it knows, is never passed to the application:
/// parameters that exceed the limits stay refused, and an account without a password stays without
/// one. The method runs on a thread of the [`Hasher`](super::Hasher). It must limit the cost that a
/// stored hash can ask for, and compare in constant time. If it panics, the login fails.
///
/// ```
/// use crossauth_core::password::{ForeignVerdict, PasswordVerifier};
///
/// /// Hashes of an old shop: `shop1:<hash>`.
/// struct OldShop;
///
/// impl PasswordVerifier for OldShop {
///     fn verify(&self, password: &str, stored: &str) -> ForeignVerdict {
///         match stored.strip_prefix("shop1:") {
///             None => ForeignVerdict::UnknownFormat,
///             Some(hash) if old_hash(password) == hash => ForeignVerdict::Match,
///             Some(_) => ForeignVerdict::Mismatch,
///         }
///     }
/// }
/// # fn old_hash(password: &str) -> String { password.into() }
/// ```
pub trait PasswordVerifier: Send + Sync {
    /// Compares a password with a stored hash.
    fn verify(&self, password: &str, stored: &str) -> ForeignVerdict;
}

/// The result of comparing a password with a hash in a format of the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForeignVerdict {
    /// The password is correct. A new hash replaces the stored one.
    Match,
    /// The password is wrong.
    Mismatch,
    /// The hash has another format; the next verifier is asked.
    UnknownFormat,
}

/// A parsed hash within the limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ForeignHash {
    /// `$2b$…`, also as Django's `bcrypt$$2b$…` and `bcrypt_sha256$$2b$…`.
    Bcrypt(BcryptHash),
    /// `$scrypt$…`, also as Django's `scrypt$…`.
    Scrypt(ScryptHash),
    /// Django's `pbkdf2_sha256$…` and `pbkdf2_sha1$…`.
    Pbkdf2(Pbkdf2Hash),
    /// Django's `argon2$argon2id$…`.
    Argon2id(PhcString),
    /// `$fbscrypt$…`.
    Firebase(FirebaseHash),
}

impl ForeignHash {
    /// Parses a hash within the limits; `None` for anything else.
    pub(super) fn parse(stored: &str, firebase: Option<&FirebaseParams>) -> Option<Self> {
        if stored.len() > MAX_TEXT_LEN {
            return None;
        }
        if let Some(django) = django::parse(stored) {
            return Some(django);
        }
        BcryptHash::parse(stored)
            .map(Self::Bcrypt)
            .or_else(|| ScryptHash::parse(stored).map(Self::Scrypt))
            .or_else(|| FirebaseHash::parse(stored, firebase).map(Self::Firebase))
    }

    /// Whether a text has one of the formats that are verified here, so that it does not belong to
    /// the application even if it cannot be parsed.
    pub(super) fn is_known_format(stored: &str) -> bool {
        const PREFIXES: [&str; 12] = [
            "$argon2",
            "$2$",
            "$2a$",
            "$2b$",
            "$2x$",
            "$2y$",
            "$scrypt$",
            "$fbscrypt$",
            "pbkdf2_sha",
            "argon2$",
            "bcrypt",
            "scrypt$",
        ];
        PREFIXES.iter().any(|prefix| stored.starts_with(prefix))
    }

    /// Whether this is the hash of `password`.
    pub(super) fn matches(
        &self,
        password: &str,
        memory: &mut Memory,
    ) -> Result<bool, argon2::Error> {
        Ok(match self {
            Self::Bcrypt(hash) => hash.matches(password),
            Self::Scrypt(hash) => hash.matches(password),
            Self::Pbkdf2(hash) => hash.matches(password),
            Self::Firebase(hash) => hash.matches(password),
            Self::Argon2id(hash) => return hash.matches(password, memory),
        })
    }
}

/// A number as software writes it: digits without a sign or leading zeros.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let is_canonical = text == "0" || !text.starts_with('0');
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    (is_canonical && digits).then(|| text.parse().ok()).flatten()
}
