//! Settings as an operator writes them.

use crossauth_core::storage::memory::MemoryStorage;
use crossauth_core::user::Normalization;
use crossauth_settings::{Inputs, Program};

/// Lines `NAME=value`: upper-case names are variables, others are keys.
///
/// Settings that pass the check make a site, and a text that does not pass says why in one line.
pub(crate) fn any(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut inputs = Inputs::new(Program::Application);
    // The name of a file would lead out of what is tested.
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
            // These are found out when the site is built: files, and what the machine can bear.
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
