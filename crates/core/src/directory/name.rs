//! Usernames and e-mail addresses of entries.

use std::sync::Arc;

use super::{CountedDirectory, DirectoryConfig, DirectoryError, DirectoryErrorKind, FirstLogin};

/// The usernames and addresses of entries whose first login creates their accounts: local accounts must
/// not get them, as those entries then could not log in.
#[derive(Clone)]
pub(crate) struct EntryNames(Option<Arc<CountedDirectory>>);

impl EntryNames {
    pub(crate) fn new(
        directory: Option<&Arc<CountedDirectory>>,
        config: Option<&DirectoryConfig>,
    ) -> Self {
        let creates = config.is_some_and(|config| config.first_login == FirstLogin::CreatesAccount);
        Self(directory.filter(|_| creates).cloned())
    }

    /// Whether an entry has this username or address, where the directory can be asked without a
    /// password.
    pub(crate) async fn have(&self, name: &str) -> Result<bool, DirectoryError> {
        let Some(directory) = &self.0 else { return Ok(false) };
        match directory.is_taken(name).await {
            Err(error) if error.kind == DirectoryErrorKind::Configuration => {
                tracing::warn!(%error, "it is unknown which usernames and addresses the directory has");
                Ok(false)
            }
            answer => answer,
        }
    }
}
