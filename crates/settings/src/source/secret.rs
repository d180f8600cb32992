//! Secrets in separate files.

use std::fs;
use std::path::Path;

/// Reads a secret from a file, without the final line break.
pub(super) fn read_secret(path: &Path) -> Result<String, String> {
    let text = fs::read_to_string(path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    // An error: an empty file must not mean "no secret".
    if secret.is_empty() {
        return Err(format!("{} is empty", path.display()));
    }
    Ok(secret.to_owned())
}
