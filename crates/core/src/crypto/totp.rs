//! Time-based one-time passwords (RFC 6238): SHA-1, six digits, steps of 30 seconds.

use std::fmt;

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use zeroize::Zeroizing;

use super::equal;
use super::random::zero_pad;
use crate::clock::Timestamp;
use crate::random::{self, Random};

/// Length of a step, in seconds.
const STEP_SECS: i64 = 30;

/// Symbols of RFC 4648 base 32.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Maximum length of a parsed secret, in characters.
const MAX_LEN: usize = 256;

/// The secret that a user's authenticator shares with the server.
#[derive(Clone)]
pub struct TotpSecret {
    text: Zeroizing<String>,
    bytes: Zeroizing<Vec<u8>>,
}

/// The text is not base 32 of at least 80 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a TOTP secret")]
pub struct InvalidTotpSecret;

/// The accepted clock skew of an authenticator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TotpWindow {
    /// Only the current step.
    Exact,
    /// The step before and the step after as well.
    OneStep,
}

impl TotpWindow {
    const fn steps(self) -> u64 {
        match self {
            Self::Exact => 0,
            Self::OneStep => 1,
        }
    }
}

impl TotpSecret {
    /// Generates a secret of 160 bits.
    pub fn generate(random: &dyn Random) -> Self {
        let bytes = Zeroizing::new(random::bytes::<20>(random).to_vec());
        Self { text: Zeroizing::new(encode_base32(&bytes)), bytes }
    }

    /// Parses a stored secret: base 32, with or without padding, of at least 80 bits, as TypeScript
    /// generates.
    pub fn parse(text: &str) -> Result<Self, InvalidTotpSecret> {
        let bytes = Zeroizing::new(decode_base32(text).ok_or(InvalidTotpSecret)?);
        if bytes.len() < 10 {
            return Err(InvalidTotpSecret);
        }
        Ok(Self { text: Zeroizing::new(text.trim_end_matches('=').to_owned()), bytes })
    }

    /// The secret in base 32.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The code at a time.
    pub fn code(&self, time: Timestamp) -> String {
        zero_pad(u64::from(self.number(step(time))), 6)
    }

    /// Verifies a code. Returns its step, if that is within `window` of `now`.
    ///
    /// Callers must store the step of an accepted code and refuse codes of that step and earlier
    /// ones (RFC 6238 section 5.2).
    pub fn verify(&self, code: &str, now: Timestamp, window: TotpWindow) -> Option<u64> {
        if code.len() != 6 || !code.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let code: u32 = code.parse().ok()?;
        let now = step(now);
        let steps = now.saturating_sub(window.steps())..=now.saturating_add(window.steps());
        // Compares every step, so that the timing does not reveal how close a wrong code was.
        steps.fold(None, |found, step| {
            let same = equal(&self.number(step).to_be_bytes(), &code.to_be_bytes());
            if same { Some(step) } else { found }
        })
    }

    /// The URI that an authenticator application reads from a QR code.
    pub fn uri(&self, issuer: &str, username: &str) -> String {
        let (issuer, username) = (percent_encode(issuer), percent_encode(username));
        let secret = self.expose();
        format!(
            "otpauth://totp/{issuer}:{username}?secret={secret}&period=30&digits=6\
             &algorithm=SHA1&issuer={issuer}"
        )
    }

    /// RFC 4226 section 5.3.
    fn number(&self, step: u64) -> u32 {
        let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.bytes);
        let tag = sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag.last().unwrap_or(&0) & 0xf);
        let word = tag.iter().skip(offset).take(4).fold(0, |n, byte| n << 8 | u32::from(*byte));
        (word & 0x7fff_ffff) % 1_000_000
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

fn step(time: Timestamp) -> u64 {
    u64::try_from(time.as_secs().div_euclid(STEP_SECS)).unwrap_or(0)
}

fn encode_base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let mut block = [0; 8];
        block[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(block);
        for index in 0..(chunk.len() * 8).div_ceil(5) {
            let symbol = BASE32.get((bits >> (35 - 5 * index) & 31) as usize);
            text.extend(symbol.map(|symbol| char::from(*symbol)));
        }
    }
    text
}

fn decode_base32(text: &str) -> Option<Vec<u8>> {
    if text.len() > MAX_LEN {
        return None;
    }
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for symbol in text.trim_end_matches('=').bytes() {
        let value = match symbol.to_ascii_uppercase() {
            letter @ b'A'..=b'Z' => letter - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u32::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    Some(bytes)
}

fn percent_encode(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.extend([byte >> 4, byte & 0xf].map(|half| char::from(HEX[usize::from(half)])));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    fn secret() -> TotpSecret {
        TotpSecret::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap()
    }

    /// RFC 6238 appendix B, the last six of the eight digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let table = [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ];
        for (time, code) in table {
            assert_eq!(secret().code(Timestamp::from_secs(time)), code);
        }
    }

    #[test]
    fn code_is_valid_within_the_window_only() {
        let code = secret().code(Timestamp::from_secs(1_111_111_111));
        let step = 1_111_111_111 / 30;
        for (late, exact, one_step) in
            [(0, true, true), (30, false, true), (-30, false, true), (60, false, false)]
        {
            let now = Timestamp::from_secs(1_111_111_111 + late);
            assert_eq!(secret().verify(&code, now, TotpWindow::Exact), exact.then_some(step));
            assert_eq!(secret().verify(&code, now, TotpWindow::OneStep), one_step.then_some(step));
        }
    }

    #[test]
    fn text_other_than_six_digits_is_refused() {
        let now = Timestamp::from_secs(1_111_111_111);
        for code in ["", "50471", "+50471", " 050471", "0050471", "０５０４７１", "050471\n"]
        {
            assert_eq!(secret().verify(code, now, TotpWindow::OneStep), None, "{code:?}");
        }
    }

    #[test]
    fn secrets_survive_a_round_trip_and_short_ones_are_refused() {
        let made = TotpSecret::generate(&SystemRandom);
        assert_eq!(made.expose().len(), 32);
        assert_eq!(TotpSecret::parse(made.expose()).unwrap().bytes, made.bytes);
        for text in ["", "JBSWY3DP", "JBSWY3DPEHPK3PX!", "0000000000000000", &"A".repeat(1000)] {
            assert!(TotpSecret::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(format!("{made:?}"), "TotpSecret(…)");
    }
}
