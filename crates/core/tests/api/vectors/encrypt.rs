use crossauth_core::crypto::{Cipher, DecryptError};
use crossauth_core::error::ErrorCode;

use super::Case;

pub(crate) fn encrypt(case: &Case) {
    let Ok(cipher) = Cipher::from_key(case.text("key")) else {
        assert!(case.js.ok.is_none() && case.python.ok.is_none(), "{}: key refused", case.id);
        return;
    };
    let iv: Vec<u8> = super::random::bytes_from_hex(case.text("iv_hex"));
    let written = cipher.danger_encrypt_cbc(iv.try_into().unwrap(), case.text("plaintext"));
    case.assert_writes(written.unwrap());
}

pub(crate) fn decrypt(case: &Case) {
    let cipher = Cipher::from_key(case.text("key")).unwrap();
    let ciphertext = case.text("ciphertext");
    assert_eq!(cipher.decrypt(ciphertext), Err(DecryptError::Format), "{}", case.id);
    let read = cipher.danger_decrypt_unauthenticated(ciphertext);
    case.assert_reads(read.map(Into::into).map_err(ErrorCode::from));
}
