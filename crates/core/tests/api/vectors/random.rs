use std::num::NonZeroUsize;
use std::sync::Mutex;

use crossauth_core::crypto;
use crossauth_core::random::{Random, SystemRandom};

use super::Case;

/// Returns the bytes of a case; panics beyond them.
struct Given(Mutex<Vec<u8>>);

impl Random for Given {
    fn fill(&self, bytes: &mut [u8]) {
        let mut given = self.0.lock().unwrap();
        assert!(given.len() >= bytes.len(), "more bytes are used than upstream used");
        let rest = given.split_off(bytes.len());
        bytes.copy_from_slice(&given);
        *given = rest;
    }
}

pub(crate) fn bytes_from_hex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

pub(crate) fn format(case: &Case) {
    let given = Given(Mutex::new(bytes_from_hex(case.find_text("bytes_hex").unwrap_or_default())));
    let len = || usize::try_from(case.number("length")).unwrap();
    match case.op.as_str() {
        "random_value" => case.assert_writes(crypto::random_value(&given, len())),
        "random_salt" => case.assert_writes(crypto::random_salt(&given)),
        "random_base32" => base32(case, &given, len()),
        "uuid_format" => case.assert_writes(shape(&crypto::uuid(&SystemRandom))),
        op => panic!("unknown operation {op}"),
    }
    let left = given.0.lock().unwrap().len();
    assert_eq!(left, 0, "{}: fewer bytes are used than upstream used", case.id);
}

/// TypeScript always makes groups of four; ours follows Python.
fn base32(case: &Case, given: &Given, len: usize) {
    let dash_every = case.input["dashEvery"].as_u64().map(|n| usize::try_from(n).unwrap());
    let text = crypto::random_base32(given, len, dash_every.and_then(NonZeroUsize::new));
    assert_eq!(text, *case.python.ok.as_ref().unwrap(), "{}", case.id);
    if dash_every.is_none_or(|every| every == 4) {
        case.assert_writes(text);
    }
}

/// The text with an `h` for each hexadecimal digit.
fn shape(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_hexdigit() { 'h' } else { c }).collect()
}

pub(crate) fn zero_pad(case: &Case) {
    let number = u64::try_from(case.number("num")).unwrap();
    case.assert_writes(crypto::zero_pad(number, usize::try_from(case.number("places")).unwrap()));
}
