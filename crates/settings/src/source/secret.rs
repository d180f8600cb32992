//! Secrets in files of their own.

use std::fs;
use std::path::Path;

/// The secret in a file of its own, without the line break at its end.
pub(super) fn read_secret(path: &Path) -> Result<String, String> {
    let text = fs::read_to_string(path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    // A secret that has not been put there yet must not count as one that is not wanted.
    if secret.is_empty() {
        return Err(format!("{} is empty", path.display()));
    }
    Ok(secret.to_owned())
}
