//! Argon2id (RFC 9106) hashes as PHC strings:
//! `$argon2id$v=19$m=<KiB>,t=<passes>,p=<lanes>$<salt>$<hash>`.

use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

use crate::crypto::equal;

/// Limits of parameters in settings and in stored strings, which are untrusted. A hash at the
/// limits takes about half a second.
const MAX_MEMORY_KIB: u32 = 128 * 1024;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 16;
const MAX_WORK_KIB: u32 = 512 * 1024;
const SALT_LEN: std::ops::RangeInclusive<usize> = 8..=64;
const HASH_LEN: std::ops::RangeInclusive<usize> = 16..=64;
const MAX_TEXT_LEN: usize = 512;

/// Length of new hashes, in bytes.
const NEW_HASH_LEN: usize = 32;

/// Cost of an Argon2id hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2idParams {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes, which are computed sequentially.
    pub lanes: u32,
}

impl Default for Argon2idParams {
    /// 19 MiB, two passes, one lane: the minimum that OWASP recommends; 17 ms of one core.
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1 }
    }
}

impl Argon2idParams {
    /// Whether Argon2 accepts these parameters and they are within the limits: at most 128 MiB, 16
    /// passes and 16 lanes, and memory times passes at most 512 MiB.
    pub fn are_within_limits(&self) -> bool {
        self.memory_kib <= MAX_MEMORY_KIB
            && (1..=MAX_PASSES).contains(&self.passes)
            && (1..=MAX_LANES).contains(&self.lanes)
            && self.memory_kib >= 8 * self.lanes
            && self.memory_kib.saturating_mul(self.passes) <= MAX_WORK_KIB
    }
}

/// Working memory, reused between hashes.
#[derive(Default)]
pub(crate) struct Memory {
    blocks: Vec<Block>,
}

impl Memory {
    /// Frees the memory.
    pub(crate) fn release(&mut self) {
        self.blocks = Vec::new();
    }

    /// At least `len` blocks. The memory of an unusually large hash is not kept for smaller ones.
    fn blocks(&mut self, len: usize) -> &mut [Block] {
        if self.blocks.len() < len || self.blocks.len() / 2 > len {
            self.blocks = Vec::new();
            self.blocks = vec![Block::new(); len];
        }
        &mut self.blocks[..len]
    }
}

/// A parsed hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PhcString {
    pub(crate) params: Argon2idParams,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl PhcString {
    /// Parses a hash within the limits; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_TEXT_LEN {
            return None;
        }
        let rest = text.strip_prefix("$argon2id$v=19$")?;
        let [params, salt, hash] = rest.split('$').collect::<Vec<_>>()[..] else {
            return None;
        };
        let [memory, passes, lanes] = params.split(',').collect::<Vec<_>>()[..] else {
            return None;
        };
        let params = Argon2idParams {
            memory_kib: memory.strip_prefix("m=")?.parse().ok()?,
            passes: passes.strip_prefix("t=")?.parse().ok()?,
            lanes: lanes.strip_prefix("p=")?.parse().ok()?,
        };
        let salt = STANDARD_NO_PAD.decode(salt).ok()?;
        let hash = STANDARD_NO_PAD.decode(hash).ok()?;
        let fits = params.are_within_limits()
            && SALT_LEN.contains(&salt.len())
            && HASH_LEN.contains(&hash.len());
        fits.then_some(Self { params, salt, hash })
    }

    /// Hashes a password.
    pub(crate) fn new(
        password: &str,
        salt: &[u8],
        params: Argon2idParams,
        memory: &mut Memory,
    ) -> Result<Self, argon2::Error> {
        let hash = derive(password, salt, params, NEW_HASH_LEN, memory)?.to_vec();
        Ok(Self { params, salt: salt.to_vec(), hash })
    }

    /// Whether this is the hash of `password`.
    pub(crate) fn matches(
        &self,
        password: &str,
        memory: &mut Memory,
    ) -> Result<bool, argon2::Error> {
        let hash = derive(password, &self.salt, self.params, self.hash.len(), memory)?;
        Ok(equal(&hash, &self.hash))
    }
}

impl fmt::Display for PhcString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Argon2idParams { memory_kib, passes, lanes } = self.params;
        let [salt, hash] = [&self.salt, &self.hash].map(|bytes| STANDARD_NO_PAD.encode(bytes));
        write!(f, "$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${hash}")
    }
}

fn derive(
    password: &str,
    salt: &[u8],
    params: Argon2idParams,
    len: usize,
    memory: &mut Memory,
) -> Result<Zeroizing<Vec<u8>>, argon2::Error> {
    let Argon2idParams { memory_kib, passes, lanes } = params;
    let params = Params::new(memory_kib, passes, lanes, Some(len))?;
    let blocks = memory.blocks(params.block_count());
    let mut hash = Zeroizing::new(vec![0; len]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
        password.as_bytes(),
        salt,
        &mut hash,
        blocks,
    )?;
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Argon2idParams = Argon2idParams { memory_kib: 16, passes: 1, lanes: 1 };

    /// Password, salt and parameters from a test of the reference implementation.
    #[test]
    fn hash_of_the_reference_implementation_is_parsed() {
        let hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$\
                    CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let hash = PhcString::parse(hash).unwrap();
        assert_eq!(hash.matches("password", &mut Memory::default()), Ok(true));
        assert_eq!(hash.matches("differentpassword", &mut Memory::default()), Ok(false));
    }

    #[test]
    fn hash_does_not_depend_on_memory_used_before() {
        let mut memory = Memory::default();
        let expensive = Argon2idParams { memory_kib: 64, passes: 2, lanes: 2 };
        let hashes = [expensive, CHEAP, expensive]
            .map(|params| PhcString::new("bobPass123", b"saltsalt", params, &mut memory).unwrap());
        assert_eq!(hashes[0], hashes[2]);
        for hash in hashes {
            assert_eq!(hash.matches("bobPass123", &mut Memory::default()), Ok(true));
            assert_eq!(hash.matches("bobPass12", &mut memory), Ok(false));
        }
    }

    #[test]
    fn hashes_with_parameters_out_of_bounds_are_refused() {
        let good = PhcString::new("x", b"saltsalt", CHEAP, &mut Memory::default()).unwrap();
        let good = good.to_string();
        assert!(PhcString::parse(&good).is_some());
        for (part, other) in [
            ("argon2id", "argon2i"),
            ("v=19", "v=16"),
            ("m=16", "m=4294967295"),
            ("m=16", "m=131073"),
            ("m=16", "m=7"),
            ("m=16", "m=-1"),
            ("t=1", "t=4294967295"),
            ("t=1", "t=0"),
            ("p=1", "p=0"),
            ("p=1", "p=4294967295"),
            ("m=16,t=1", "m=131072,t=5"),
            ("p=1$", "p=1,keyid=x$"),
            ("c2FsdHNhbHQ", "c2FsdA"),
            ("$argon2id$", "argon2id$"),
        ] {
            assert!(good.contains(part), "{part}");
            assert_eq!(PhcString::parse(&good.replacen(part, other, 1)), None, "{other}");
        }
        assert_eq!(PhcString::parse(&good[..good.len() - 23]), None);
    }
}
