//! Stored password hashes.

use std::num::NonZeroUsize;
use std::sync::Arc;

use crossauth_core::password::pbkdf2::EncodedHash;
use crossauth_core::password::{
    Argon2idParams, Hasher, HasherConfig, Lane, NewHashes, Verification,
};
use crossauth_core::random::SystemRandom;
use crossauth_core::secret::Password;
use tokio::runtime::{self, Runtime};

thread_local! {
    static HASHER: (Runtime, Hasher) = {
        let cheap = Argon2idParams { memory_kib: 8, passes: 1, lanes: 1 };
        let config = HasherConfig {
            new_hashes: NewHashes::Argon2id(cheap),
            threads: NonZeroUsize::new(1),
            ..HasherConfig::default()
        };
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        (runtime, Hasher::new(config, Arc::new(SystemRandom)).unwrap())
    };
}

/// Maximum number in a hash that is verified here: it may be a cost.
const LARGEST: u64 = 64;

/// Only the hash of a password matches it, and parsed text round-trips.
pub(crate) fn any(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(hash) = EncodedHash::parse(text) {
        assert_eq!(EncodedHash::parse(&hash.to_string()).as_ref(), Ok(&hash));
    }
    if !is_cheap(text) {
        return;
    }
    HASHER.with(|(runtime, hasher)| {
        let password = Password::new("a password that no seed holds the hash of");
        let verified = runtime.block_on(hasher.verify(password, Some(text), Lane::Public));
        assert_eq!(verified, Ok(Verification::Mismatch), "{text}");
    });
}

fn is_cheap(text: &str) -> bool {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
    numbers.all(|digits| digits.parse::<u64>().is_ok_and(|number| number <= LARGEST))
}
