//! The modified scrypt of Firebase Authentication.
//!
//! Firebase derives an AES key from the password with scrypt and encrypts the signer key of the
//! project with it; the ciphertext is the hash. Stored as
//! `$fbscrypt$v=1,n=<memory cost>,r=<rounds>,p=1$<salt>$<hash>`, in padded base64 as Firebase exports
//! it. Signer key and salt separator are parameters of the project, not of the hash.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::number;
use super::scrypt::Cost;
use crate::crypto::equal;

/// Length of the AES key, in bytes: the first half of the derived key.
const KEY_LEN: usize = 32;

/// Length of the derived key, in bytes.
const DERIVED_LEN: usize = 64;

const SIGNER_KEY_LEN: std::ops::RangeInclusive<usize> = 16..=64;
const MAX_SALT_LEN: usize = 64;

/// The password hash parameters of a Firebase project, from its console.
#[derive(Clone)]
pub struct FirebaseParams {
    signer_key: Arc<Zeroizing<Vec<u8>>>,
    salt_separator: Vec<u8>,
}

/// Parameters of a Firebase project are not base64 or have the wrong length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be base64 as in the Firebase console")]
pub struct InvalidFirebaseParams;

impl FirebaseParams {
    /// The parameters of a project with this `base64_signer_key` and the salt separator that
    /// Firebase gives to projects, `Bw==`.
    pub fn new(signer_key: &str) -> Result<Self, InvalidFirebaseParams> {
        let signer_key = Arc::new(Zeroizing::new(decode(signer_key)?));
        if !SIGNER_KEY_LEN.contains(&signer_key.len()) {
            return Err(InvalidFirebaseParams);
        }
        Ok(Self { signer_key, salt_separator: vec![7] })
    }

    /// With another `base64_salt_separator`.
    pub fn with_salt_separator(self, separator: &str) -> Result<Self, InvalidFirebaseParams> {
        let salt_separator = decode(separator)?;
        if salt_separator.len() > MAX_SALT_LEN {
            return Err(InvalidFirebaseParams);
        }
        Ok(Self { salt_separator, ..self })
    }
}

fn decode(text: &str) -> Result<Vec<u8>, InvalidFirebaseParams> {
    STANDARD.decode(text).map_err(|_| InvalidFirebaseParams)
}

impl PartialEq for FirebaseParams {
    fn eq(&self, other: &Self) -> bool {
        equal(&self.signer_key, &other.signer_key) && self.salt_separator == other.salt_separator
    }
}

impl Eq for FirebaseParams {}

impl fmt::Debug for FirebaseParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FirebaseParams(…)")
    }
}

/// A parsed hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::password) struct FirebaseHash {
    params: FirebaseParams,
    cost: Cost,
    /// The salt of the user and the separator.
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl FirebaseHash {
    /// Parses a hash within the limits; `None` for anything else, and without the parameters of the
    /// project.
    pub(super) fn parse(text: &str, params: Option<&FirebaseParams>) -> Option<Self> {
        let rest = text.strip_prefix("$fbscrypt$v=1,")?;
        let params = params?;
        let [costs, salt, hash] = rest.split('$').collect::<Vec<_>>()[..] else { return None };
        let [n, r, p] = costs.split(',').collect::<Vec<_>>()[..] else { return None };
        let cost = Cost {
            log_n: number(n.strip_prefix("n=")?)?,
            r: number(r.strip_prefix("r=")?)?,
            p: number(p.strip_prefix("p=")?)?,
        };
        let mut salt = STANDARD.decode(salt).ok()?;
        let hash = STANDARD.decode(hash).ok()?;
        let fits = cost.is_within_limits()
            && salt.len() <= MAX_SALT_LEN
            && hash.len() == params.signer_key.len();
        salt.extend(&params.salt_separator);
        fits.then(|| Self { params: params.clone(), cost, salt, hash })
    }

    /// Whether this is the hash of `password`.
    pub(super) fn matches(&self, password: &str) -> bool {
        self.ciphertext(password).is_some_and(|ciphertext| equal(&ciphertext, &self.hash))
    }

    fn ciphertext(&self, password: &str) -> Option<Zeroizing<Vec<u8>>> {
        let derived = self.cost.derive(password, &self.salt, DERIVED_LEN)?;
        let key = UnboundCipherKey::new(&AES_256, &derived[..KEY_LEN]).ok()?;
        let key = EncryptingKey::ctr(key).ok()?;
        let mut text = Zeroizing::new(self.params.signer_key.to_vec());
        // The key is derived from the salt of one user, and encrypts one text.
        let counter = EncryptionContext::Iv128(FixedLength::from([0; 16]));
        key.less_safe_encrypt(&mut text, counter).ok()?;
        Some(text)
    }
}
