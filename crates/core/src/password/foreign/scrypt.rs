//! scrypt (RFC 7914) as a PHC string: `$scrypt$ln=<log2 N>,r=<r>,p=<p>$<salt>$<hash>`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use scrypt::Params;
use zeroize::Zeroizing;

use super::number;
use crate::crypto::equal;

/// Limits of the parameters. A hash at the limits takes 128 MiB and about a second of a core.
const MAX_LOG_N: u8 = 20;
const MAX_R: u32 = 32;
const MAX_P: u32 = 16;
/// Of N times r, in units of 128 bytes of memory.
const MAX_MEMORY: u64 = 1 << 20;
/// Of N times r times p.
const MAX_WORK: u64 = 1 << 21;
const MAX_SALT_LEN: usize = 128;
const HASH_LEN: std::ops::RangeInclusive<usize> = 16..=64;

/// The cost of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) log_n: u8,
    pub(super) r: u32,
    pub(super) p: u32,
}

impl Cost {
    pub(super) fn is_within_limits(self) -> bool {
        let Self { log_n, r, p } = self;
        let memory = u64::from(r) << log_n.min(MAX_LOG_N);
        (1..=MAX_LOG_N).contains(&log_n)
            && (1..=MAX_R).contains(&r)
            && (1..=MAX_P).contains(&p)
            && memory <= MAX_MEMORY
            && memory * u64::from(p) <= MAX_WORK
    }

    /// Derives a key of `len` bytes; `None` if the parameters are out of bounds.
    pub(super) fn derive(
        self,
        password: &str,
        salt: &[u8],
        len: usize,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let params = Params::new(self.log_n, self.r, self.p).ok()?;
        let params = self.is_within_limits().then_some(params)?;
        let mut key = Zeroizing::new(vec![0; len]);
        scrypt::scrypt(password.as_bytes(), salt, &params, &mut key).ok()?;
        Some(key)
    }
}

/// A parsed hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::password) struct ScryptHash {
    cost: Cost,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl ScryptHash {
    /// A hash within the limits; `None` for any other.
    pub(super) fn new(cost: Cost, salt: Vec<u8>, hash: Vec<u8>) -> Option<Self> {
        let fits =
            cost.is_within_limits() && salt.len() <= MAX_SALT_LEN && HASH_LEN.contains(&hash.len());
        fits.then_some(Self { cost, salt, hash })
    }

    /// Parses a hash within the limits; `None` for anything else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let [params, salt, hash] =
            text.strip_prefix("$scrypt$")?.split('$').collect::<Vec<_>>()[..]
        else {
            return None;
        };
        let [log_n, r, p] = params.split(',').collect::<Vec<_>>()[..] else { return None };
        let cost = Cost {
            log_n: number(log_n.strip_prefix("ln=")?)?,
            r: number(r.strip_prefix("r=")?)?,
            p: number(p.strip_prefix("p=")?)?,
        };
        let salt = STANDARD_NO_PAD.decode(salt).ok()?;
        Self::new(cost, salt, STANDARD_NO_PAD.decode(hash).ok()?)
    }

    /// Whether this is the hash of `password`.
    pub(super) fn matches(&self, password: &str) -> bool {
        let derived = self.cost.derive(password, &self.salt, self.hash.len());
        derived.is_some_and(|derived| equal(&derived, &self.hash))
    }
}
