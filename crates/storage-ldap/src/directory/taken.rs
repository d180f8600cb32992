//! Whether an entry has a username or an e-mail address.

use crossauth_core::directory::{DirectoryError, DirectoryErrorKind};

use super::LdapDirectory;

impl LdapDirectory {
    pub(super) async fn is_taken_now(&self, name: &str) -> Result<bool, DirectoryError> {
        self.check_readable()?;
        let Some(search) = self.lookup.search_all(name, self.mapping.names()) else {
            return Ok(false);
        };
        let turn = self.pool.turn().await?;
        match turn.search(&search).await {
            // A server that refers to another one for all entries does not say that there is none.
            Ok(found) => Ok(!found.entries.is_empty() || found.is_partial),
            Err(error) if error.kind == DirectoryErrorKind::TooLarge => Ok(true),
            Err(error) => Err(error),
        }
    }
}
