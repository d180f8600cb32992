//! Hashes of Django: `<algorithm>$…`, the parts separated by `$`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::bcrypt::{BcryptHash, Input};
use super::scrypt::{Cost, ScryptHash};
use super::{ForeignHash, number};
use crate::crypto::equal;
use crate::password::argon2id::PhcString;
use crate::password::pbkdf2::{Digest, Params, derive};

/// Parses a hash within the limits; `None` for anything else, also for MD5 and unsalted hashes.
pub(super) fn parse(text: &str) -> Option<ForeignHash> {
    let (algorithm, rest) = text.split_once('$')?;
    match algorithm {
        "pbkdf2_sha256" => Pbkdf2Hash::parse(Digest::Sha256, rest).map(ForeignHash::Pbkdf2),
        "pbkdf2_sha1" => Pbkdf2Hash::parse(Digest::Sha1, rest).map(ForeignHash::Pbkdf2),
        "bcrypt" => BcryptHash::parse(rest).map(ForeignHash::Bcrypt),
        "bcrypt_sha256" => BcryptHash::parse_of(rest, Input::HexSha256).map(ForeignHash::Bcrypt),
        "argon2" => PhcString::parse(&text["argon2".len()..]).map(ForeignHash::Argon2id),
        "scrypt" => parse_scrypt(rest).map(ForeignHash::Scrypt),
        _ => None,
    }
}

/// Parses `<N>$<salt>$<r>$<p>$<hash>`.
fn parse_scrypt(rest: &str) -> Option<ScryptHash> {
    let [n, salt, r, p, hash] = rest.split('$').collect::<Vec<_>>()[..] else { return None };
    let n: u64 = number(n)?;
    let log_n = n.is_power_of_two().then(|| n.trailing_zeros()).and_then(|log| log.try_into().ok());
    let cost = Cost { log_n: log_n?, r: number(r)?, p: number(p)? };
    ScryptHash::new(cost, salt.as_bytes().to_vec(), STANDARD.decode(hash).ok()?)
}

/// A parsed PBKDF2 hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::password) struct Pbkdf2Hash {
    params: Params,
    salt: String,
    hash: Vec<u8>,
}

impl Pbkdf2Hash {
    /// Parses `<iterations>$<salt>$<hash>` within the limits.
    fn parse(digest: Digest, rest: &str) -> Option<Self> {
        let [iterations, salt, hash] = rest.split('$').collect::<Vec<_>>()[..] else {
            return None;
        };
        let hash = STANDARD.decode(hash).ok()?;
        let params = Params { digest, key_len: hash.len(), iterations: number(iterations)? };
        let fits = params.are_within_limits() && !salt.is_empty();
        fits.then(|| Self { params, salt: salt.to_owned(), hash })
    }

    /// Whether this is the hash of `password`.
    pub(super) fn matches(&self, password: &str) -> bool {
        equal(&derive(password, &self.salt, None, &self.params), &self.hash)
    }
}
