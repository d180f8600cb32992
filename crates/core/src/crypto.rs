//! Wire formats of Crossauth, for programs that read or write its databases, cookies and tokens.
//!
//! Where Python and TypeScript write different forms, one form is written and both are accepted.
//!
//! ```
//! use crossauth_core::crypto::{Signer, hash, random_token};
//! use crossauth_core::random::SystemRandom;
//! use crossauth_core::secret::ServerSecret;
//!
//! let signer = Signer::new(&ServerSecret::new("0123456789abcdef")?);
//! let token = random_token(&SystemRandom);
//! let cookie = signer.sign_token(&token);
//! assert_eq!(signer.unsign_token(&cookie)?, token);
//! assert_eq!(hash("abc"), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | upstream | here |
//! |---|---|
//! | `sign`, `unsign` | [`Signer::sign_payload`], [`Signer::unsign_payload`] |
//! | `sign_secure_token`, `unsign_secure_token` | [`Signer::sign_token`], [`Signer::unsign_token`] |
//! | `signable_token` | [`signable_payload`] |
//! | `hash`, `sha256` | [`hash`] |
//! | hash of a session id, token or API key | [`stored_value`] |
//! | `random_value`, `random_salt`, `random_base32`, `uuid` | [`random_value`], [`random_salt`], [`random_base32`], [`uuid`] |
//! | `symmetric_encrypt`, `symmetric_decrypt` | [`Cipher::encrypt`], [`Cipher::danger_decrypt_unauthenticated`] |
//! | `base64_encode`, `base64_decode`, `str_to_base64url`, … | [`encoding`] |
//! | `xor`, CSRF masking | [`csrf`] |
//! | `password_hash`, `encode_password_hash`, … | [`crate::password::pbkdf2`] |
//! | TOTP of the authenticator | [`TotpSecret`] |

pub mod csrf;
pub(crate) mod digest;
pub mod encoding;
mod encrypt;
mod mac;
pub(crate) mod random;
pub(crate) mod sign;
mod totp;

pub use self::digest::{StoredValue, hash, stored_value};
pub(crate) use self::encrypt::derive;
pub use self::encrypt::{Cipher, DecryptError, EncryptError, InvalidKey};
pub(crate) use self::mac::Mac;
pub use self::random::{
    one_time_code, random_base32, random_salt, random_token, random_value, uuid, zero_pad,
};
pub use self::sign::{SignatureForm, Signer, UnsignError, signable_payload};
pub use self::totp::{InvalidTotpSecret, TotpSecret, TotpWindow};

use aws_lc_rs::constant_time::verify_slices_are_equal;

/// Compares secrets in constant time for equal lengths.
pub(crate) fn equal(left: &[u8], right: &[u8]) -> bool {
    verify_slices_are_equal(left, right).is_ok()
}
