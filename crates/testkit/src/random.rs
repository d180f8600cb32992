//! Seeded randomness: the same in every run of a test.

use std::sync::atomic::{AtomicU64, Ordering};

use crossauth_core::random::Random;

/// A deterministic sequence of bytes for each seed.
///
/// Values of eight bytes or more do not repeat. Not secure: for tests only.
#[derive(Debug, Default)]
pub struct SeededRandom(AtomicU64);

impl SeededRandom {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let count = self.0.fetch_add(1, Ordering::SeqCst);
            chunk.copy_from_slice(&scramble(count).to_le_bytes()[..chunk.len()]);
        }
    }
}

/// A bijection, so that values do not repeat.
fn scramble(count: u64) -> u64 {
    let mut value = count.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    value ^= value >> 32;
    value = value.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    value ^= value >> 32;
    value
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use crossauth_core::random::bytes;

    use super::*;

    #[test]
    fn values_are_reproducible_and_unique() {
        let values = |seed| {
            let random = SeededRandom::new(seed);
            (0..1000).map(|_| bytes::<16>(&random)).collect::<Vec<_>>()
        };
        assert_eq!(values(7), values(7));
        assert_ne!(values(7), values(1_000_000));
        assert_eq!(values(7).into_iter().collect::<HashSet<_>>().len(), 1000);
    }
}
