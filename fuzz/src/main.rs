//! One target under libFuzzer; the variable `FUZZ_TARGET` names it. See `scripts/fuzz`.
#![no_main]

use std::sync::LazyLock;

static TARGET: LazyLock<String> = LazyLock::new(|| {
    #[expect(clippy::disallowed_methods, reason = "libFuzzer reads the command line")]
    std::env::var("FUZZ_TARGET").unwrap_or_default()
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| crossauth_fuzz::run(&TARGET, input));
