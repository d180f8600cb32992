//! bcrypt: `$2b$<cost>$<salt><hash>`, with `$2a$` and `$2y$` as other names of the same function.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::alphabet::BCRYPT;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, NO_PAD};
use zeroize::Zeroizing;

use crate::crypto::equal;

/// Limits of the cost. A hash with the highest takes about a second of a core.
const COST: std::ops::RangeInclusive<u32> = 4..=14;

/// The longest password that bcrypt hashes completely, in bytes.
const MAX_PASSWORD_LEN: usize = 72;

/// Length of a hash, in bytes: the last byte of the ciphertext is not stored.
const HASH_LEN: usize = 23;

/// The last symbols of salt and hash have bits that are not used.
const BASE64: GeneralPurpose = GeneralPurpose::new(&BCRYPT, CONFIG);
const CONFIG: GeneralPurposeConfig = NO_PAD.with_decode_allow_trailing_bits(true);

/// What is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// The password.
    Password,
    /// The hexadecimal SHA-256 of the password, as Django's `bcrypt_sha256` does.
    HexSha256,
}

/// A parsed hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::password) struct BcryptHash {
    input: Input,
    cost: u32,
    salt: [u8; 16],
    hash: [u8; HASH_LEN],
}

impl BcryptHash {
    /// Parses a hash within the limits; `None` for anything else, also for `$2x$`, which marks
    /// hashes of a faulty implementation.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::parse_of(text, Input::Password)
    }

    pub(super) fn parse_of(text: &str, input: Input) -> Option<Self> {
        let ["", "2a" | "2b" | "2y", cost, encoded] = text.split('$').collect::<Vec<_>>()[..]
        else {
            return None;
        };
        let cost = (cost.len() == 2).then(|| cost.parse().ok()).flatten()?;
        let (salt, hash) = encoded.split_at_checked(22)?;
        let salt = BASE64.decode(salt).ok()?.try_into().ok()?;
        let hash = BASE64.decode(hash).ok()?.try_into().ok()?;
        COST.contains(&cost).then_some(Self { input, cost, salt, hash })
    }

    /// Whether this is the hash of `password`.
    ///
    /// bcrypt ignores what follows the 72nd byte, and some implementations what follows a NUL. Such
    /// passwords are refused: the hash does not tell whether they are correct.
    pub(super) fn matches(&self, password: &str) -> bool {
        let mut key = Zeroizing::new(match self.input {
            Input::Password => password.as_bytes().to_vec(),
            Input::HexSha256 => hex(digest(&SHA256, password.as_bytes()).as_ref()),
        });
        if key.len() > MAX_PASSWORD_LEN || key.contains(&0) {
            return false;
        }
        key.push(0);
        key.truncate(MAX_PASSWORD_LEN);
        equal(&bcrypt::bcrypt(self.cost, self.salt, &key)[..HASH_LEN], &self.hash)
    }
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| DIGITS[usize::from(digit)])
        .collect()
}
