use crossauth_core::crypto::csrf;
use crossauth_core::error::ErrorCode;
use serde_json::{Value, json};

use super::Case;
use super::sign::signer;

pub(crate) fn xor(case: &Case) {
    case.assert_writes(csrf::xor(case.text("value"), case.text("mask")).unwrap());
}

pub(crate) fn form(case: &Case) {
    let token = case.text("token");
    let form = csrf::mask(token, case.text("mask")).unwrap();
    let unmasked = csrf::unmask(&form).unwrap();
    let cookie = csrf::cookie_value(&signer(case), token);
    case.assert_writes(json!({"form": form, "cookie": cookie, "unmasked": unmasked}));
}

pub(crate) fn pair(case: &Case) {
    let verified = csrf::verify(&signer(case), case.text("cookie"), case.text("form"));
    case.assert_reads(verified.map(|()| Value::Bool(true)).map_err(ErrorCode::from));
}
