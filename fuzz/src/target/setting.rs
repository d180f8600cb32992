//! Settings of an operator.

use crossauth_core::storage::memory::MemoryStorage;
use crossauth_core::user::Normalization;
use crossauth_settings::{Inputs, Program};

/// Lines `NAME=value`: upper-case names are variables, others are keys.
///
/// Valid settings build a site; the error of invalid ones is one line.
pub(crate) fn any(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut inputs = Inputs::new(Program::Application);
    // The path of a file would be opened.
    for line in text.lines().take(8).filter(|line| !line.starts_with("CROSSAUTH_CONFIG")) {
        inputs = match line.split_once('=') {
            Some((name, value)) if name.starts_with("CROSSAUTH_") && !value.contains('\0') => {
                inputs.environment([(name, value)])
            }
            _ => inputs.assignment(line),
        };
    }
    match inputs.load() {
        Ok(configuration) => {
            // Detected only when the site is built: files, and resources of the machine.
            if !["templates", "threads"].iter().any(|name| text.to_lowercase().contains(name)) {
                let storage = MemoryStorage::new(Normalization::Nfkc).storage();
                let builder = configuration.settings.builder().storage(storage);
                let built = builder.secret("the secret of a site that is fuzzed").build();
                assert!(built.is_ok(), "{text:?} passes, but {:?}", built.err());
            }
        }
        Err(problems) => assert!(!problems.to_string().is_empty()),
    }
}
