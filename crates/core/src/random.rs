//! Randomness, given to every use case so that tests can repeat it.

use std::cell::RefCell;

use zeroize::Zeroize;

/// A source of unpredictable bytes.
pub trait Random: Send + Sync {
    /// Fills `bytes` with random values.
    fn fill(&self, bytes: &mut [u8]);
}

/// The cryptographically secure generator of the process, seeded by the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        if bytes.len() > SMALL {
            generate(bytes);
        } else {
            STORE.with_borrow_mut(|store| store.give(bytes));
        }
    }
}

/// Up to here bytes come out of the store.
const SMALL: usize = 64;

thread_local! {
    static STORE: RefCell<Store> = const { RefCell::new(Store { bytes: [0; 1024], used: 1024 }) };
}

/// Random bytes not given out yet. Asking the generator costs about as much for a thousand bytes
/// as for sixteen, and every page needs sixteen.
struct Store {
    bytes: [u8; 1024],
    used: usize,
}

impl Store {
    fn give(&mut self, bytes: &mut [u8]) {
        if self.bytes.len() - self.used < bytes.len() {
            generate(&mut self.bytes);
            self.used = 0;
        }
        let given = &mut self.bytes[self.used..][..bytes.len()];
        bytes.copy_from_slice(given);
        given.zeroize();
        self.used += bytes.len();
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the adapter to system randomness")]
#[expect(clippy::expect_used, reason = "to go on without randomness would be to fail open")]
fn generate(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).expect("the operating system gives randomness");
}

impl dyn Random + '_ {
    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn nothing_is_given_out_twice() {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(|| {
                    let random: &dyn Random = &SystemRandom;
                    (0..1000).map(|_| random.bytes::<16>()).collect::<Vec<_>>()
                })
            })
            .collect();
        let all: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 4000);
        assert!(!all.contains(&[0; 16]));
    }

    #[test]
    fn large_and_odd_requests_are_filled_to_the_end() {
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
