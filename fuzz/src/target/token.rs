//! Signed, masked and encrypted text from a browser.

use crossauth_core::clock::Timestamp;
use crossauth_core::crypto::{Cipher, Signer, TotpSecret, TotpWindow, csrf, encoding};
use crossauth_core::random::SystemRandom;
use crossauth_core::secret::ServerSecret;

/// Only values made with the secret are accepted, and they round-trip.
pub(crate) fn any(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let secret = ServerSecret::new("the secret of tokens that are fuzzed").unwrap();
    let signer = Signer::new(&secret);
    assert!(signer.unsign_token(text).is_err(), "{text:?} passes for signed");
    assert!(signer.unsign_payload(text, None, Timestamp::from_secs(0)).is_err(), "{text:?}");
    if !text.is_empty() && !text.contains('.') {
        assert_eq!(signer.unsign_token(&signer.sign_token(text)).as_deref(), Ok(text));
    }
    let (cookie, form) = text.split_once('\n').unwrap_or((text, text));
    assert!(csrf::verify(&signer, cookie, form).is_err(), "{text:?} passes for a CSRF token");
    let own = csrf::cookie_value(&signer, &csrf::new_token(&SystemRandom));
    assert!(csrf::verify(&signer, &own, text).is_err(), "{text:?} fits another cookie");
    if let Ok(bytes) = encoding::decode(text) {
        assert_eq!(encoding::decode(&encoding::encode(&bytes)).as_ref(), Ok(&bytes));
    }
    let cipher = Cipher::from_secret(&secret, "fuzz").unwrap();
    assert!(cipher.decrypt(text).is_err(), "{text:?} passes for encrypted");
    let encrypted = cipher.encrypt(&SystemRandom, text).unwrap();
    assert_eq!(cipher.decrypt(&encrypted).as_deref(), Ok(text));
    if let Ok(totp) = TotpSecret::parse(text) {
        let now = Timestamp::from_secs(1_700_000_000);
        assert!(totp.verify(&totp.code(now), now, TotpWindow::Exact).is_some());
        assert!(TotpSecret::parse(totp.expose()).is_ok());
    }
}
