//! Encryption of texts with a key of the server.
//!
//! Written: `v2.<nonce>.<ciphertext and tag>` with AES-256-GCM. Upstream's form
//! `<iv>.<ciphertext>`, AES-CBC without authentication, is read by a separate function.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptionContext, EncryptionContext,
    PaddedBlockDecryptingKey, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

use super::encoding::{decode, encode};
use crate::error::ErrorCode;
use crate::random::{self, Random};
use crate::secret::ServerSecret;

const VERSION: &str = "v2";

/// Encrypts and decrypts texts.
pub struct Cipher {
    sealing: LessSafeKey,
    key: Zeroizing<Vec<u8>>,
    cbc: &'static Algorithm,
}

/// The text is not a key: base64url of 16, 24 or 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an encryption key is base64url of 16, 24 or 32 bytes")]
pub struct InvalidKey;

/// The text could not be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("encryption failed")]
pub struct EncryptError;

/// Why a text was not decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecryptError {
    /// Not one of the forms.
    #[error("not a ciphertext")]
    Format,
    /// Encrypted with another key, or modified.
    #[error("the ciphertext was made with another key or modified")]
    Mismatch,
}

impl From<DecryptError> for ErrorCode {
    fn from(_: DecryptError) -> Self {
        Self::InvalidHash
    }
}

impl Cipher {
    /// A cipher with a key given as base64url of 16, 24 or 32 bytes.
    pub fn from_key(key: &str) -> Result<Self, InvalidKey> {
        let key = Zeroizing::new(decode(key).map_err(|_| InvalidKey)?);
        Self::from_bytes(key).ok_or(InvalidKey)
    }

    /// A cipher whose key is derived from the server's secret, a different one for each `purpose`.
    pub fn from_secret(secret: &ServerSecret, purpose: &str) -> Result<Self, InvalidKey> {
        let key = derive(secret.expose().as_bytes(), purpose).ok_or(InvalidKey)?;
        Self::from_bytes(Zeroizing::new(key.to_vec())).ok_or(InvalidKey)
    }

    fn from_bytes(key: Zeroizing<Vec<u8>>) -> Option<Self> {
        let cbc = match key.len() {
            16 => &AES_128,
            24 => &AES_192,
            32 => &AES_256,
            _ => return None,
        };
        // CBC and GCM must not share a key, and GCM always has 256 bits.
        let sealing = derive(&key, "crossauth v2 aes-256-gcm")?;
        let sealing = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, sealing.as_ref()).ok()?);
        Some(Self { sealing, key, cbc })
    }

    /// `v2.<nonce>.<ciphertext>`.
    pub fn encrypt(&self, random: &dyn Random, text: &str) -> Result<String, EncryptError> {
        let nonce: [u8; NONCE_LEN] = random::bytes(random);
        let mut bytes = text.as_bytes().to_vec();
        self.sealing
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(VERSION),
                &mut bytes,
            )
            .map_err(|_| EncryptError)?;
        Ok(format!("{VERSION}.{}.{}", encode(nonce), encode(bytes)))
    }

    /// Decrypts a ciphertext from [`Self::encrypt`].
    pub fn decrypt(&self, ciphertext: &str) -> Result<String, DecryptError> {
        let mut parts = ciphertext.split('.');
        let (Some(VERSION), Some(nonce), Some(bytes), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(DecryptError::Format);
        };
        let nonce = decode(nonce).map_err(|_| DecryptError::Format)?;
        let nonce = Nonce::try_assume_unique_for_key(&nonce).map_err(|_| DecryptError::Format)?;
        let mut bytes = Zeroizing::new(decode(bytes).map_err(|_| DecryptError::Format)?);
        let text = self
            .sealing
            .open_in_place(nonce, Aad::from(VERSION), &mut bytes)
            .map_err(|_| DecryptError::Mismatch)?;
        into_text(text)
    }

    /// Same as [`Self::decrypt`], but also accepts upstream's AES-CBC form.
    ///
    /// That form is not authenticated: an attacker who can change the ciphertext can change the
    /// text. Use it only for values from a trusted source.
    pub fn danger_decrypt_unauthenticated(&self, ciphertext: &str) -> Result<String, DecryptError> {
        if ciphertext.starts_with("v2.") {
            return self.decrypt(ciphertext);
        }
        let (iv, bytes) = ciphertext.split_once('.').ok_or(DecryptError::Format)?;
        let iv = decode(iv).map_err(|_| DecryptError::Format)?;
        let iv = <[u8; 16]>::try_from(iv).map_err(|_| DecryptError::Format)?;
        let mut bytes = Zeroizing::new(decode(bytes).map_err(|_| DecryptError::Format)?);
        let text = UnboundCipherKey::new(self.cbc, &self.key)
            .and_then(PaddedBlockDecryptingKey::cbc_pkcs7)
            .and_then(|key| key.decrypt(&mut bytes, DecryptionContext::Iv128((&iv).into())))
            .map_err(|_| DecryptError::Mismatch)?;
        into_text(text)
    }

    /// Upstream's form, `<iv>.<ciphertext>` with AES-CBC and without authentication, for upstream
    /// applications that read it. `iv` must be random.
    pub fn danger_encrypt_cbc(&self, iv: [u8; 16], text: &str) -> Result<String, EncryptError> {
        let mut bytes = text.as_bytes().to_vec();
        UnboundCipherKey::new(self.cbc, &self.key)
            .and_then(PaddedBlockEncryptingKey::cbc_pkcs7)
            .and_then(|key| {
                key.less_safe_encrypt(&mut bytes, EncryptionContext::Iv128((&iv).into()))
            })
            .map_err(|_| EncryptError)?;
        Ok(format!("{}.{}", encode(iv), encode(bytes)))
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher(…)")
    }
}

