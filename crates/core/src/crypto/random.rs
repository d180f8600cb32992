//! Random values as sent and stored.

use std::num::NonZeroUsize;

use super::encoding::encode;
use crate::random::{Random, bytes};

/// Bytes in session ids, tokens, salts and API keys.
pub(crate) const TOKEN_LEN: usize = 16;

/// Unambiguous symbols: no `I`, `O`, `0`, `1`. There are 32, so a byte modulo 32 is unbiased.
const READABLE: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// `len` random bytes in base64url.
pub fn random_value(random: &dyn Random, len: usize) -> String {
    let mut bytes = vec![0; len];
    random.fill(&mut bytes);
    encode(bytes)
}

/// A token of 128 bits: 22 characters.
pub fn random_token(random: &dyn Random) -> String {
    encode(bytes::<TOKEN_LEN>(random))
}

/// A salt; same as [`random_token`].
pub fn random_salt(random: &dyn Random) -> String {
    random_token(random)
}

/// `len` random unambiguous characters, with a dash after every `dash_every`.
pub fn random_base32(random: &dyn Random, len: usize, dash_every: Option<NonZeroUsize>) -> String {
    let mut bytes = vec![0; len];
    random.fill(&mut bytes);
    let group = dash_every.map_or(usize::MAX, NonZeroUsize::get);
    let mut text = String::with_capacity(2 * len);
    for (index, byte) in bytes.into_iter().enumerate() {
        if index > 0 && index % group == 0 {
            text.push('-');
        }
        text.push(char::from(READABLE[usize::from(byte % 32)]));
    }
    text
}

/// A random UUID (RFC 9562 section 5.4): 36 characters, lower case.
pub fn uuid(random: &dyn Random) -> String {
    let mut value = u128::from_be_bytes(bytes(random));
    value = value & !(0xf << 76) | 0x4 << 76;
    value = value & !(0x3 << 62) | 0x2 << 62;
    let digits = format!("{value:032x}");
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    parts.join("-")
}

/// A one-time code of six digits, to be sent by e-mail or SMS.
pub fn one_time_code(random: &dyn Random) -> String {
    // 64 bits modulo a million: the bias is below 2^-44.
    zero_pad(u64::from_le_bytes(bytes(random)) % 1_000_000, 6)
}

/// A number with leading zeros up to `places` digits.
pub fn zero_pad(number: u64, places: usize) -> String {
    format!("{number:0places$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    struct Fixed(u8);

    impl Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn uuid_has_its_version_and_variant() {
        assert_eq!(uuid(&Fixed(0)), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(&Fixed(0xff)), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn one_time_codes_have_six_digits() {
        assert_eq!(one_time_code(&Fixed(0)), "000000");
        for _ in 0..1000 {
            let code = one_time_code(&SystemRandom);
            assert!(code.len() == 6 && code.bytes().all(|digit| digit.is_ascii_digit()), "{code}");
        }
    }

    #[test]
    fn tokens_have_128_bits() {
        assert_eq!(random_token(&Fixed(0xff)), random_value(&Fixed(0xff), TOKEN_LEN));
        assert_eq!(random_token(&SystemRandom).len(), 22);
        assert_ne!(random_token(&SystemRandom), random_token(&SystemRandom));
    }
}
