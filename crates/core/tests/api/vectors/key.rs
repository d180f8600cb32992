use crossauth_core::clock::Timestamp;
use crossauth_core::crypto::{hash, stored_value};
use crossauth_core::key::{KeyData, KeyPrefix};
use serde_json::{Map, Value};

use super::Case;
use super::sign::signer;

pub(crate) fn session_id(case: &Case) {
    case.assert_writes(stored_value(KeyPrefix::Session, case.text("sessionId")).as_str());
}

pub(crate) fn email_token(case: &Case) {
    let prefix = match case.op.as_str() {
        "hash_email_verification_token" => KeyPrefix::EmailVerification,
        "hash_password_reset_token" => KeyPrefix::PasswordReset,
        op => panic!("unknown operation {op}"),
    };
    case.assert_writes(stored_value(prefix, case.text("token")).as_str());
}

pub(crate) fn api_key(case: &Case) {
    let value = case.text("value");
    let now = Timestamp::from_millis(case.number("now_ms"));
    let token = signer(case).sign_payload([("v", &Value::from(value))], case.text("salt"), now);
    let stored = match case.find_text("prefix") {
        Some(prefix) => format!("{prefix}{}", hash(value)),
        None => stored_value(KeyPrefix::ApiKey, value).to_string(),
    };
    let written = case.written();
    assert_eq!(token, written["token"], "{}", case.id);
    assert_eq!(stored, written["stored_value"], "{}", case.id);
    assert_eq!(hash(token.split('.').next().unwrap()), written["hash_signed"], "{}", case.id);
    assert_eq!(KeyData::from_object(&Map::new()).as_text(), written["stored_data"]);
    let theirs = case.python.ok.as_ref().unwrap()["token"].as_str().unwrap();
    let read = signer(case).unsign_payload(theirs, None, now).unwrap();
    assert_eq!(read["v"], value, "{}", case.id);
}

pub(crate) fn data(case: &Case) {
    let data = case.input["data"].as_object().cloned().unwrap_or_default();
    case.assert_writes(KeyData::from_object(&data).as_text());
    let theirs = case.python.ok.as_ref().unwrap().as_str().unwrap();
    assert_eq!(KeyData::from_text(theirs).object().unwrap(), data, "{}", case.id);
}
