//! Randomness, injected into every use case so that tests are reproducible.

use std::cell::RefCell;

use zeroize::Zeroize;

/// A source of unpredictable bytes.
pub trait Random: Send + Sync {
    /// Fills `bytes` with random values.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        if bytes.len() > SMALL {
            generate(bytes);
        } else {
            POOL.with_borrow_mut(|pool| pool.take(bytes));
        }
    }
}

/// Maximum size of a request that is served from the pool, in bytes.
const SMALL: usize = 64;

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; 1024], used: 1024 }) };
}

/// Unused random bytes. A system call for a thousand bytes costs about as much as one for sixteen,
/// which every page needs.
struct Pool {
    bytes: [u8; 1024],
    used: usize,
}

impl Pool {
    /// Moves random bytes from the pool to `bytes`.
    fn take(&mut self, bytes: &mut [u8]) {
        if self.bytes.len() - self.used < bytes.len() {
            generate(&mut self.bytes);
            self.used = 0;
        }
        let taken = &mut self.bytes[self.used..][..bytes.len()];
        bytes.copy_from_slice(taken);
        taken.zeroize();
        self.used += bytes.len();
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the adapter to system randomness")]
#[expect(clippy::expect_used, reason = "continuing without randomness would fail open")]
fn generate(bytes: &mut [u8]) {
    // Not the generator of AWS-LC, whose seeding takes 50 ms of CPU time.
    getrandom::fill(bytes).expect("the operating system provides randomness");
}

/// Returns `N` random bytes.
pub fn bytes<const N: usize>(random: &dyn Random) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn pool_bytes_are_used_once() {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(|| {
                    (0..1000).map(|_| super::bytes::<16>(&SystemRandom)).collect::<Vec<_>>()
                })
            })
            .collect();
        let all: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 4000);
        assert!(!all.contains(&[0; 16]));
    }

    #[test]
    fn large_and_unaligned_requests_are_filled() {
        for len in [1, 15, 63, 64, 65, 1023, 5000] {
            let mut seen = vec![0; len];
            for _ in 0..64 {
                let mut bytes = vec![0; len];
                SystemRandom.fill(&mut bytes);
                seen.iter_mut().zip(bytes).for_each(|(seen, byte)| *seen |= byte);
            }
            assert!(seen.iter().all(|byte| *byte == 0xFF), "{len}");
        }
    }
}
