use std::time::Duration;

use crossauth_core::clock::Timestamp;
use crossauth_core::crypto::encoding::decode;
use crossauth_core::crypto::{Signer, UnsignError};
use serde_json::Value;

use super::Case;

/// Numbers that JavaScript formats differently: `1e+21` for a float of that size.
const OTHER_NUMBERS: [&str; 1] = ["sign-09"];

pub(crate) fn signer(case: &Case) -> Signer {
    Signer::danger_with_any_secret(case.text("secret"))
}

pub(crate) fn sign(case: &Case) {
    let mut fields: Vec<(&String, &Value)> =
        case.input["payload"].as_object().unwrap().iter().collect();
    if case.id == "sign-06" {
        // The original order: the JSON parser sorts members.
        fields.sort_by_key(|(name, _)| ["n", "t1", "f"].iter().position(|n| n == name));
    }
    let written_at = written_time(case);
    let secret = case.find_text("secret").unwrap_or_default();
    let signer = Signer::danger_with_any_secret(secret);
    let token = signer.sign_payload(fields, case.text("salt"), written_at);
    match case.op.as_str() {
        "sign" if OTHER_NUMBERS.contains(&case.id.as_str()) => {
            let theirs = case.written().as_str().unwrap();
            let read = |text| signer.unsign_payload(text, None, written_at).unwrap();
            assert_eq!(read(&token), read(theirs), "{}", case.id);
        }
        "sign" => case.assert_writes(token),
        "signable_token" => case.assert_writes(token.split_once('.').unwrap().0),
        op => panic!("unknown operation {op}"),
    }
}

/// The time in the output of TypeScript, where an input of 0 means "now".
fn written_time(case: &Case) -> Timestamp {
    let written = case.written().as_str().unwrap();
    let payload = written.split('.').next().unwrap();
    let payload: Value = serde_json::from_slice(&decode(payload).unwrap()).unwrap();
    let given = case.number("timestamp");
    let time = payload["t"].as_i64().unwrap();
    assert!(given == 0 || given == time, "{}", case.id);
    Timestamp::from_millis(time)
}

pub(crate) fn sign_secure_token(case: &Case) {
    case.assert_writes(signer(case).sign_token(case.text("payload")));
}

pub(crate) fn unsign(case: &Case) {
    let now = Timestamp::from_millis(0);
    let read = signer(case).unsign_payload(case.text("signed"), None, now);
    case.assert_reads(read.map(Value::Object).map_err(Into::into));
}

/// Upstream has the comparison reversed; ours rejects signatures older than the expiry.
pub(crate) fn unsign_expiry(case: &Case) {
    let expiry = case.number("expiry");
    let now = Timestamp::from_millis(case.number("now_ms"));
    let expiry_time = u64::try_from(expiry).map(Duration::from_secs).unwrap();
    let read = signer(case).unsign_payload(case.text("signed"), Some(expiry_time), now);
    let late = now.as_millis() > 1_700_000_000_000 + expiry * 1000;
    match read {
        Ok(payload) => assert!(!late && payload["t"] == 1_700_000_000_000_i64, "{}", case.id),
        Err(error) => assert!(late && error == UnsignError::Expired, "{}: {error}", case.id),
    }
}

pub(crate) fn unsign_secure_token(case: &Case) {
    let signer = signer(case);
    let read = signer.unsign_token(case.text("signed"));
    case.assert_reads(read.map(Value::from).map_err(Into::into));
}
