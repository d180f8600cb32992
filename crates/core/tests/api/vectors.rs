//! Every case of `vectors.json`, which the Python and TypeScript implementations produced.
//!
//! Inputs that either accepts are accepted here. Outputs are those of TypeScript, or those of
//! Python if only Python has the operation. Each exception is listed by its id and reason beside
//! its check.

mod cookie;
mod csrf;
mod encoding;
mod encrypt;
mod key;
mod name;
mod password;
mod random;
mod sign;
mod totp;

use std::collections::BTreeMap;

use crossauth_core::error::ErrorCode;
use serde::Deserialize;
use serde_json::Value;

/// Number of cases in the file.
const CASES: usize = 445;

#[derive(Deserialize)]
struct Vectors {
    groups: BTreeMap<String, Vec<Case>>,
}

/// One operation and the results of upstream.
#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) op: String,
    pub(crate) input: Value,
    pub(crate) python: Outcome,
    pub(crate) js: Outcome,
}

/// The result of an upstream implementation: `ok`, or `error` with the name of a code, or neither
/// if it failed in another way or lacks the operation.
#[derive(Deserialize)]
pub(crate) struct Outcome {
    #[serde(default, deserialize_with = "present")]
    pub(crate) ok: Option<Value>,
    pub(crate) error: Option<String>,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Case {
    /// A text of the input.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.input[name].as_str().unwrap_or_else(|| panic!("{}: no {name}", self.id))
    }

    /// A text of the input that may be missing.
    pub(crate) fn find_text(&self, name: &str) -> Option<&str> {
        self.input[name].as_str()
    }

    /// An integer of the input.
    pub(crate) fn number(&self, name: &str) -> i64 {
        self.input[name].as_i64().unwrap_or_else(|| panic!("{}: no {name}", self.id))
    }

    /// The expected output.
    pub(crate) fn written(&self) -> &Value {
        let ok = self.js.ok.as_ref().or(self.python.ok.as_ref());
        ok.unwrap_or_else(|| panic!("{}: nothing written", self.id))
    }

    /// Asserts that our output is the expected one.
    pub(crate) fn assert_writes(&self, ours: impl Into<Value>) {
        assert_eq!(&ours.into(), self.written(), "{}", self.id);
    }

    /// Asserts that input is accepted if either implementation accepts it, and otherwise rejected
    /// with their code.
    pub(crate) fn assert_reads(&self, ours: Result<Value, ErrorCode>) {
        let accepted: Vec<&Value> = [&self.js, &self.python]
            .into_iter()
            .filter_map(|outcome| outcome.ok.as_ref())
            .collect();
        match ours {
            Ok(ours) => assert!(accepted.contains(&&ours), "{}: reads {ours}", self.id),
            Err(code) => {
                assert!(accepted.is_empty(), "{}: refused with {code:?}", self.id);
                self.refused_with(code);
            }
        }
    }

    fn refused_with(&self, code: ErrorCode) {
        let codes = [&self.js, &self.python].map(|outcome| outcome.error.as_deref());
        if codes.iter().any(Option::is_some) {
            assert!(codes.contains(&Some(code.name())), "{}: refused with {code:?}", self.id);
        }
    }
}

/// The check for the cases of a group.
fn check_of(group: &str) -> fn(&Case) {
    match group {
        "password_hash" => password::hash,
        "authenticator_create_password_hash" => password::authenticator_hash,
        "encode_password_hash" => password::encode,
        "decode_password_hash" => password::decode,
        "passwords_equal" => password::equal,
        "validate_password" => password::validate,
        "sha256" => encoding::sha256,
        "base64" => encoding::base64,
        "sign" => sign::sign,
        "sign_secure_token" => sign::sign_secure_token,
        "unsign" => sign::unsign,
        "unsign_expiry" => sign::unsign_expiry,
        "unsign_secure_token" => sign::unsign_secure_token,
        "symmetric_encrypt" => encrypt::encrypt,
        "symmetric_decrypt" => encrypt::decrypt,
        "xor" => csrf::xor,
        "csrf_cookie" => cookie::csrf,
        "csrf_form_token" => csrf::form,
        "csrf_pair" => csrf::pair,
        "session_cookie" => cookie::session,
        "session_expiry" => cookie::expiry,
        "hash_session_id" => key::session_id,
        "api_key" => key::api_key,
        "email_token_hash" => key::email_token,
        "encode_data" => key::data,
        "normalize" => name::normalize,
        "validate_email" => name::email,
        "totp" => totp::code,
        "totp_verify" => totp::verify,
        "totp_uri" => totp::uri,
        "random_format" => random::format,
        "zero_pad" => random::zero_pad,
        _ => panic!("nothing checks the group {group}"),
    }
}

#[test]
fn every_upstream_vector_passes() {
    let vectors: Vectors = serde_json::from_str(include_str!("vectors.json")).unwrap();
    let mut checked = 0;
    for (group, cases) in &vectors.groups {
        let check = check_of(group);
        for case in cases {
            check(case);
            checked += 1;
        }
    }
    assert_eq!(checked, CASES);
}
