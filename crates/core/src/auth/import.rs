//! What imports of other databases need.

use super::Auth;
use crate::storage::StorageError;
use crate::user::UserSecrets;

impl Auth {
    /// Encrypts the secrets of a user of another database as those are that are stored here.
    pub fn seal_imported(&self, secrets: UserSecrets) -> Result<UserSecrets, StorageError> {
        self.deps.vault.seal_imported(secrets)
    }
}
