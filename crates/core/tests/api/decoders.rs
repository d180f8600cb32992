//! Properties of decoders: they do not panic on any input, and they decode what was encoded.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crossauth_core::clock::Timestamp;
use crossauth_core::crypto::{Cipher, Signer, TotpSecret, TotpWindow, csrf, encoding};
use crossauth_core::password::pbkdf2::{EncodedHash, Params};
use crossauth_core::password::{
    Argon2idParams, Hasher, HasherConfig, Lane, NewHashes, PasswordPolicy, Verification,
};
use crossauth_core::random::SystemRandom;
use crossauth_core::secret::Password;
use proptest::prelude::*;
use serde_json::Value;

fn signer() -> Signer {
    Signer::danger_with_any_secret("ABCDEFGHIJKLMNOPQRSTUVWX")
}

fn cipher() -> Cipher {
    Cipher::from_key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8").unwrap()
}

/// Arbitrary text, and text that resembles the formats.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[A-Za-z0-9_=-]{0,60}\\.[A-Za-z0-9_=-]{0,70}(\\.[a-z]{0,3})?",
        "(v2\\.)?[A-Za-z0-9_-]{16,22}\\.[A-Za-z0-9_-]{0,64}",
        "pbkdf2:(sha1|sha256|md5)?:[0-9-]{0,12}:[0-9]{0,12}:[01]?:[a-z!:]{0,9}:[A-Za-z0-9_=-]{0,99}",
        "\\$argon2id\\$v=19\\$m=[0-9]{1,11},t=[0-9]{1,11},p=[0-9]{1,11}\\$[A-Za-z0-9+/]{0,70}\\$[A-Za-z0-9+/]{0,99}",
    ]
}

proptest! {
    #[test]
    fn arbitrary_text_has_no_valid_signature(text in hostile(), secs in any::<u64>()) {
        prop_assert!(signer().unsign_token(&text).is_err());
        let expiry = Some(Duration::from_secs(secs));
        prop_assert!(signer().unsign_payload(&text, expiry, Timestamp::from_secs(0)).is_err());
        prop_assert!(csrf::verify(&signer(), &text, &text).is_err());
    }

    #[test]
    fn decoded_text_is_canonical(text in hostile()) {
        if let Ok(bytes) = encoding::decode(&text) {
            prop_assert_eq!(encoding::encode(bytes), text.trim_end_matches('='));
        }
        if let Ok(hash) = EncodedHash::parse(&text) {
            prop_assert_eq!(EncodedHash::parse(&hash.to_string()), Ok(hash));
        }
        let _ = encoding::to_standard(&text);
    }

    #[test]
    fn arbitrary_text_does_not_decrypt(text in hostile()) {
        prop_assert!(cipher().decrypt(&text).is_err());
        // Without authentication some texts decrypt; decryption must not panic.
        let _ = cipher().danger_decrypt_unauthenticated(&text);
    }

    #[test]
    fn totp_code_is_six_digits_for_any_secret_and_time(text in any::<String>(), now in any::<i64>()) {
        let now = Timestamp::from_millis(now);
        let secret = TotpSecret::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        if !(text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit())) {
            prop_assert_eq!(secret.verify(&text, now, TotpWindow::OneStep), None);
        }
        let code = secret.code(now);
        prop_assert!(code.len() == 6 && secret.verify(&code, now, TotpWindow::Exact).is_some());
        let _ = TotpSecret::parse(&text);
    }

    #[test]
    fn policy_accepts_any_input_without_panicking(text in any::<String>(), name in any::<String>()) {
        let problems = PasswordPolicy::default().check(&Password::new(&text), &name, Some(&name));
        prop_assert!(problems.len() <= 6);
        prop_assert!(text.len() >= 8 || !problems.is_empty());
    }

    #[test]
    fn signed_values_round_trip(payload in "[^.]{0,99}", name in "[^ts].{0,9}", value in any::<String>()) {
        let signed = signer().sign_token(&payload);
        prop_assert_eq!(signer().unsign_token(&signed), Ok(payload.as_str()));
        let value = Value::from(value);
        let issued = Timestamp::from_secs(1);
        let signed = signer().sign_payload([(name.as_str(), &value)], "salt", issued);
        let read = signer().unsign_payload(&signed, Some(Duration::ZERO), issued).unwrap();
        prop_assert_eq!(&read[&name], &value);
        prop_assert_eq!((&read["t"], &read["s"]), (&Value::from(1000), &Value::from("salt")));
    }

    #[test]
    fn encrypted_values_round_trip(text in any::<String>(), iv in any::<[u8; 16]>()) {
        let ours = cipher().encrypt(&SystemRandom, &text).unwrap();
        prop_assert_eq!(cipher().decrypt(&ours).unwrap(), text.clone());
        let cbc = cipher().danger_encrypt_cbc(iv, &text).unwrap();
        prop_assert_eq!(cipher().danger_decrypt_unauthenticated(&cbc).unwrap(), text);
    }

    #[test]
    fn masked_tokens_round_trip(token in any::<[u8; 16]>(), mask in any::<[u8; 16]>()) {
        let (token, mask) = (encoding::encode(token), encoding::encode(mask));
        let form = csrf::mask(&token, &mask).unwrap();
        prop_assert_eq!(csrf::unmask(&form).unwrap(), token.clone());
        prop_assert_eq!(csrf::verify(&signer(), &csrf::cookie_value(&signer(), &token), &form), Ok(()));
    }

    #[test]
    fn encoded_hashes_round_trip(password in any::<String>(), salt in "[^:]{0,30}") {
        let params = Params { iterations: 1, ..Params::default() };
        let hash = EncodedHash::new(&password, salt, None, params);
        let read = EncodedHash::parse(&hash.to_string()).unwrap();
        prop_assert!(read.matches(&password, None));
        prop_assert!(!read.matches(&(password + "x"), None));
    }
}

/// With the bounds on memory and work each case is fast; without them this test would not end.
#[test]
fn arbitrary_stored_hashes_neither_match_nor_hang() {
    let params = Argon2idParams { memory_kib: 16, passes: 1, lanes: 1 };
    let config = HasherConfig {
        new_hashes: NewHashes::Argon2id(params),
        threads: Some(NonZeroUsize::MIN),
        ..HasherConfig::default()
    };
    let hasher = Hasher::new(config, Arc::new(SystemRandom)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    proptest!(ProptestConfig::with_cases(64), |(stored in hostile())| {
        let verified = runtime.block_on(hasher.verify(
            Password::new("bobPass123"),
            Some(&stored),
            Lane::Public,
        ));
        prop_assert_eq!(verified, Ok(Verification::Mismatch));
    });
}
