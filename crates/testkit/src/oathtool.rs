//! Codes of an authenticator application, from a program that is not ours.
#![expect(clippy::unwrap_used, reason = "a failure here is one of the test")]

use std::process::Command;

/// The code of a base32 secret at a moment, as `oathtool` takes it: `now`, `now + 30 seconds`.
///
/// # Panics
///
/// If `oathtool` is missing or fails.
pub fn code(secret: &str, moment: &str) -> String {
    let oathtool = Command::new("oathtool")
        .args(["--totp", "--base32", "--now", moment, secret])
        .env("TZ", "UTC")
        .output()
        .unwrap();
    assert!(oathtool.status.success(), "{}", String::from_utf8_lossy(&oathtool.stderr));
    String::from_utf8(oathtool.stdout).unwrap().trim().to_owned()
}