fn into_text(bytes: &[u8]) -> Result<String, DecryptError> {
    str::from_utf8(bytes).map(str::to_owned).map_err(|_| DecryptError::Mismatch)
}

pub(crate) fn derive(secret: &[u8], purpose: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    let extracted = Salt::new(HKDF_SHA256, &[]).extract(secret);
    extracted.expand(&[purpose.as_bytes()], HKDF_SHA256).ok()?.fill(key.as_mut()).ok()?;
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    #[test]
    fn modified_ciphertext_is_refused() {
        let cipher = Cipher::from_key(KEY).unwrap();
        let ciphertext = cipher.encrypt(&SystemRandom, "attack at dawn").unwrap();
        assert_eq!(cipher.decrypt(&ciphertext).unwrap(), "attack at dawn");
        for index in 0..ciphertext.len() {
            let mut changed = ciphertext.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            assert!(cipher.decrypt(str::from_utf8(&changed).unwrap()).is_err(), "{index}");
        }
    }

    #[test]
    fn unauthenticated_form_is_decrypted_by_the_danger_function_only() {
        let cipher = Cipher::from_key(KEY).unwrap();
        let cbc = cipher.danger_encrypt_cbc([7; 16], "text").unwrap();
        assert_eq!(cipher.decrypt(&cbc), Err(DecryptError::Format));
        assert_eq!(cipher.danger_decrypt_unauthenticated(&cbc).unwrap(), "text");
        let ours = cipher.encrypt(&SystemRandom, "text").unwrap();
        assert_eq!(cipher.danger_decrypt_unauthenticated(&ours).unwrap(), "text");
    }

    #[test]
    fn keys_differ_between_purposes() {
        let secret = ServerSecret::new("0123456789abcdef").unwrap();
        let [one, two] = ["one", "two"].map(|p| Cipher::from_secret(&secret, p).unwrap());
        let ciphertext = one.encrypt(&SystemRandom, "text").unwrap();
        assert_eq!(two.decrypt(&ciphertext), Err(DecryptError::Mismatch));
        assert_eq!(
            Cipher::from_secret(&secret, "one").unwrap().decrypt(&ciphertext).unwrap(),
            "text"
        );
    }
}
